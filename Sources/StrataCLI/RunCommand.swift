import Strata

extension Command {
  /// Runs a network on given numbers.
  static let run = Command(
    name: "run", summary: "Run a network with weights and an input from files.",
    details: """
      MODEL is a name, with weights under PyTorch's names, or a file that holds both: an ONNX model, or weights that
      fit one of the networks. Input and output are NumPy files of float32. With --trace the output of every module is written as DIR/PATH.npy; a
      module's second call is PATH#2.npy, and so on.
      """,
    operands: .one("MODEL"),
    options: [
      .weights,
      Option(name: "input", value: "X.npy", summary: "The images, [N, C, H, W].", isRequired: true),
      Option(name: "output", value: "Y.npy", summary: "Where to write the result.", isRequired: true),
      .classes,
      Option(name: "trace", value: "DIR", summary: "Also write the output of every module here."),
    ]
  ) { arguments in
    let subject = try arguments.subject(arguments.operands[0])
    let model = subject.model.eval()
    let output = try arguments.required("output")
    let input = try NumPy.read(try arguments.required("input")).converted(to: .float32)
    // Whatever does not fit is said before the weights are read.
    _ = try Complexity(of: model, input: input.shape)
    try arguments.load(into: subject)

    guard let folder = arguments.value("trace") else {
      try NumPy.write(try model(Tensor(input)).value(), to: output)
      return .done
    }
    try SystemFile.createFolder(folder)
    let (result, records) = try ModuleRecorder(model)(Tensor(input))
    for record in records { try NumPy.write(try record.output.value(), to: "\(folder)/\(record.name).npy") }
    try NumPy.write(try result.value(), to: output)
    return .done
  }
}
