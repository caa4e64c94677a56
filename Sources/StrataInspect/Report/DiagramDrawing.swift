import StrataCore

/// A block drawn with all inside it, down to a depth.
struct DiagramDrawing {
  let width: Double
  let height: Double
  /// Where lines enter at the top, counted from the left.
  private(set) var entry: Double
  /// Where lines leave at the bottom.
  private(set) var exit: Double
  /// The drawing's elements, its left upper corner at 0, 0.
  let svg: String

  /// The width of a character of the drawing's font and size, with a little to spare: fonts differ.
  private static let characterWidth = 7.3
  private static let header = 22.0
  private static let padding = 10.0

  /// Draws a block; at depth 0 as a box, else with the blocks inside it.
  init(_ block: DiagramBlock, depth: Int, words: ReportWords) {
    if block.isContainer, depth > 0 {
      self.init(container: block, depth: depth, words)
    } else {
      self.init(box: block, words)
    }
  }

  /// Draws what is inside a block between its input and output.
  init(network block: DiagramBlock, depth: Int, words: ReportWords) {
    self.init(inside: block, depth: depth, words, ends: (Self.pill(words.input), Self.pill(words.output)))
  }

  private init(width: Double, height: Double, svg: String) {
    (self.width, self.height, self.svg) = (width, height, svg)
    (entry, exit) = (width / 2, width / 2)
  }

  static func textWidth(_ text: String) -> Double { characterWidth * Double(Text.width(text)) }

  // MARK: Boxes

  private init(box block: DiagramBlock, _ words: ReportWords) {
    let second = [block.typeTitle, block.detail].filter { !$0.isEmpty }.joined(separator: " ")
    let lines = [block.title, second].filter { !$0.isEmpty }
    let isSign = lines.count == 1 && second.count == 1
    let width = isSign ? 24 : (lines.map(Self.textWidth).max() ?? 0) + 22
    let height = isSign ? 24.0 : lines.count == 1 ? 24 : 38
    var svg = "<g class=\"b \(block.kind.rawValue)\"><title>\(Markup.escaped(block.tooltip(words)))</title>"
    svg += Self.rectangle(width, height, radius: isSign ? 12 : 4)
    if isSign {
      svg += "<text class=\"n\" x=\"12\" y=\"16\" text-anchor=\"middle\">\(Markup.escaped(second))</text>"
    } else {
      svg += "<path class=\"k\" d=\"M2 4V\(Markup.length(height - 4))\"/>"
      for (index, line) in lines.enumerated() {
        let style = index == 0 ? "n" : "s"
        svg += "<text class=\"\(style)\" x=\"12\" y=\"\(16 + 15 * index)\">\(Markup.escaped(line))</text>"
      }
    }
    self.init(width: width, height: height, svg: svg + "</g>")
  }

  private static func pill(_ text: String) -> DiagramDrawing {
    let width = textWidth(text) + 26
    let svg =
      "<g class=\"b end\">" + rectangle(width, 24, radius: 12)
      + "<text class=\"n\" x=\"\(Markup.length(width / 2))\" y=\"16\" text-anchor=\"middle\">"
      + Markup.escaped(text) + "</text></g>"
    return DiagramDrawing(width: width, height: 24, svg: svg)
  }

  private static func rectangle(_ width: Double, _ height: Double, radius: Int) -> String {
    "<rect width=\"\(Markup.length(width))\" height=\"\(Markup.length(height))\" rx=\"\(radius)\"/>"
  }

  private init(container block: DiagramBlock, depth: Int, _ words: ReportWords) {
    let point = DiagramDrawing(width: 2, height: 0, svg: "")
    let inside = DiagramDrawing(inside: block, depth: depth, words, ends: (point, point), isNested: true)
    let title = block.title.isEmpty ? block.typeTitle : block.title
    let type = block.title.isEmpty ? "" : block.typeTitle
    let heading = Self.textWidth(title) + (type.isEmpty ? 0 : Self.textWidth(type) + 8) + 20
    let left = max(Self.padding, (heading - inside.width) / 2)
    width = max(left + inside.width + Self.padding, heading)
    height = inside.height + Self.header
    var svg = "<g class=\"c\"><title>\(Markup.escaped(block.tooltip(words)))</title>"
    svg += Self.rectangle(width, height, radius: 6)
    svg += "<text x=\"10\" y=\"16\"><tspan class=\"n\">\(Markup.escaped(title))</tspan>"
    if !type.isEmpty { svg += "<tspan class=\"s\" dx=\"8\">\(Markup.escaped(type))</tspan>" }
    svg += "</text></g>"
    let (x, y) = (Markup.length(left), Markup.length(Self.header))
    entry = left + inside.entry
    exit = left + inside.exit
    // The line does not run through the heading.
    if entry > heading - 8 { svg += "<path class=\"e\" d=\"M\(Markup.length(entry)) 0V\(y)\"/>" }
    self.svg = svg + "<g transform=\"translate(\(x) \(y))\">\(inside.svg)</g>"
  }

  // MARK: Levels

