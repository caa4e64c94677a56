import StrataCore

/// What each layer costs, as bars: parameters, MACs and memory side by side, each with a scale of its own.
struct LayerBars {
  /// More lines than this are hard to take in: layers are then added up by block.
  private static let mostLines = 64

  /// A line of bars.
  struct Line {
    let name: String
    /// The class, where the name does not say it.
    let typeName: String
    let parameters: Int
    let macs: Int
    let bytes: Int
  }

  let lines: [Line]
  /// Whether lines stand for blocks and not for single layers.
  let isGrouped: Bool

  init(_ summary: ModelSummary) {
    let all = Self.lines(summary, depth: .max)
    guard all.count > Self.mostLines else {
      (lines, isGrouped) = (all, false)
      return
    }
    var depth = summary.rows.map(\.depth).max() ?? 0
    var grouped = all
    while depth > 1, grouped.count > Self.mostLines {
      depth -= 1
      grouped = Self.lines(summary, depth: depth)
    }
    (lines, isGrouped) = (grouped, true)
  }

  /// The lines that remain where modules of a depth stand for all inside them.
  private static func lines(_ summary: ModelSummary, depth: Int) -> [Line] {
    summary.rows.compactMap { row in
      let isShown = row.kind == .container ? row.depth == depth : row.depth <= depth
      guard isShown, row.parameters + row.macs + row.activationBytes > 0 else { return nil }
      let path = row.path.isEmpty ? row.typeName : row.path
      let name =
        switch row.kind {
        case .operation: row.path.isEmpty ? row.typeName : "\(row.path) \(row.typeName)"
        case .layer, .container: row.call > 1 ? "\(path) #\(row.call)" : path
        case .parameter: path
        }
      let isNamed = row.kind == .layer || row.kind == .container
      return Line(
        name: name, typeName: isNamed && name != row.typeName ? row.typeName : "", parameters: row.parameters,
        macs: row.macs, bytes: row.activationBytes)
    }
  }

  func html(_ words: ReportWords) -> String {
    let columns: [(title: String, style: String, value: (Line) -> Int, text: (Int) -> String)] = [
      (words.parameters, "p", \.parameters, { Text.short($0) }),
      (words.macs, "m", \.macs, { Text.short($0) }),
      (words.memory, "r", \.bytes, { Text.bytes(Double($0)) }),
    ]
    let largest = columns.map { column in max(1, lines.map(column.value).max() ?? 1) }
    let heads = columns.map { "<th scope=\"col\">\(Markup.escaped($0.title))</th>" }.joined()
    var html =
      "<table class=\"bars\"><thead><tr><th scope=\"col\">"
      + "\(Markup.escaped(isGrouped ? words.block : words.layer))</th>\(heads)</tr></thead><tbody>\n"
    for line in lines {
      html += "<tr><th scope=\"row\">\(Markup.breakable(line.name))"
      if !line.typeName.isEmpty { html += " <em>\(Markup.breakable(line.typeName))</em>" }
      html += "</th>"
      for (column, largest) in zip(columns, largest) {
        let value = column.value(line)
        html += "<td>"
        if value > 0 {
          let share = Markup.length(max(0.5, 100 * Double(value) / Double(largest)))
          html += "<svg class=\"bar\" viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\" "
          html += "aria-hidden=\"true\">"
          html += "<rect class=\"\(column.style)\" width=\"\(share)\" height=\"1\"/></svg>"
          html += "<span>\(column.text(value))</span>"
        }
        html += "</td>"
      }
      html += "</tr>\n"
    }
    return html + "</tbody></table>"
  }
}
