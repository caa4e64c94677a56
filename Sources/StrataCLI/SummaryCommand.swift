import Strata

extension Command {
  /// Lists what a network consists of and costs.
  static let summary = Command(
    name: "summary", summary: "List the layers of a network with their shapes, parameters and costs.",
    details: """
      MODEL is a name, a pattern such as 'vgg*', an ONNX model, weights that fit one of the networks, a file with what
      PyTorch prints of a network, or - for that text on standard input.
      Nothing is computed and no weight allocated. Lines that hold others show their sums.
      Columns: \(SummaryColumn.allCases.map(\.rawValue).joined(separator: ", ")).
      Tools: \(CountingConvention.allCases.map(\.rawValue).joined(separator: ", ")), or `all` for their differences.
      Optimisers: \(TrainingOptimizer.allCases.map(\.rawValue).joined(separator: ", ")).
      """,
    operands: .some("MODEL"),
    options: [
      .input,
      Option(name: "depth", value: "N", summary: "Show modules down to this depth."),
      Option(name: "columns", value: "A,B", summary: "The columns to show."),
      Option(name: "sort", value: "COLUMN", summary: "List layers in falling order of a column."),
      Option(name: "convention", value: "TOOL", summary: "Count operations as this tool does (torchvision)."),
      Option(
        name: "optimizer", value: "NAME",
        summary: "The optimiser whose training step is predicted (sgd-momentum)."),
      Option(name: "symbolic", summary: "Give the cost as a formula in batch, height and width."),
      .json, .csv, .markdown,
    ] + Option.network
  ) { arguments in
    let convention = try arguments.choice(
      "convention", of: CountingConvention.allCases.map(\.rawValue) + ["all"])
    var style = ModelSummary.Style()
    style.convention = convention.flatMap(CountingConvention.init(rawValue:)) ?? .torchvision
    style.depth = try arguments.number("depth", in: 0...1000)
    style.order = try arguments.column("sort")
    if let columns = try arguments.columns() { style.columns = columns }
    let optimizer = try arguments.choice("optimizer", of: TrainingOptimizer.allCases.map(\.rawValue))
    if let optimizer = optimizer.flatMap(TrainingOptimizer.init(rawValue:)) { style.optimizer = optimizer }

    let subjects = try arguments.subjects()
    if arguments.has("symbolic") { return try printFormulas(subjects, arguments) }
    var summaries: [(name: String, summary: ModelSummary)] = []
    for (index, subject) in subjects.enumerated() {
      if let limitation = subject.limitation {
        Output.complain("strata summary: \(subject.name): \(limitation)")
        try Output.print(subject.model.parameterTable)
        continue
      }
      let summary = try subject.summary(input: try arguments.input(of: subject))
      summaries.append((subject.name, summary))
      if arguments.has(.json) || arguments.has(.csv) { continue }
      var text = convention == "all" ? summary.reconciliation : summary.text(style)
      if arguments.has(.markdown), convention != "all" { text = summary.markdown(style) }
      let mark = arguments.has(.markdown) ? "## " : ""
      let heading = subjects.count > 1 ? "\(index > 0 ? "\n" : "")\(mark)\(subject.name)\n\n" : ""
      try Output.print(heading + text)
    }
    guard !summaries.isEmpty else { return .done }
    if arguments.has(.json) {
      try Output.print(.documents(summaries.map { $0.summary.json(named: $0.name, style) }))
    } else if arguments.has(.csv) {
      try Output.print(ModelSummary.csv(summaries, style))
    }
    return .done
  }
}

/// Prints networks' costs as formulas.
private func printFormulas(_ subjects: [Subject], _ arguments: Arguments) throws(StrataError) -> ExitStatus {
  var documents: [JSONValue] = []
  for (index, subject) in subjects.enumerated() {
    try subject.requireFlow()
    let input = try arguments.input(of: subject)
    guard let cost = try SymbolicCost(of: subject.model, input: input) else {
      throw StrataError(
        .argument,
        "\(subject.name): the cost is no sum of products of height and width, so there is no formula")
    }
    documents.append(cost.json(named: subject.name))
    if arguments.has(.json) { continue }
    try Output.print((index > 0 ? "\n" : "") + cost.text(named: subject.name, input: input))
  }
  if arguments.has(.json) { try Output.print(.documents(documents)) }
  return .done
}

