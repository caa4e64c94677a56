import Foundation
import Strata
import StrataTestSupport
import Testing

@Suite("Weights and pictures on the command line", .serialized)
struct WeightCommandTests {
  private func weights(_ folder: TemporaryFolder, _ model: String = "mobilenet_v1", classes: Int = 3) throws
    -> String
  {
    let path = folder.path("\(model).safetensors")
    let made = try Tool.run(["init", model, "--output", path, "--classes", "\(classes)", "--seed", "1"])
    #expect(made.status == 0, "\(made.message)")
    return path
  }

  private func picture(_ name: String) -> String { Fixtures.folder + "/images/\(name)" }

  @Test("init, inspect and convert agree about a file, whatever its format")
  func conversion() throws {
    let folder = try TemporaryFolder()
    let source = try weights(folder)
    let checkpoint = folder.path("w.pth")
    #expect(try Tool.run(["convert", source, checkpoint, "--dtype", "f16", "--fold-bn"]).status == 0)
    let report = try Tool.run(["inspect", checkpoint, "--json"]).json()
    #expect(report["fits"]?.array?.first?["model"]?.string == "mobilenet_v1")
    #expect(report["fits"]?.array?.first?["classes"]?.integer == 3)
    #expect(report["tensors"]?.array?.first?["dtype"]?.string == "float16")
    let listing = try Tool.run(["inspect", source])
    #expect(listing.output.contains("classifier.weight") && listing.output.contains("fits mobilenet_v1"))
  }

  @Test("predict names pictures, reports those it cannot read, and goes on")
  func prediction() throws {
    let folder = try TemporaryFolder()
    let path = try weights(folder)
    let labels = folder.path("labels.txt")
    try "ant\nbee\ncat\n".write(toFile: labels, atomically: true, encoding: .utf8)
    let damaged = folder.path("damaged.png")
    try Data([0x89, 0x50, 0x4E, 0x47]).write(to: URL(fileURLWithPath: damaged))
    let pictures = [picture("grey-8.png"), damaged, picture("cmyk.jpg")]
    let result = try Tool.run(
      ["predict", "mobilenet_v1", "--weights", path, "--classes", "3", "--labels", labels, "--json"]
        + pictures)
    #expect(result.status == 1)
    #expect(result.message.contains("damaged.png"))
    let rows = try #require(try result.json().array)
    #expect(rows.count == 3)
    let named = rows.filter { $0["predictions"] != nil }
    #expect(named.count == 2)
    let first = try #require(named.first?["predictions"]?.array)
    #expect(Set(first.compactMap { $0["label"]?.string }) == ["ant", "bee", "cat"])
    #expect(abs(first.compactMap { $0["probability"]?.number }.reduce(0, +) - 1) < 1e-5)
  }

  @Test("predict --explain writes a picture")
  func explanation() throws {
    let folder = try TemporaryFolder()
    let map = folder.path("map.png")
    let result = try Tool.run([
      "predict", "mobilenet_v1", "--weights", try weights(folder), "--classes", "3", picture("grey-8.png"),
      "--explain", map,
    ])
    #expect(result.status == 0, "\(result.message)")
    #expect(try Image(contentsOf: map).width == 224)
  }

  @Test("parity agrees with the tool's own trace and finds a change")
  func parity() throws {
    let folder = try TemporaryFolder()
    let path = try weights(folder)
    let input = folder.path("x.npy")
    try NumPy.write(Formula.input([1, 3, 64, 64]), to: input)
    let trace = folder.path("trace")
    let run = try Tool.run([
      "run", "mobilenet_v1", "--weights", path, "--classes", "3", "--input", input, "--output",
      folder.path("y.npy"),
      "--trace", trace,
    ])
    #expect(run.status == 0, "\(run.message)")
    try FileManager.default.copyItem(atPath: input, toPath: "\(trace)/input.npy")
    let arguments = ["parity", "mobilenet_v1", "--weights", path, "--classes", "3", "--reference", trace]
    let same = try Tool.run(arguments)
    #expect(same.status == 0, "\(same.output)\(same.message)")
    let changed = "\(trace)/features.1.npy"
    try NumPy.write(try (Tensor(NumPy.read(changed)) * 2).value(), to: changed)
    let other = try Tool.run(arguments)
    #expect(other.status == 1)
    #expect(other.output.contains("The first output that differs is that of features.1"))
  }

  @Test(
    "Misuse is one sentence and status 2",
    arguments: [
      (["predict", "mobilenet_v1", "--weights", "none.safetensors"], "needs pictures behind MODEL"),
      (["inspect", "none.safetensors"], "none.safetensors"),
      (["convert", "one"], "needs IN and OUT"),
      (["parity", "mobilenet_v1", "--weights", "none.pth", "--reference", "r"], "none.pth"),
      (["init", "mobilenet_v1", "--output", "weights.xyz"], "weights.xyz"),
    ])
  func misuse(arguments: [String], sentence: String) throws {
    let result = try Tool.run(arguments)
    #expect(result.status == 2)
    #expect(result.message.contains(sentence), "\(result.message)")
    #expect(result.message.split(separator: "\n").count == 1)
  }
}
