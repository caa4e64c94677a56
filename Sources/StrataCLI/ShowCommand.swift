import Strata

extension Command {
  /// Prints a network.
  static let show = Command(
    name: "show", summary: "Print the structure of a network as PyTorch prints it.",
    details: """
      MODEL may hold `*` for any text, as in 'vgg1*'; or be an ONNX model, or a file with what PyTorch prints of a
      network, or - for that text on standard input, which is then checked and printed anew.
      """,
    operands: .some("MODEL"),
    options: [
      Option(
        name: "torch", value: "VERSION",
        summary: "Print as this version of PyTorch: 2.15, or 2.0 for older ones.")
    ] + Option.network
  ) { arguments in
    let version = try arguments.choice("torch", of: ["2.15", "2.0"])
    let subjects = try arguments.subjects()
    for (index, subject) in subjects.enumerated() {
      // The text of one network alone is exactly PyTorch's.
      if subjects.count > 1 { try Output.print((index > 0 ? "\n" : "") + "\(subject.name):") }
      try Output.print(subject.model.description(dialect: version == "2.0" ? .torch2_0 : .torch2_15))
    }
    return .done
  }
}
