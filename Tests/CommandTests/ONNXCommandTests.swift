import Foundation
import Strata
import StrataTestSupport
import Testing

@Suite("ONNX models on the command line") struct ONNXCommandTests {
  private let folder: TemporaryFolder
  private let network: String
  private let weights: String

  init() throws {
    folder = try TemporaryFolder()
    network = folder.path("n.onnx")
    weights = folder.path("w.safetensors")
    let model = try ModelRegistry.make("mobilenet_v1", ModelOptions(classes: 3)).eval()
    for entry in model.stateEntries {
      entry.variable.store(Formula.parameter(entry.name, entry.shape, entry.dtype))
    }
    try model.save(weights)
    try NumPy.write(Formula.input([2, 3, 224, 224]), to: folder.path("x.npy"))
    let export = try Tool.run([
      "export", "mobilenet_v1", "--classes", "3", "--weights", weights, "--output", network,
    ])
    #expect(export.status == 0, "\(export.message)")
  }

  private func scores(_ words: String...) throws -> [Float] {
    let output = folder.path("y.npy")
    let run = try Tool.run(["run"] + words + ["--input", folder.path("x.npy"), "--output", output])
    #expect(run.status == 0, "\(run.message)")
    return try NumPy.read(output).scalars(as: Float.self)
  }

  @Test("run gives the scores of the network that was exported") func run() throws {
    let wanted = try scores("mobilenet_v1", "--classes", "3", "--weights", weights)
    let trace = folder.path("trace")
    let found = try scores(network, "--trace", trace)
    #expect(wanted.count == 6 && found.count == 6)
    let largest = wanted.map(abs).max() ?? 0
    for (a, b) in zip(found, wanted) { #expect(abs(a - b) <= 1e-5 * largest) }
    #expect(folder.files.contains { $0.hasPrefix("trace/features.0") })
  }

  @Test("summary counts what it counts of the network itself, and show lists the operators") func summary()
    throws
  {
    let own = try Tool.run(["summary", "mobilenet_v1", "--classes", "3", "--json"]).json()
    let model = try Tool.run(["summary", network, "--json"]).json()
    for key in ["macs", "parameters", "output"] { #expect(model[key] == own[key], "\(key)") }
    #expect((model["rows"]?.array ?? []).contains { $0["type"]?.string == "Conv" })
    let text = try Tool.run(["show", network]).output
    #expect(text.hasPrefix("ONNX(\n") && text.contains("(0): Conv("))
  }

  @Test("predict names pictures without further weights") func predict() throws {
    let picture = Fixtures.folder + "/images/grey-8.png"
    let one = try Tool.run(["predict", network, picture, "--json"])
    #expect(one.status == 0, "\(one.message)")
    let other = try Tool.run([
      "predict", "mobilenet_v1", "--classes", "3", "--weights", weights, picture, "--json",
    ])
    let classes = try [one, other].map { try $0.json().array?[0]["predictions"]?.array?[0]["index"]?.integer }
    #expect(classes[0] != nil && classes[0] == classes[1])
  }

  @Test("inspect and convert read the values that a model stores") func weightsInside() throws {
    let listing = try Tool.run(["inspect", network])
    #expect(listing.output.contains("ONNX inputs: input [N, 3, 224, 224]"))
    #expect(listing.output.contains("classifier.weight"))
    let back = folder.path("back.safetensors")
    #expect(try Tool.run(["convert", network, back]).status == 0)
    let (found, wanted) = (try Safetensors.read(back), try Safetensors.read(weights))
    for name in ["features.0.weight", "classifier.bias"] {
      #expect(found[name]?.scalars(as: Float.self) == wanted[name]?.scalars(as: Float.self), "\(name)")
    }
  }

  @Test("a file of weights stands for the network that it fits") func weightsAlone() throws {
    let wanted = try scores("mobilenet_v1", "--classes", "3", "--weights", weights)
    #expect(try scores(weights) == wanted)
    let misfit = folder.path("misfit.npz")
    try Weights.write(TensorArchive([("a", HostTensor.ones([2]))]), to: misfit)
    let result = try Tool.run(["show", misfit])
    #expect(result.status == 2 && result.message.contains("fit no network that is known"))
    let wrong = try Tool.run([
      "predict", "mobilenet_v1", "--weights", weights, Fixtures.folder + "/images/grey-8.png",
    ])
    #expect(wrong.status == 2 && wrong.message.contains("the file fits mobilenet_v1 with 3 classes"))
  }

  @Test("bench measures it") func bench() throws {
    let report = try Tool.run(["bench", network, "--json"]).json()
    #expect(report["macs"]?.integer ?? 0 > 500_000_000)
    let loaded = try Tool.run([
      "bench", "mobilenet_v1", "--classes", "3", "--weights", weights, "--json",
    ]).json()
    let back = try Tool.run(["bench", "mobilenet_v1", "--classes", "3", "--weights", network, "--json"])
    #expect(back.status == 0, "\(back.message)")
    #expect(loaded["load_ms"]?.number ?? -1 >= 0)
    #expect(loaded["peak_memory_bytes"]?.integer ?? 0 > 1 << 20)
  }

  @Test("what makes no sense with a model is one sentence") func misuse() throws {
    try Data("hello".utf8).write(to: URL(fileURLWithPath: folder.path("no.onnx")))
    let cases: [([String], String)] = [
      (["run", network, "--weights", weights], "holds its own"),
      (["summary", network, "--classes", "4"], "takes no options"),
      (["summary", folder.path("none.onnx")], "there is no such file"),
      (["summary", folder.path("no.onnx")], "no.onnx"),
      (["convert", weights, folder.path("o.onnx")], "strata export"),
      (["run", "mobilenet_v1"], "needs --weights"),
      (["predict", "mobilenet_v1", "x.png"], "needs --weights"),
    ]
    for (words, sentence) in cases {
      let files = ["--input", folder.path("x.npy"), "--output", folder.path("y.npy")]
      let result = try Tool.run(words + (words[0] == "run" ? files : []))
      #expect(result.status == 2)
      #expect(result.message.contains(sentence), "\(result.message)")
      #expect(result.message.split(separator: "\n").count == 1)
    }
  }
}
