import Strata

extension Command {
  /// Prints a network.
  static let show = Command(
    name: "show", summary: "Print the structure of a network as PyTorch prints it.",
    operands: .one("MODEL"),
    options: [
      .classes,
      Option(
        name: "torch", value: "VERSION",
        summary: "Print as this version of PyTorch: 2.15, or 2.0 for older ones."),
    ]
  ) { arguments in
    let version = try arguments.choice("torch", of: ["2.15", "2.0"])
    let model = try arguments.network(arguments.operands[0])
    try Output.print(model.description(dialect: version == "2.0" ? .torch2_0 : .torch2_15))
    return .done
  }
}
