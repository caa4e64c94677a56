import StrataCore

/// A diagram in the language of Graphviz.
struct DiagramDot {
  private var lines: [String] = []
  private var count = 0

  /// What stands for each value where a line begins.
  private typealias Sources = [Int: String]

  /// Writes a network, blocks down to a depth as clusters.
  static func text(_ block: DiagramBlock, depth: Int, words: ReportWords) -> String {
    var writer = DiagramDot()
    let font = "fontname=\"monospace\""
    writer.lines = [
      "digraph \(quoted(block.typeName)) {", "  graph [\(font), style=\"rounded\", color=\"#7f7f7f\"];",
      "  node [shape=box, style=\"rounded\", \(font), fontsize=11];", "  edge [\(font), fontsize=10];",
    ]
    let input = writer.add(words.input, "  ", shape: "oval")
    let values = Set(block.links.filter { $0.from == .entry }.map(\.value))
    let ends = writer.write(
      inside: block, depth: depth, Dictionary(uniqueKeysWithValues: values.map { ($0, input) }), "  ")
    let output = writer.add(words.output, "  ", shape: "oval")
    for link in block.links where link.to == .exit {
      if let source = ends[link.value] { writer.connect(source, output, link.shape, "  ") }
    }
    return writer.lines.joined(separator: "\n") + "\n}\n"
  }

  private mutating func add(
    _ label: String, _ indent: String, shape: String? = nil, colour: String? = nil
  ) -> String {
    count += 1
    var settings = ["label=\(Self.quoted(label))"]
    if let shape { settings.append("shape=\(shape)") }
    if let colour { settings.append("color=\(Self.quoted(colour))") }
    lines.append("\(indent)n\(count) [\(settings.joined(separator: ", "))];")
    return "n\(count)"
  }

  private mutating func connect(_ from: String, _ to: String, _ shape: Shape, _ indent: String) {
    lines.append("\(indent)\(from) -> \(to) [label=\(Self.quoted(Text.flow(shape)))];")
  }

  /// Writes the blocks inside one with their lines; returns where the values begin that leave it.
  private mutating func write(
    inside block: DiagramBlock, depth: Int, _ incoming: Sources, _ indent: String
  ) -> Sources {
    var outgoing = [Sources](repeating: [:], count: block.blocks.count)
    func source(_ link: DiagramBlock.Link) -> String? {
      switch link.from {
      case .entry: incoming[link.value] ?? incoming.values.sorted().first
      // Of folded blocks the value is the last one's, and what is drawn the first one.
      case .block(let index): outgoing[index][link.value] ?? outgoing[index].values.sorted().first
      case .exit: nil
      }
    }
    for (index, inner) in block.blocks.enumerated() {
      let links = block.links.filter { $0.to == .block(index) }
      let values = block.links.filter { $0.from == .block(index) }.map(\.value)
      if inner.isContainer, depth > 1 {
        count += 1
        lines.append("\(indent)subgraph cluster_\(count) {")
        let title = [inner.title, inner.typeTitle].filter { !$0.isEmpty }.joined(separator: " ")
        lines.append("\(indent)  label=\(Self.quoted(title));")
        var sources: Sources = [:]
        for link in links { sources[link.value] = source(link) }
        outgoing[index] = write(inside: inner, depth: depth - 1, sources, indent + "  ")
        lines.append("\(indent)}")
      } else {
        let second = [inner.typeTitle, inner.detail].filter { !$0.isEmpty }.joined(separator: " ")
        let label = [inner.title, second].filter { !$0.isEmpty }.joined(separator: "\n")
        let node = add(label, indent, colour: inner.kind.colour)
        for link in links { if let source = source(link) { connect(source, node, link.shape, indent) } }
        for value in values { outgoing[index][value] = node }
        // A block whose value nobody reads is still one end of its lines.
        if values.isEmpty { outgoing[index][-1] = node }
      }
    }
    var result: Sources = [:]
    for link in block.links where link.to == .exit { result[link.value] = source(link) }
    return result
  }

  /// Text in quotation marks; a line's end stays one.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for character in text {
      switch character {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      default: result.append(character)
      }
    }
    return result + "\""
  }
}
