import Foundation
import Strata
import Testing

@Suite("ONNX") struct ONNXTests {
  /// Where files go that another program is to check, if anywhere.
  static let checkFolder = ProcessInfo.processInfo.environment["STRATA_CHECK_FOLDER"]

  private func expectClose(
    _ actual: HostTensor, _ expected: HostTensor, _ tolerance: Double = 1e-5, _ note: String = "",
    location: SourceLocation = #_sourceLocation
  ) {
    #expect(actual.shape == expected.shape, "\(note)", sourceLocation: location)
    #expect(actual.dtype == expected.dtype, "\(note)", sourceLocation: location)
    guard actual.shape == expected.shape else { return }
    let (a, b) = (actual.scalars(as: Double.self), expected.scalars(as: Double.self))
    let scale = b.reduce(1) { max($0, $1.magnitude) }
    let worst = zip(a, b).reduce(0) { $1.0 == $1.1 ? $0 : max($0, ($1.0 - $1.1).magnitude) }
    #expect(worst <= tolerance * scale, "\(note): \(worst)", sourceLocation: location)
  }

  @Test("each operation survives the way through a file", arguments: ONNXCase.all)
  func roundTrip(example: ONNXCase) throws {
    let folder = try TemporaryFolder()
    for folds in [false, true] {
      var options = ONNX.ExportOptions()
      options.foldsBatchNorm = folds
      options.hasOpenBatch = example.isOpen
      let image = Tensor.placeholder(Shape([2] + example.shape))
      let model = try ONNX.export(
        inputs: [("image", image)], outputs: [("result", example.function(image))], options: options)
      let path = folder.path("a.onnx")
      try ONNX.write(model, to: path)
      let graph = try ONNX.load(path)
      #expect(graph.inputs.map(\.name) == ["image"])
      for batch in example.isOpen ? [2, 1, 3] : [2] {
        let input = example.input(batch: batch)
        let expected = try example.function(Tensor(input)).value()
        expectClose(try graph(Tensor(input)).value(), expected, 1e-5, "batch \(batch), folded \(folds)")
        guard let place = Self.checkFolder else { continue }
        let name = "\(example) \(folds ? "folded" : "plain")".replacing(" ", with: "_")
        try ONNX.write(model, to: "\(place)/\(name).onnx")
        let archive = TensorArchive([("image", input), ("result", expected)])
        try Safetensors.write(archive, to: "\(place)/\(name).\(batch).safetensors")
      }
    }
  }

  @Test(
    "models that torch exported give its numbers",
    arguments: ["residual", "residual_plain", "block", "block_plain"])
  func torchModels(name: String) throws {
    let graph = try ONNX.load("\(formatsFolder)/\(name).onnx")
    let stem = name.replacing("_plain", with: "")
    let expected = try Safetensors.read("\(formatsFolder)/\(stem).expected.safetensors")
    for part in ["", "one/"] {
      let image = try #require(expected["\(part)image"])
      let scores = try #require(expected["\(part)scores"])
      expectClose(try graph(Tensor(image)).value(), scores, 1e-5, "\(name) \(part)")
    }
  }

  @Test("names are those of modules and state dictionaries") func names() throws {
    let network = Sequential(
      Conv2d(3, 4, kernelSize: 3), BatchNorm2d(4), ReLU(), AdaptiveAvgPool2d(1), Flatten(), Linear(4, 2))
    network.eval()
    let image = Tensor.placeholder([2, 3, 8, 8])
    let variables = network.stateEntries.map { (name: $0.name, variable: $0.variable) }
    let model = try ONNX.export(
      inputs: [("image", image)], outputs: [("scores", network(image))], variables: variables)
    #expect(
      model.nodes.map(\.op) == ["Conv", "BatchNormalization", "Relu", "GlobalAveragePool", "Reshape", "Gemm"])
    #expect(model.nodes[0].name == "0.Conv")
    #expect(model.nodes[0].inputs == ["image", "0.weight", "0.bias"])
    #expect(model.nodes[1].inputs.dropFirst() == ["1.weight", "1.bias", "1.running_mean", "1.running_var"])
    #expect(model.nodes[5].outputs == ["scores"])
    #expect(model.inputs.map(\.shape) == [[.named("N"), .size(3), .size(8), .size(8)]])
    #expect(model.outputs.map(\.shape) == [[.named("N"), .size(2)]])
    #expect(model.opset == 17)

