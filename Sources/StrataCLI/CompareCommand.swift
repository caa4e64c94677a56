import Strata

extension Command {
  /// Puts networks side by side.
  static let compare = Command(
    name: "compare", summary: "Compare what networks consist of and cost, and draw conclusions.",
    details: """
      MODEL may hold `*` for any text, as in 'resnet*', be `all`, or a file with what PyTorch prints of a network.
      Ratios are to the first network. Nothing is computed and no weight allocated.
      """,
    operands: .some("MODEL"),
    options: [
      .input,
      Option(
        name: "sort", value: "KEY",
        summary: "Order by \(ModelComparison.Order.allCases.map(\.rawValue).joined(separator: ", "))."),
      Option(
        name: "optimizer", value: "NAME",
        summary: "The optimiser whose training step is predicted (sgd-momentum)."),
      .json, .csv, .markdown,
    ] + Option.network
  ) { arguments in
    let order = try arguments.choice("sort", of: ModelComparison.Order.allCases.map(\.rawValue))
    let optimizer = try arguments.choice("optimizer", of: TrainingOptimizer.allCases.map(\.rawValue))
    let options = try arguments.modelOptions()
    let input = try arguments.givenInput()
    var comparison: ModelComparison
    if let entries = try arguments.registered() {
      comparison = try ModelComparison(entries, options: options, input: input)
    } else {
      var entries: [ModelComparison.Entry] = []
      for subject in try arguments.subjects() {
        try subject.requireFlow()
        let summary = try subject.model.summary(input: try arguments.input(of: subject))
        entries.append(ModelComparison.Entry(name: subject.name, summary: summary))
      }
      comparison = ModelComparison(entries)
    }
    if let optimizer = optimizer.flatMap(TrainingOptimizer.init(rawValue:)) {
      comparison.optimizer = optimizer
    }
    if let order = order.flatMap(ModelComparison.Order.init(rawValue:)) {
      comparison = comparison.sorted(by: order)
    }
    if arguments.has(.csv) {
      try Output.print(comparison.csv)
      return .done
    }
    let twins = try comparison.twins(options)
    if arguments.has(.json) {
      try Output.print(comparison.json(twins))
    } else {
      let body = arguments.has(.markdown) ? comparison.markdown : comparison.text
      try Output.print(body + (twins.isEmpty ? "" : "\n" + twins.map { "- \($0)" }.joined(separator: "\n")))
    }
    return .done
  }
}

extension ModelComparison {
  fileprivate func json(_ twins: [String]) -> JSONValue {
    let models = entries.map { entry in
      let summary = entry.summary
      var parameters = JSONObject()
      var macs = JSONObject()
      for kind in Spending.Kind.allCases {
        parameters["\(kind)"] = .integer(summary.spending.parameters[kind] ?? 0)
        macs["\(kind)"] = .integer(summary.spending.macs[kind] ?? 0)
      }
      return [
        "model": .string(entry.name),
        "input": .shape(summary.input),
        "layers": .integer(summary.depth),
        "parameters": .integer(summary.parameters),
        "macs": .integer(summary.macs),
        "ordinary_macs": summary.ordinaryMACs.map { .integer($0) } ?? .null,
        "weight_bytes": .integer(summary.weightBytes),
        "inference_bytes": .integer(summary.inferenceBytes),
        "training_bytes": .integer(summary.trainingBytes(optimizer).total),
        "peak_activation_bytes": .integer(summary.peakActivationBytes),
        "receptive_field": .pair(summary.field),
        "arithmetic_intensity": .number(summary.arithmeticIntensity),
        "parameters_in": .object(parameters),
        "macs_in": .object(macs),
      ] as JSONValue
    }
    return [
      "reference": reference.map { .string($0.name) } ?? .null,
      "optimizer": .string(optimizer.rawValue),
      "models": .array(models),
      "conclusions": .array((conclusions + twins).map { .string($0) }),
    ]
  }
}
