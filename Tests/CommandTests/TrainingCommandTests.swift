import Foundation
import Strata
import Testing

@Suite("strata train, eval and replay", .serialized) struct TrainingCommandTests {
  private static let data = "shapes:count=60,size=8,classes=3"
  private static let small = ["--epochs", "2", "--batch", "12", "--width", "0.125", "--workers", "0"]

  private func train(_ folder: String, _ more: String...) throws -> Tool.Result {
    try Tool.run(["train", "small_cnn", Self.data, "-o", folder] + Self.small + more)
  }

  @Test("a run writes its folder, is examined and made again")
  func whole() throws {
    let folder = try TemporaryFolder()
    let run = folder.path("run")
    let result = try train(run, "--seed", "3")
    #expect(result.status == 0 && result.message.isEmpty)
    let lines = result.output.split(separator: "\n")
    #expect(lines.count == 4)
    #expect(lines[0].hasPrefix("small_cnn, 2,") && lines[0].contains("48 + 12 pictures of 3 classes, 3×8×8"))
    #expect(lines[1].hasPrefix("epoch 1/2  loss ") && lines[3].contains("best.safetensors is of epoch "))

    let eval = try Tool.run([
      "eval", "small_cnn", Self.data, "--weights", "\(run)/last.safetensors", "--width", "0.125", "--json",
    ])
    #expect(eval.status == 0)
    let manifest = try JSONValue.parse(folder.text("run/manifest.json"))
    #expect(try eval.json() == manifest["result"]?["validation"])

    if OneDNNBackend.hasInstructions(for: .int8) {
      let rounded = try Tool.run([
        "eval", "small_cnn", Self.data, "--weights", "\(run)/last.safetensors", "--width", "0.125",
        "--precision", "int8", "--json",
      ])
      let json = try rounded.json()
      #expect(json["precision"] == "int8")
      #expect(try json["top1_float32"] == eval.json()["top1"])
    }

    let again = try Tool.run(["replay", run, "--json"])
    #expect(again.status == 0)
    #expect(try again.json()["same"] == true)
    // What the engine is called says nothing against the result; another first seed does.
    func edit(_ old: String, _ new: String) throws {
      let text = try folder.text("run/manifest.json").replacing(old, with: new)
      try Data(text.utf8).write(to: folder.url.appendingPathComponent("run/manifest.json"))
    }
    try edit(#""name": "oneDNN""#, #""name": "twoDNN""#)
    let elsewhere = try Tool.run(["replay", run])
    #expect(elsewhere.status == 0 && elsewhere.output.contains("engine: twoDNN "))
    try edit(#""seed": 3"#, #""seed": 4"#)
    let other = try Tool.run(["replay", run])
    #expect(other.status == 1 && other.output.contains("initial_weights: "))

    let config = try Tool.run(["train", "--config", "\(run)/config.json", "-o", folder.path("again")])
    #expect(config.status == 0)
    #expect(
      try FileSystem.read(folder.path("again/last.safetensors")) == FileSystem.read("\(run)/last.safetensors")
    )
    let names = Set(folder.files.filter { $0.hasPrefix("run/") }.map { $0.dropFirst(4) })
    #expect(
      names == [
        "best.safetensors", "checkpoint.safetensors", "config.json", "labels.txt", "last.safetensors",
        "log.csv",
        "manifest.json", "report.html",
      ])
    #expect(try folder.text("run/log.csv").split(separator: "\n").count == 3)
    #expect(try folder.text("run/report.html").contains("Training SmallCNN"))
    let second = try train(run)
    #expect(second.status == 2 && second.message.contains("holds a run already"))
  }

