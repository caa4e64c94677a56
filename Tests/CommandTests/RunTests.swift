import Foundation
import Strata
import StrataTestSupport
import Testing

@Suite("strata run") struct RunTests {
  let folder: TemporaryFolder
  let model: Module
  let input: HostTensor

  init() throws {
    folder = try TemporaryFolder()
    model = MobileNetV1(classes: 5).eval()
    for entry in model.stateEntries {
      entry.variable.store(Formula.parameter(entry.name, entry.shape, entry.dtype))
    }
    input = Formula.input([2, 3, 32, 48])
    try NumPy.write(input, to: folder.path("x.npy"))
    try Safetensors.write(weights(), to: folder.path("w.safetensors"))
  }

  private func weights() -> TensorArchive {
    TensorArchive(model.stateDict().map { (name: $0.name, tensor: $0.value) })
  }

  private func run(_ more: String..., weights: String = "w.safetensors", input: String = "x.npy") throws
    -> Tool.Result
  {
    try Tool.run(
      [
        "run", "mobilenet_v1", "--classes", "5", "--weights", folder.path(weights), "--input",
        folder.path(input),
        "--output", folder.path("y.npy"),
      ] + more)
  }

  private func expectRefusal(_ result: Tool.Result, _ parts: String...) {
    #expect(result.status == 2)
    #expect(result.output == "")
    #expect(result.message.split(separator: "\n").count == 1)
    for part in parts { #expect(result.message.contains(part), "\(part) in \(result.message)") }
    #expect(!folder.files.contains("y.npy"))
  }

  @Test("the output is the network's") func output() throws {
    let result = try run()
    #expect(result.status == 0 && result.message == "" && result.output == "")
    let expected = try model(Tensor(input)).value()
    let found = try NumPy.read(folder.path("y.npy"))
    #expect(found.shape == [2, 5] && found.dtype == .float32)
    #expect(found.scalars(as: Float.self) == expected.scalars(as: Float.self))
  }

  @Test("the outputs of all modules are written") func trace() throws {
    #expect(try run("--trace", folder.path("deep/trace")).status == 0)
    let names = Set(folder.files.filter { $0.hasPrefix("deep/trace/") }.map { $0.dropFirst(11).dropLast(4) })
    #expect(names == Set(model.namedModules.map(\.name).filter { !$0.isEmpty }.map { $0[...] }))
    let stem = try NumPy.read(folder.path("deep/trace/features.0.npy"))
    #expect(stem.shape == [2, 32, 16, 24])
    let last = try NumPy.read(folder.path("deep/trace/classifier.npy"))
    let output = try NumPy.read(folder.path("y.npy"))
    #expect(last.scalars(as: Float.self) == output.scalars(as: Float.self))
    let relu = try NumPy.read(folder.path("deep/trace/features.2.npy")).scalars(as: Float.self)
    let norm = try NumPy.read(folder.path("deep/trace/features.1.npy")).scalars(as: Float.self)
    #expect(relu == norm.map { max($0, 0) })
  }

  @Test("files that are missing, folders or something else are named") func files() throws {
    expectRefusal(try run(weights: "none"), "\(folder.path("none")): there is no such file")
    expectRefusal(try run(input: "none"), "\(folder.path("none")): there is no such file")
    expectRefusal(try run(weights: "."), "a file is expected, and this is a folder")
    expectRefusal(try run(input: "."), "a file is expected, and this is a folder")
    expectRefusal(try run(weights: "x.npy"), "x.npy")
    expectRefusal(try run(input: "w.safetensors"), "w.safetensors")
    expectRefusal(try run("--output", folder.path("no/y.npy")), "no/y.npy")
    expectRefusal(try run("--trace", folder.path("x.npy")), "x.npy is not a folder")
  }

  @Test("truncated weights are refused at every length") func truncated() throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.path("w.safetensors")))
    for count in [0, 4, 8, 100, bytes.count / 2, bytes.count - 1] {
      try bytes.prefix(count).write(to: URL(fileURLWithPath: folder.path("short.safetensors")))
      expectRefusal(try run(weights: "short.safetensors"), "short.safetensors")
    }
  }

  @Test("a missing, surplus or misshapen tensor is named") func misfits() throws {
    var archive = weights()
    let bias = try #require(archive["classifier.bias"])
    archive["classifier.bias"] = nil
    try Safetensors.write(archive, to: folder.path("missing.safetensors"))
    expectRefusal(try run(weights: "missing.safetensors"), "missing 1: classifier.bias")
    archive["classifier.bais"] = bias
    try Safetensors.write(archive, to: folder.path("surplus.safetensors"))
    expectRefusal(
      try run(weights: "surplus.safetensors"), "unexpected 1: classifier.bais (did you mean classifier.bias?)"
    )
    archive["classifier.bais"] = nil
    archive["classifier.bias"] = HostTensor.zeros([6])
    try Safetensors.write(archive, to: folder.path("shape.safetensors"))
    expectRefusal(try run(weights: "shape.safetensors"), "classifier.bias (expects [5], got [6])")
  }

  @Test("an input that does not fit names the layer") func inputs() throws {
    try NumPy.write(Formula.input([1, 4, 32, 32]), to: folder.path("four.npy"))
    expectRefusal(try run(input: "four.npy"), "features.0 (Conv2d): expects 3 input channels, got 4")
    try NumPy.write(Formula.input([3, 32, 32]), to: folder.path("three.npy"))
    expectRefusal(try run(input: "three.npy"), "features.0 (Conv2d)")
    try NumPy.write(Formula.input([0, 3, 32, 32]), to: folder.path("empty.npy"))
    let empty = try run(input: "empty.npy")
    if empty.status == 0 { #expect(try NumPy.read(folder.path("y.npy")).shape == [0, 5]) }
  }
}