  private init(
    inside block: DiagramBlock, depth: Int, _ words: ReportWords, ends: (DiagramDrawing, DiagramDrawing),
    isNested: Bool = false
  ) {
    let drawings =
      [ends.0] + block.blocks.map { DiagramDrawing($0, depth: depth - 1, words: words) } + [ends.1]
    var nets = block.nets
    for index in nets.indices {
      let net = nets[index]
      // What enters and leaves a block is labelled outside of it.
      let isKnown = isNested && (net.from == 0 || net.targets == [drawings.count - 1])
      if isKnown { nets[index].label = "" }
    }
    let layout = LayeredLayout(
      drawings.map { .init(width: $0.width, height: $0.height, entry: $0.entry, exit: $0.exit) },
      nets.map {
        .init(
          source: $0.from, targets: $0.targets,
          labelWidth: $0.label.isEmpty ? 0 : Self.textWidth($0.label) * 0.92)
      })
    var svg = ""
    for (net, route) in zip(nets, layout.routes) {
      // What leaves a block has its arrowhead outside of it.
      svg += Self.line(route, label: net.label, headless: isNested ? drawings.count - 1 : nil)
    }
    for (drawing, place) in zip(drawings, layout.places) where !drawing.svg.isEmpty {
      let (x, y) = (Markup.length(place.x), Markup.length(place.y))
      svg += "<g transform=\"translate(\(x) \(y))\">\(drawing.svg)</g>"
    }
    width = layout.width
    height = layout.height
    entry = layout.places[0].x + drawings[0].entry
    exit = layout.places[drawings.count - 1].x + drawings[drawings.count - 1].exit
    self.svg = svg
  }

  /// The lines of a value with their arrowheads and its label.
  private static func line(_ route: LayeredLayout.Route, label: String, headless: Int?) -> String {
    guard let first = route.runs.first, let last = route.ends.map(\.run).max() else { return "" }
    func text(_ numbers: Double...) -> String { numbers.map(Markup.length).joined(separator: " ") }
    var path = "M" + text(first.x, first.top)
    var (x, y) = (first.x, first.bottom)
    /// Goes on to a point; straight parts in a row are written as one.
    func go(to end: (x: Double, y: Double)) {
      if abs(end.x - x) >= 0.05 {
        let middle = (y + end.y) / 2
        path += "V" + text(y) + "C" + text(x, middle, end.x, middle, end.x, end.y)
      }
      (x, y) = (end.x, end.y)
    }
    for run in route.runs.dropFirst().prefix(last) {
      go(to: (run.x, run.top))
      y = run.bottom
    }
    var heads = ""
    for end in route.ends.sorted(by: { $0.run > $1.run }) {
      let run = route.runs[end.run]
      // The first end goes on from the last run, others leave the line where their run ends.
      if (x, y) != (run.x, run.bottom) {
        path += "V" + text(y) + "M" + text(run.x, run.bottom)
        (x, y) = (run.x, run.bottom)
      }
      go(to: (end.x, end.y))
      guard end.target != headless else { continue }
      let (left, right) = (text(end.x - 3.5, end.y - 6), text(end.x + 3.5, end.y - 6))
      heads += "M\(left)L\(text(end.x, end.y))L\(right)Z"
    }
    path += "V" + text(y)
    var svg = "<path class=\"e\" d=\"\(path)\"/>"
    if !heads.isEmpty { svg += "<path class=\"h\" d=\"\(heads)\"/>" }
    if !label.isEmpty, route.label < route.runs.count {
      let run = route.runs[route.label]
      svg += "<text class=\"l\" x=\"\(text(run.x + 6))\" y=\"\(text(run.top + 11))\">"
      svg += Markup.escaped(label) + "</text>"
    }
    return svg
  }
}

extension DiagramBlock {
  /// A value with its readers; ends are counted from the entry, 0, over the blocks to the exit.
  struct Net {
    let from: Int
    var targets: [Int]
    var label: String
    fileprivate let value: Int
  }

  /// The links of the level, those of one value together.
  var nets: [Net] {
    func place(_ end: End) -> Int {
      switch end {
      case .entry: 0
      case .exit: blocks.count + 1
      case .block(let index): index + 1
      }
    }
    var nets: [Net] = []
    for link in links {
      let (from, to) = (place(link.from), place(link.to))
      guard from < to else { continue }
      if let index = nets.firstIndex(where: { $0.from == from && $0.value == link.value }) {
        if !nets[index].targets.contains(to) { nets[index].targets.append(to) }
      } else {
        nets.append(Net(from: from, targets: [to], label: Text.flow(link.shape), value: link.value))
      }
    }
    return nets
  }

  /// What a box says when it is pointed at.
  func tooltip(_ words: ReportWords) -> String {
    var lines = [path.isEmpty ? typeName : "\(path): \(typeName)" + (settings.isEmpty ? "" : "(\(settings))")]
    if count > 1 { lines.append("\(title): \(typeTitle)") }
    lines.append("→ \(output)")
    if parameters > 0 { lines.append("\(words.parameters)\(words.colon)\(Text.grouped(parameters))") }
    if macs > 0 { lines.append("\(words.macs)\(words.colon)\(Text.grouped(macs))") }
    return lines.joined(separator: "\n")
  }
}