    var options = ONNX.ExportOptions()
    options.foldsBatchNorm = true
    options.hasOpenBatch = false
    let folded = try ONNX.export(
      inputs: [("image", image)], outputs: [("scores", network(image))], variables: variables,
      options: options)
    #expect(folded.nodes.map(\.op) == ["Conv", "Relu", "GlobalAveragePool", "Reshape", "Gemm"])
    #expect(
      folded.initializers.names.filter { !$0.hasPrefix("constant") } == [
        "0.weight", "0.bias", "5.weight", "5.bias",
      ])
    #expect(folded.inputs.map(\.shape) == [[.size(2), .size(3), .size(8), .size(8)]])
  }

  @Test("several inputs and outputs keep their names and order") func several() throws {
    let (a, b) = (Tensor.placeholder([2, 3]), Tensor.placeholder([2, 3]))
    let sum = a + b
    let model = try ONNX.export(
      inputs: [("b", b), ("a", a)], outputs: [("twice", sum * 2), ("sum", sum), ("same", sum), ("a copy", a)])
    let graph = try ONNXGraph(model)
    let (x, y) = (Tensor([[1.0, 2, 3]]), Tensor([[10.0, 20, 30]]))
    let results = try graph(["a": x, "b": y])
    #expect(
      results.map { $0.scalars(as: Float.self) } == [[22, 44, 66], [11, 22, 33], [11, 22, 33], [1, 2, 3]])
    #expect(model.outputs.map(\.name) == ["twice", "sum", "same", "a copy"])
  }

  @Test("elements go into a file of their own where asked for") func externalData() throws {
    let folder = try TemporaryFolder()
    let image = Tensor.placeholder([2, 40])
    let (weights, bias) = (ONNXCase.weights([10, 40]), ONNXCase.weights([10]))
    let model = try ONNX.export(inputs: [("x", image)], outputs: [("y", image.linear(weights, bias: bias))])
    try ONNX.write(model, to: folder.path("a.onnx"), data: .external)
    #expect(folder.names == ["a.onnx", "a.onnx.data"])
    #expect(try FileSystem.map(folder.path("a.onnx.data")).byteCount == 1600)
    let input = Tensor(HostTensor.normal(shape: [3, 40], key: RandomKey(seed: 1)))
    let result = try ONNX.load(folder.path("a.onnx"))(input).value()
    expectClose(result, try input.linear(weights, bias: bias).value())
    let bytes = Buffer(try FileSystem.read(folder.path("a.onnx")))
    #expect(message { _ = try ONNX.decode(bytes, name: "x") }.contains("no file in the model's folder"))
    try FileSystem.write([1, 2, 3], to: folder.path("a.onnx.data"))
    #expect(message { _ = try ONNX.load(folder.path("a.onnx")) }.contains("reaches beyond the end"))
  }

  @Test("what cannot be exported is told") func exportMistakes() throws {
    let image = Tensor.placeholder([2, 3, 4, 4])
    func sentence(_ inputs: [(name: String, tensor: Tensor)], _ output: Tensor) -> String {
      message { _ = try ONNX.export(inputs: inputs, outputs: [("y", output)]) }
    }
    #expect(sentence([("x", image)], image.dropout(0.5, key: Tensor([1, 2]))).contains("call eval() first"))
    #expect(sentence([("y", image)], image * 2).contains("need names of their own"))
    #expect(sentence([("x", image * 2)], image * 2).contains("is computed and cannot be given"))
    #expect(sentence([], image * 2).contains("a placeholder that is not among the inputs"))
    #expect(
      sentence([("x", image)], image.reshape(4, 3, 2, 4)).contains("export with a fixed one"))
    #expect(sentence([("x", image)], image.matmul(image[.all, .all, 0..<3])).contains("do not multiply"))
  }

  @Test("what cannot be run is told") func importMistakes() throws {
    var model = ONNXModel()
    model.inputs = [ONNXValue("x", .float32, [.named("N"), .size(3)])]
    model.outputs = [ONNXValue("y", .float32, nil)]
    model.nodes = [ONNXNode("NonMaxSuppression", name: "n", inputs: ["x"], outputs: ["y"])]
    #expect(
      message { _ = try ONNXGraph(model, name: "m") }
        == "m: the model has operators that are not supported: \"NonMaxSuppression\"")
    model.nodes = [ONNXNode("Relu", name: "n", inputs: ["z"], outputs: ["y"])]
    let x = Tensor.zeros([2, 3])
    func sentence(_ given: [String: Tensor]) throws -> String {
      let graph = try ONNXGraph(model, name: "m")
      return message { _ = try graph(given) }
    }
    #expect(try sentence(["x": x]) == "m: \"n\" (Relu) reads \"z\", which is not there yet")
    #expect(try sentence([:]) == "m: the input \"x\" is missing")
    #expect(try sentence(["x": x, "q": x]) == "m: the model has no input \"q\"")
    #expect(
      try sentence(["x": .zeros([2, 4])]) == "m: the input \"x\" has the shape [N, 3], got [2, 4]")
    #expect(
      try sentence(["x": x.to(.int64)]) == "m: the input \"x\" is float32, got int64[2, 3]")
    model.nodes = [ONNXNode("Gemm", name: "n", inputs: ["x", "x"], outputs: ["y"])]
    #expect(try sentence(["x": x]) == "m: n (Gemm): [2, 3] and [2, 3] do not multiply")
    model.nodes = [ONNXNode("Reshape", name: "n", inputs: ["x", "x"], outputs: ["y"])]
    #expect(try sentence(["x": x]) == "m: \"n\" (Reshape) needs operand 1 to be a constant")
  }

  @Test("a model cut short at any byte is refused or lacks its end", arguments: ["residual", "block"])
  func truncations(name: String) throws {
    let bytes = try fixture("\(name).onnx")
    for length in bytes.indices where length < 600 || length % 7 == 0 {
      let found = message { _ = try ONNX.decode(Buffer(bytes.prefix(length)), name: "x") }
      #expect(found.hasPrefix("x: invalid ONNX: ") || length > bytes.count - 40, "\(length): \(found)")
    }
  }
}
