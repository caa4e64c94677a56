import Strata

extension Command {
  /// Examines a network.
  static let eval = Command(
    name: "eval", summary: "Examine a network with weights on labelled pictures.",
    details: """
      DATA is what strata train takes; its validation part is used unless --part says train. Weights that strata
      train wrote know the size, the channels and the normalisation of the pictures.
      """,
    operands: .some("MODEL DATA"),
    options: [
      Option(
        name: "weights", value: "W", summary: "The weights: safetensors, .pth or .npz.", isRequired: true),
      Option(name: "part", value: "NAME", summary: "Which part of the data: val or train (val)."),
      .json,
    ] + Evaluation.fields.map { Option(name: $0.name, value: $0.value, summary: $0.summary) } + [Job.timeout]
  ) { arguments in
    try Job.run("eval", arguments) { ranks in try examine(arguments, TrainingGroup(ranks)) }
  }

  private static func examine(_ arguments: Arguments, _ group: TrainingGroup) throws -> ExitStatus {
    guard arguments.operands.count == 2 else {
      throw StrataError(.argument, "needs MODEL and DATA: see strata eval --help")
    }
    var options = TrainingOptions()
    for field in Evaluation.fields {
      if let text = arguments.value(field.name) { try field.set(text, in: &options) }
    }
    let part = try arguments.choice("part", of: ["val", "train"]) ?? "val"
    let evaluation = try Evaluation(
      arguments.operands[0], arguments.operands[1], weights: try arguments.required("weights"), options)
    let metrics = try evaluation.run(onTraining: part == "train", group: group)
    if arguments.has(.json) {
      try Output.print(metrics.json(classNames: evaluation.data.classNames))
    } else {
      try Output.print(metrics.text(classNames: evaluation.data.classNames))
    }
    return .done
  }
}
