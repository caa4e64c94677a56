import StrataCore

extension ModelDiff {
  /// The differences and the totals; blocks that differ alike are named instead of repeated, unless `isFull`.
  public func text(full isFull: Bool = false) -> String {
    var lines: [String] = []
    var blocks: [(parent: String, changes: [Change])] = []
    for change in changes where isFull || change.kind != .moved {
      if let last = blocks.last, last.parent == change.parent, !isFull {
        blocks[blocks.count - 1].changes.append(change)
      } else {
        blocks.append((change.parent, [change]))
      }
    }
    var position = 0
    while position < blocks.count {
      let block = blocks[position]
      lines += block.changes.map(\.line)
      let same =
        isFull ? [] : blocks[(position + 1)...].prefix { $0.changes.map(\.kin) == block.changes.map(\.kin) }
      if !same.isEmpty { lines.append("  ... same in " + same.map(\.parent).joined(separator: ", ")) }
      position += 1 + same.count
    }
    let moved = changes.filter { $0.kind == .moved }
    if !isFull, let first = moved.first {
      let count = moved.count == 1 ? "1 layer is" : "\(moved.count) layers are"
      lines.append(
        "> \(count) the same under another path: \(first.path) -> \(first.newPath ?? "")"
          + (moved.count > 1 ? ", …" : ""))
    }
    if changes.isEmpty, isWiredAlike == false {
      lines.append("the layers are the same, but \(wiring)")
    }
    lines.append(isEmpty ? "no difference in \(sameCount) layers; " + totals : totals)
    return lines.joined(separator: "\n")
  }

  /// What is connected differently although the layers are the same.
  private var wiring: String {
    guard let before, let after else { return "they are connected differently" }
    let others = after.uncounted[.torchvision] ?? []
    for operation in before.uncounted[.torchvision] ?? [] {
      let count = others.first { $0.name == operation.name }?.count ?? 0
      if count != operation.count { return "\(operation.name) occurs \(operation.count) times -> \(count)" }
    }
    return "they are connected differently"
  }

  /// `parameters equal (25,557,032); MACs 4,089,184,256 -> 3,857,973,248; receptive field 427 -> 483`.
  var totals: String {
    figures.map { name, a, b in a == b ? "\(name) equal (\(a))" : "\(name) \(a) -> \(b)" }
      .joined(separator: "; ")
  }

  /// Those of the totals that differ.
  var differingTotals: [String] { figures.filter { $0.before != $0.after }.map { "\($0) \($1) -> \($2)" } }

  private var figures: [(name: String, before: String, after: String)] {
    var figures = [("parameters", Text.grouped(parameters.before), Text.grouped(parameters.after))]
    guard let before, let after else { return figures }
    figures.append(("MACs", Text.grouped(before.macs), Text.grouped(after.macs)))
    func field(_ summary: ModelSummary) -> String? {
      summary.field.map { $0.isSquare ? "\($0.height)" : $0.times }
    }
    if let a = field(before), let b = field(after) { figures.append(("receptive field", a, b)) }
    if before.output != after.output { figures.append(("output", "\(before.output)", "\(after.output)")) }
    return figures
  }
}

extension ModelDiff.Change {
  /// The path of the module around the layer.
  fileprivate var parent: String { String(path[..<(path.lastIndex(of: ".") ?? path.startIndex)]) }

  /// What a change in another block has in common with this one if both change alike.
  fileprivate var kin: [String] {
    let name = path.split(separator: ".").last.map(String.init) ?? ""
    return [kind.rawValue, name] + (details.isEmpty ? [layer] : details)
  }

  /// `~ layer2.0.conv1  stride (1, 1) -> (2, 2)   MACs 102,760,448 -> 25,690,112`.
  var line: String {
    switch kind {
    case .changed:
      var line = "~ \(path)\(newPath.map { " -> \($0)" } ?? "")  \(details.joined(separator: ", "))"
      if parameters.before != parameters.after {
        line += "   parameters \(Text.grouped(parameters.before)) -> \(Text.grouped(parameters.after))"
      }
      if let macs, macs.before != macs.after {
        line += "   MACs \(Text.grouped(macs.before)) -> \(Text.grouped(macs.after))"
      }
      return line
    case .missing: return "- \(path)  \(layer)" + cost(parameters.before)
    case .surplus: return "+ \(path)  \(layer)" + cost(parameters.after)
    case .moved: return "> \(path) -> \(newPath ?? "")  \(layer)"
    }
  }

  private func cost(_ parameters: Int) -> String {
    parameters == 0 ? "" : "   parameters \(Text.grouped(parameters))"
  }
}
