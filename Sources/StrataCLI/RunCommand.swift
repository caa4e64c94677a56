import Strata

extension Command {
  /// Runs a network on given numbers.
  static let run = Command(
    name: "run", summary: "Run a network with weights and an input from files.",
    details: """
      Weights are a safetensors file with PyTorch's names, input and output NumPy files of float32. With --trace
      the output of every module is written as DIR/PATH.npy; a module's second call is PATH#2.npy, and so on.
      """,
    operands: .one("MODEL"),
    options: [
      Option(name: "weights", value: "F.safetensors", summary: "The weights to load.", isRequired: true),
      Option(name: "input", value: "X.npy", summary: "The images, [N, C, H, W].", isRequired: true),
      Option(name: "output", value: "Y.npy", summary: "Where to write the result.", isRequired: true),
      .classes,
      Option(name: "trace", value: "DIR", summary: "Also write the output of every module here."),
    ]
  ) { arguments in
    let model = try arguments.network(arguments.operands[0]).eval()
    let output = try arguments.required("output")
    let input = try NumPy.read(try arguments.required("input")).converted(to: .float32)
    // Whatever does not fit is said before the weights are read.
    _ = try Complexity(of: model, input: input.shape)
    let weightsFile = try arguments.required("weights")
    let weights = try Safetensors.read(weightsFile)
    do throws(StrataError) {
      try model.loadStateDict(StateDict(weights.map { ($0.name, $0.tensor) }))
    } catch {
      throw StrataError(error.kind, "\(weightsFile): \(error.message)")
    }

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
