import StrataCore

extension ModelSummary {
  /// What each convention counts, and what makes the figures differ from multiply-accumulates.
  public var reconciliation: String {
    var rows = [["Convention", "Operations", "Difference", "Made of"]]
    for convention in CountingConvention.allCases {
      let difference = operations(convention) - macs
      rows.append([
        convention.rawValue, Text.grouped(operations(convention)),
        difference == 0 ? "" : (difference > 0 ? "+" : "") + Text.grouped(difference),
        explanation(convention),
      ])
    }
    let columns = (0..<3).map { column in rows.map { Text.width($0[column]) }.max() ?? 0 }
    let table = rows.map { row in
      let cells = (0..<3).map { column in
        let padding = String(repeating: " ", count: columns[column] - Text.width(row[column]))
        return column == 0 ? row[0] + padding : padding + row[column]
      }
      return (cells + [row[3]]).joined(separator: "  ")
    }
    let rules = CountingConvention.allCases.map { (label: $0.rawValue, value: $0.rule) }
    return table.joined(separator: "\n") + "\n\n" + Text.pairs(rules) + "\n\n" + blindSpots
  }

  /// `multiply-accumulates + 1,000 biases of linear layers + 53,120 batch norm`.
  private func explanation(_ convention: CountingConvention) -> String {
    if convention == .flops { return "2 × multiply-accumulates" }
    let parts = self.parts[convention] ?? [:]
    let base: [CountingConvention.Part] = [.convolution, .linear, .matmul]
    var words = ["multiply-accumulates"]
    for part in CountingConvention.Part.allCases {
      // What the tool leaves out of the products shows as a difference too.
      let count = (parts[part] ?? 0) - (base.contains(part) ? self.parts[.torchvision]?[part] ?? 0 : 0)
      if count != 0 { words.append("\(count < 0 ? "−" : "+") \(Text.grouped(abs(count))) \(part.label)") }
    }
    return words.joined(separator: " ")
  }

  /// The operations that no convention counts, and those that some do not.
  private var blindSpots: String {
    let lists = CountingConvention.allCases.map { Set((uncounted[$0] ?? []).map(\.name)) }
    let never = lists.dropFirst().reduce(lists[0]) { $0.intersection($1) }
    let all = uncounted[.torchvision] ?? []
    let nowhere = all.filter { never.contains($0.name) }.map { "\($0.name) \($0.count)" }
    var lines: [String] = []
    if !nowhere.isEmpty { lines.append("Counted by none: " + nowhere.joined(separator: ", ")) }
    for convention in CountingConvention.allCases {
      let missed = (uncounted[convention] ?? []).filter { !never.contains($0.name) }
      guard !missed.isEmpty else { continue }
      let names = missed.map { "\($0.name) \($0.count)" }.joined(separator: ", ")
      lines.append("Not counted by \(convention.rawValue): \(names)")
    }
    return lines.joined(separator: "\n")
  }
}

extension CountingConvention.Part {
  /// What the part is called in a sentence.
  var label: String {
    switch self {
    case .convolution: "convolutions"
    case .linear: "linear layers"
    case .matmul: "matrix products"
    case .convolutionBias: "biases of convolutions"
    case .linearBias: "biases of linear layers"
    case .batchNorm: "batch norm"
    case .layerNorm: "layer norm"
    case .averagePool: "average pooling"
    case .softmax: "softmax"
    }
  }
}
