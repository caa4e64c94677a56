import Strata

extension Command {
  /// Unfolds the figures of a layer.
  static let explain = Command(
    name: "explain",
    summary: "Unfold the figures of a layer into formulas, numbers and where they come from.",
    details: "LAYER is a path as in `strata show`: features.0, layer1.0.conv1; `.` is the network itself.",
    operands: .some("MODEL LAYER"),
    options: [.input, .json] + Option.network
  ) { arguments in
    guard arguments.operands.count == 2 else {
      throw StrataError(.argument, "takes a network and a layer, got \(arguments.operands.count) words")
    }
    let subject = try arguments.subject(arguments.operands[0])
    try subject.requireFlow()
    let path = arguments.operands[1] == "." ? "" : arguments.operands[1]
    let explanation = try LayerExplanation(
      subject.model, layer: path, input: try arguments.input(of: subject))
    if arguments.has(.json) {
      let figures = explanation.figures.map { figure in
        ["name": .string(figure.name), "value": .string(figure.value), "formula": .string(figure.formula)]
          as JSONValue
      }
      try Output.print(["model": .string(subject.name), "layer": .string(path), "figures": .array(figures)])
    } else {
      try Output.print(explanation.text)
    }
    return .done
  }
}
