import Strata

extension Command {
  /// Examines a network.
  static let eval = Command(
    name: "eval", summary: "Examine a network with weights on labelled pictures.",
    details: """
      DATA is what strata train takes; its validation part is used unless --part says train. Weights that strata
      train wrote know the size, the channels and the normalisation of the pictures. With another precision the
      share of right answers in float32 stands beside; int8 is calibrated on 256 examples of the training part.
      """,
    operands: .some("MODEL DATA"),
    options: [
      Option(
        name: "weights", value: "W", summary: "The weights: safetensors, .pth or .npz.", isRequired: true),
      Option(name: "part", value: "NAME", summary: "Which part of the data: val or train (val)."),
      .precision, .json,
    ] + Evaluation.fields.map { Option(name: $0.name, value: $0.value, summary: $0.summary) } + [Job.timeout]
  ) { arguments in
    try Job.run("eval", arguments) { ranks in try examine(arguments, TrainingGroup(ranks)) }
  }

  private static func examine(_ arguments: Arguments, _ group: TrainingGroup) throws -> ExitStatus {
    guard arguments.operands.count == 2 else {
      throw StrataError(.argument, "needs MODEL and DATA: see strata eval --help")
    }
    let name = try arguments.precisionName()
    var options = TrainingOptions()
    for field in Evaluation.fields {
      if let text = arguments.value(field.name) { try field.set(text, in: &options) }
    }
    let part = try arguments.choice("part", of: ["val", "train"]) ?? "val"
    let evaluation = try Evaluation(
      arguments.operands[0], arguments.operands[1], weights: try arguments.required("weights"), options)
    let precision = try arguments.precision(name) { () throws(StrataError) in try evaluation.calibrate() }
    let metrics = try Engine.autocast(to: precision) {
      try evaluation.run(onTraining: part == "train", group: group)
    }
    let exact = name == .float32 ? nil : try evaluation.run(onTraining: part == "train", group: group)
    let classNames = evaluation.data.classNames
    if arguments.has(.json) {
      var members = metrics.json(classNames: classNames).object ?? [:]
      if let exact {
        (members["precision"], members["top1_float32"]) = (.string(name.rawValue), .number(exact.top1))
      }
      try Output.print(.object(members))
    } else {
      try Output.print(metrics.text(classNames: classNames))
      if let exact {
        let shares = [metrics.top1, exact.top1].map { DecimalText.fixed($0 * 100, digits: 2) + "%" }
        try Output.print("\nIn \(name.rawValue) \(shares[0]) are right, in float32 \(shares[1])")
      }
    }
    return .done
  }
}
