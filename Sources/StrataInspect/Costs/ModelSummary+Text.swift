import StrataCore

extension ModelSummary {
  /// How a summary is written.
  public struct Style: Sendable, Hashable {
    /// The columns.
    public var columns = SummaryColumn.standard
    /// How deep modules are shown; nil for all.
    public var depth: Int?
    /// The column by which layers are listed, largest first; nil for the tree in the order of calls.
    public var order: SummaryColumn?
    /// What is counted as an operation.
    public var convention = CountingConvention.torchvision
    /// The optimiser that training is predicted for.
    public var optimizer = TrainingOptimizer.sgdMomentum

    /// Creates the style that is used where nothing is asked for.
    public init() {}
  }

  /// The lines that a style shows: down to a depth, or without containers in falling order of a column.
  func shown(_ style: Style) -> [Row] {
    let visible = rows.filter { $0.depth <= style.depth ?? .max }
    guard let order = style.order else { return visible }
    // Lines at the greatest depth stand for all below them.
    let ends = visible.filter { $0.kind != .container || $0.depth == style.depth }
    func value(_ row: Row) -> Int {
      switch order {
      case .params, .paramshare: row.parameters
      case .trainable: row.trainableParameters
      case .frozen: row.frozenParameters
      case .shared: row.sharedParameters
      case .macs, .share: row.operations[style.convention]
      case .memory: row.activationBytes
      case .field: row.field?.height ?? .max
      case .stride: row.stride?.height ?? 0
      case .kernel: row.kernel.map { $0.height * $0.width } ?? 0
      case .output: row.output?.elementCount ?? 0
      case .input: row.input?.elementCount ?? 0
      case .layer, .type, .call: 0
      }
    }
    return ends.enumerated().sorted { (value($1.element), $0.offset) < (value($0.element), $1.offset) }
      .map(\.element)
  }

  /// The table and the totals for people.
  public func text(_ style: Style = Style()) -> String {
    let rows = shown(style)
    let trunks = style.order == nil ? Self.trunks(rows.map(\.depth)) : nil
    let table = rows.enumerated().map { index, row in
      style.columns.map { column in
        guard column == .layer else { return column.text(row, of: self, style.convention) }
        if let trunks { return trunks[index] + row.label }
        return row.kind == .operation ? "\(row.path) \(row.label)" : "\(row.path)  \(row.typeName)"
      }
    }
    let titles = style.columns.map { $0.title(style.convention) }
    return Text.table([titles] + table) + "\n\n" + totals(style)
  }

  /// The table and the totals in Markdown.
  public func markdown(_ style: Style = Style()) -> String {
    let table = shown(style).map { row in
      style.columns.map { column -> String in
        guard column == .layer else { return column.text(row, of: self, style.convention) }
        return row.kind == .operation ? "\(row.path) \(row.label)" : "`\(row.path)` \(row.typeName)"
      }
    }
    let titles = style.columns.map { $0.title(style.convention) }
    let totals = self.pairs(style).map { "- \($0.label): \($0.value)" }
    return Text.markdown([titles] + table) + "\n\n" + totals.joined(separator: "\n")
  }

  /// The table for programs: all columns, lines and numbers as they are.
  public func csv(_ style: Style = Style()) -> String {
    Text.csv([Self.csvTitles] + csvRows(style))
  }

  /// The tables of several networks as one, with the network's name in the first column; of one, without it.
  public static func csv(_ summaries: [(name: String, summary: ModelSummary)], _ style: Style = Style())
    -> String
  {
    guard summaries.count != 1 else { return summaries[0].summary.csv(style) }
    let rows = summaries.flatMap { name, summary in summary.csvRows(style).map { [name] + $0 } }
    return Text.csv([["model"] + csvTitles] + rows)
  }

  private static var csvTitles: [String] { ["kind", "depth"] + SummaryColumn.allCases.map(\.rawValue) }

  private func csvRows(_ style: Style) -> [[String]] {
    shown(style).map { row in
      [row.kind.rawValue, "\(row.depth)"]
        + SummaryColumn.allCases.map { $0.plainText(row, of: self, style.convention) }
    }
  }

  private func totals(_ style: Style) -> String { Text.pairs(pairs(style)) }

  private func pairs(_ style: Style) -> [(label: String, value: String)] {
    let convention = style.convention
    let training = trainingBytes(style.optimizer)
    func count(_ value: Int) -> String { Text.grouped(value) }
    func memory(_ bytes: Int) -> String { Text.bytes(Double(bytes)) }
    var parameters = count(self.parameters)
    if trainableParameters != self.parameters {
      parameters += ", of which \(count(self.parameters - trainableParameters)) are frozen"
    }
    var pairs: [(label: String, value: String)] = [
      ("Input", "\(input)"), ("Output", "\(output)"), ("Parameters", parameters),
    ]
    if bufferElements > 0 { pairs.append(("Buffers", count(bufferElements))) }
    if convention == .torchvision {
      pairs.append(("Multiply-accumulates", count(macs)))
    } else {
      pairs.append(("Operations (\(convention.rawValue))", count(operations(convention))))
    }
    if let field, let stride {
      pairs.append(("Receptive field", "\(field.times), stride \(stride.times) (the last map)"))
    }
    pairs += [
      ("Weights", memory(weightBytes)),
      ("Results in all", memory(activationBytes)),
      (
        "Inference", "\(memory(inferenceBytes)), of which \(memory(peakActivationBytes)) intermediate results"
      ),
      (
        "Training, \(style.optimizer.rawValue)",
        "\(memory(training.total)), of which \(memory(training.activations)) results and their gradients"
      ),
      ("Arithmetic intensity", "\(DecimalText.fixed(arithmeticIntensity, digits: 1)) FLOP a byte"),
    ]
    let rest = (uncounted[convention] ?? []).map { "\($0.name) \($0.count)" }.joined(separator: ", ")
    if !rest.isEmpty { pairs.append(("Not counted", rest)) }
    return pairs
  }

  /// The lines of a tree before each label: `│  ├─ `.
  static func trunks(_ depths: [Int]) -> [String] {
    var trunks: [String] = []
    /// Whether a line of each depth follows before one that is less deep.
    var continues: [Bool] = []
    for depth in depths.reversed() {
      while continues.count <= depth { continues.append(false) }
      // What lies deeper belongs to this line, which is the first of its branch seen from the end.
      var trunk = ""
      if depth > 0 {
        for level in 1..<max(depth, 1) { trunk += continues[level] ? "│  " : "   " }
        trunk += continues[depth] ? "├─ " : "└─ "
      }
      trunks.append(trunk)
      continues[depth] = true
      for level in (depth + 1)..<max(continues.count, depth + 1) { continues[level] = false }
    }
    return trunks.reversed()
  }
}

extension ModelSummary: CustomStringConvertible {
  /// The table and the totals.
  public var description: String { text() }
}