extension SymbolicCost {
  fileprivate func json(named name: String) -> JSONValue {
    func json(_ polynomial: Polynomial) -> JSONValue {
      [
        "hw": .integer(polynomial.area), "h": .integer(polynomial.height), "w": .integer(polynomial.width),
        "constant": .integer(polynomial.constant),
      ]
    }
    return [
      "model": .string(name),
      "h": .string("H / \(stride.height)"),
      "w": .string("W / \(stride.width)"),
      "macs_per_image": json(macs),
      "activation_bytes_per_image": json(activationBytes),
      "smallest_image": sizes.map { .integer($0.smallest) } ?? .null,
      "largest_image": sizes?.largest.map { .integer($0) } ?? .null,
    ]
  }
}

extension Arguments {
  /// The column given to an option, or nil where none was.
  fileprivate func column(_ name: String) throws(StrataError) -> SummaryColumn? {
    try choice(name, of: SummaryColumn.allCases.map(\.rawValue)).flatMap(SummaryColumn.init(rawValue:))
  }

  /// The columns asked for; the layer's name comes first in any case.
  fileprivate func columns() throws(StrataError) -> [SummaryColumn]? {
    guard let text = value("columns") else { return nil }
    var columns: [SummaryColumn] = [.layer]
    for word in text.split(separator: ",").map(String.init) {
      guard let column = SummaryColumn(rawValue: word) else {
        throw Self.unknown("column", word, in: SummaryColumn.allCases.map(\.rawValue), isListed: true)
      }
      if !columns.contains(column) { columns.append(column) }
    }
    return columns
  }
}

extension ModelSummary {
  /// The summary as a document.
  fileprivate func json(named name: String, _ style: Style) -> JSONValue {
    let training = TrainingOptimizer.allCases.map { optimizer in
      let bytes = trainingBytes(optimizer)
      return [
        "optimizer": .string(optimizer.rawValue), "total_bytes": .integer(bytes.total),
        "weight_bytes": .integer(bytes.weights), "gradient_bytes": .integer(bytes.gradients),
        "optimizer_bytes": .integer(bytes.optimizer), "activation_bytes": .integer(bytes.activations),
      ] as JSONValue
    }
    var totals = JSONObject()
    var uncounted = JSONObject()
    for convention in CountingConvention.allCases {
      totals[convention.rawValue] = .integer(operations(convention))
      var names = JSONObject()
      for operation in self.uncounted[convention] ?? [] { names[operation.name] = .integer(operation.count) }
      uncounted[convention.rawValue] = .object(names)
    }
    return [
      "model": .string(name),
      "class": .string(self.name),
      "input": .shape(input),
      "output": .shape(output),
      "parameters": .integer(parameters),
      "trainable_parameters": .integer(trainableParameters),
      "buffers": .integer(bufferElements),
      "macs": .integer(macs),
      "operations": .object(totals),
      "uncounted": .object(uncounted),
      "weight_bytes": .integer(weightBytes),
      "activation_bytes": .integer(activationBytes),
      "peak_activation_bytes": .integer(peakActivationBytes),
      "inference_bytes": .integer(inferenceBytes),
      "training": .array(training),
      "arithmetic_intensity": .number(arithmeticIntensity),
      "receptive_field": .pair(field),
      "stride": .pair(stride),
      "rows": .array(rows.map { $0.json(style.convention) }),
    ]
  }
}

extension ModelSummary.Row {
  fileprivate func json(_ convention: CountingConvention) -> JSONValue {
    [
      "kind": .string(kind.rawValue),
      "path": .string(path),
      "type": .string(typeName),
      "depth": .integer(depth),
      "call": .integer(call),
      "input": input.map { .shape($0) } ?? .null,
      "output": output.map { .shape($0) } ?? .null,
      "kernel": .pair(kernel),
      "parameters": .integer(parameters),
      "trainable_parameters": .integer(trainableParameters),
      "shared_parameters": .integer(sharedParameters),
      "buffers": .integer(bufferElements),
      "macs": .integer(macs),
      "operations": .integer(operations[convention]),
      "activation_bytes": .integer(activationBytes),
      "receptive_field": .pair(field),
      "stride": .pair(stride),
    ]
  }
}