  @Test("a run that is killed goes on to the same bits", arguments: [SIGKILL, SIGINT])
  func killed(signal: Int32) throws {
    let folder = try TemporaryFolder()
    let more = [
      "--checkpoint-every", "1", "--model-ema", "--augment", "crop", "--epochs", "10", "--batch", "2",
    ]
    let arguments = ["train", "small_cnn", Self.data] + Self.small + more
    let whole = try Tool.run(arguments + ["-o", folder.path("whole")])
    #expect(whole.status == 0)
    let checkpoint = folder.path("part/checkpoint.safetensors")
    func step() -> Int {
      // While the file is replaced there is the old one or the new one, never none.
      (try? Checkpoint(contentsOf: checkpoint))?.state["step"]?.integer ?? 0
    }
    // On a busy machine a run may be over before it is killed; then there is another.
    for _ in 0..<10 {
      try? FileManager.default.removeItem(atPath: folder.path("part"))
      let process = Process()
      process.executableURL = URL(fileURLWithPath: Tool.path)
      process.arguments = arguments + ["-o", folder.path("part")]
      (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
      try process.run()
      while step() < 20, process.isRunning { usleep(1000) }
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      if step() == 240 { continue }
      if signal == SIGINT { #expect(process.terminationReason == .exit && process.terminationStatus == 1) }
      break
    }
    #expect(step() >= 20 && step() < 240)
    let resumed = try Tool.run(["train", "--resume", folder.path("part")])
    #expect(resumed.status == 0, "\(resumed.message)")
    for name in ["best.safetensors", "last.safetensors"] {
      #expect(
        try FileSystem.read(folder.path("part/\(name)")) == FileSystem.read(folder.path("whole/\(name)")))
    }
    #expect(!folder.files.contains { $0.hasSuffix(".partial") } || signal == SIGKILL)
  }

  @Test("fine-tuning loads what fits and tells what changed")
  func fineTuning() throws {
    let folder = try TemporaryFolder()
    #expect(try train(folder.path("first")).status == 0)
    let tuned = try Tool.run(
      ["train", "small_cnn", "shapes:count=60,size=8,classes=heart+arrow", "-o", folder.path("tuned")]
        + Self.small
        + ["--weights", folder.path("first/best.safetensors"), "--freeze", "features", "--json"])
    #expect(tuned.status == 0)
    #expect(tuned.message.contains("of another shape 2: classifier.weight (expects [2, 16], got [3, 16])"))
    let changes = try #require(try tuned.json()["changes"]?.array)
    #expect(changes.count == 26)
    let changed = changes.filter { $0["changed"] == true }.map { $0["name"]?.string }
    #expect(changed == ["classifier.weight", "classifier.bias"])
  }

  @Test("settings come from a file, and words of the command come before them")
  func configuration() throws {
    let folder = try TemporaryFolder()
    try Data(
      #"{"model": "small_cnn", "data": "\#(Self.data)", "epochs": 1, "width": 0.125, "lr": 0.01}"#.utf8
    )
    .write(to: folder.url.appendingPathComponent("settings.json"))
    let result = try Tool.run([
      "train", "--config", folder.path("settings.json"), "--lr", "0.02", "-o", folder.path("run"),
    ])
    #expect(result.status == 0)
    let config = try JSONValue.parse(folder.text("run/config.json"))
    #expect(config["lr"] == 0.02 && config["epochs"] == 1 && config["size"] == 8 && config["channels"] == 3)
    #expect(config["weight_decay"]?.number == 1e-4)
  }

  @Test("a learning rate is found, and drawn")
  func finder() throws {
    let folder = try TemporaryFolder()
    let result = try train(folder.path("range"), "--find-lr")
    #expect(result.status == 0 && result.output.hasPrefix("try --lr "))
    #expect(folder.files.filter { $0.hasPrefix("range") } == ["range", "range/lr-range.svg"])
    #expect(try folder.text("range/lr-range.svg").contains("<svg "))
  }

  @Test(
    "mistakes are explained",
    arguments: [
      (["small_cnn"], "needs MODEL and DATA"),
      (["small_cn", "shapes"], "there is no model `small_cn`; did you mean `small_cnn`?"),
      (["small_cnn", "no/such/place"], "no/such/place: there is no such folder"),
      (
        ["small_cnn", "shapes", "--epochs", "none"], "--epochs expects a whole number of at least 1, got none"
      ),
      (["small_cnn", "shapes", "--opt", "adma"], "did you mean adam?"),
      (["small_cnn", "shapes", "--amp", "int8"], "--amp"),
      (
        ["small_cnn", "shapes", "--freeze", "feature"],
        "no parameter of SmallCNN fits `feature`; did you mean `features`?"
      ),
      (["small_cnn", "shapes", "-o", "/dev/null/run"], "/dev/null"),
      (["--resume", "no/such/run"], "no/such/run/config.json: there is no such file"),
    ])
  func mistakes(words: [String], message: String) throws {
    let folder = try TemporaryFolder()
    let places = words.contains("-o") || words.contains("--resume") ? [] : ["-o", folder.path("run")]
    let result = try Tool.run(["train"] + words + places)
    #expect(result.status == 2 && result.output.isEmpty)
    #expect(result.message.contains(message), "\(result.message)")
  }

  @Test("training multiplies in bfloat16 where that is asked for, and can be made again")
  func mixedPrecision() throws {
    let folder = try TemporaryFolder()
    let rounded = try train(folder.path("rounded"), "--amp", "bfloat16")
    guard OneDNNBackend.hasInstructions(for: .bfloat16) else {
      #expect(rounded.status == 2 && rounded.message.contains("no instructions for bfloat16"))
      return
    }
    #expect(rounded.status == 0)
    #expect(try train(folder.path("exact")).status == 0)
    let weights = try ["rounded", "exact"].map { try FileSystem.read(folder.path("\($0)/last.safetensors")) }
    #expect(weights[0] != weights[1] && weights[0].count == weights[1].count)
    #expect(try Tool.run(["replay", folder.path("rounded"), "--json"]).json()["same"] == true)
  }

  @Test("where the disk is full, the checkpoint before stays")
  func fullDisk() throws {
    let folder = try TemporaryFolder()
    #expect(try train(folder.path("run")).status == 0)
    let before = try FileSystem.read(folder.path("run/best.safetensors"))
    // No file may become larger than 8 kB: what a full disk does to a write.
    let words =
      ["train", "small_cnn", Self.data] + Self.small + ["--weights", folder.path("run/best.safetensors")]
    let command = ([Tool.path] + words + ["-o", folder.path("full")]).map { "'\($0)'" }.joined(separator: " ")
    let result = try Tool.run(
      ["-c", "trap '' XFSZ; ulimit -f 16; exec \(command)"], executable: "/bin/sh")
    #expect(result.status == 2)
    #expect(result.message.contains("full/checkpoint.safetensors: cannot be written"), "\(result.message)")
    #expect(!folder.files.contains { $0.hasSuffix(".partial") })
    #expect(try FileSystem.read(folder.path("run/best.safetensors")) == before)
  }
}
