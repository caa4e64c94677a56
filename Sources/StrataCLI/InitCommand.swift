import Strata

extension Command {
  /// Writes fresh weights.
  static let initialise = Command(
    name: "init", summary: "Write a network's weights as they are before training.",
    details: "The same seed gives the same weights, whatever the number of threads.",
    operands: .one("MODEL"),
    options: [
      Option(
        name: "output", value: "W", summary: "Where to write: safetensors, .pth or .npz.", isRequired: true),
      Option(name: "seed", value: "S", summary: "The seed of the random numbers (0)."),
      .classes,
    ]
  ) { arguments in
    manualSeed(UInt64(try arguments.number("seed", in: 0...Int.max) ?? 0))
    try arguments.network(arguments.operands[0]).save(try arguments.required("output"))
    return .done
  }
}
