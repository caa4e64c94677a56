import Foundation
import Strata
import Testing

@Suite("Training jobs of mpirun", .serialized, .enabled(if: Mpirun.isThere, Mpirun.reason))
struct TrainJobTests {
  private static func arguments(_ folder: URL) -> [String] {
    [
      "train", "small_cnn", FiftySteps.digits, "--epochs", "2", "--batch", "100", "--checkpoint-every", "2",
      "--sync-bn", "--threads", "1", "--workers", "1", "--log", "none", "--output", folder.path,
    ]
  }

  private static func folder() throws -> URL {
    let parent = FileManager.default.temporaryDirectory.appendingPathComponent("strata-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    return parent.appendingPathComponent("run")
  }

  private static func weights(_ folder: URL) throws -> TensorArchive {
    try Safetensors.read(folder.appendingPathComponent("last.safetensors").path)
  }

  @Test("follow one process for fifty steps, to 1e-4", arguments: ["sgd", "adamw"])
  func follow(optimizer: String) throws {
    let alone = try FiftySteps(1, optimizer)
    #expect((alone.losses.last ?? 9) < 0.5 * alone.losses[0])
    for size in [2, 4] { try FiftySteps(size, optimizer).expectClose(to: alone) }
  }

  @Test("give the same bits when they are killed and gone on with")
  func elasticity() throws {
    let (whole, cut) = (try Self.folder(), try Self.folder())
    defer {
      for folder in [whole, cut] {
        try? FileManager.default.removeItem(at: folder.deletingLastPathComponent())
      }
    }
    let result = try Mpirun.run(2, Self.arguments(whole))
    #expect(result.status == 0, "\(result.message)")
    #expect(result.output.components(separatedBy: "best.safetensors is of epoch").count == 2)
    var command = Self.arguments(cut)
    for attempt in 0..<3 {
      let job = try Mpirun.Job(2, command)
      let checkpoint = cut.appendingPathComponent("checkpoint.safetensors").path
      let ranks = try job.ranks(2)
      while job.isRunning, !FileManager.default.fileExists(atPath: checkpoint) { usleep(5_000) }
      usleep(UInt32.random(in: 0...400_000))
      kill(ranks[attempt % 2], SIGKILL)
      let end = try job.result(within: 20)
      if end.status == 0 { break }
      command = ["train", "--resume", cut.path, "--threads", "1"]
    }
    let last = try Mpirun.run(2, ["train", "--resume", cut.path, "--threads", "1"])
    #expect(last.status == 0, "\(last.message)")
    for (name, tensor) in try Self.weights(whole) {
      #expect(
        try Self.weights(cut)[name]?.scalars(as: Double.self) == tensor.scalars(as: Double.self), "\(name)")
    }
  }

  @Test("evaluate and name pictures as one process does, and print it plainly")
  func evaluation() throws {
    let folder = try Self.folder().deletingLastPathComponent()
    defer { try? FileManager.default.removeItem(at: folder) }
    for (model, command) in [
      ("small_cnn", ["eval", "small_cnn", FiftySteps.digits, "--weights"]),
      (
        "mobilenet_v1",
        ["predict", "mobilenet_v1", Self.fixtures.appendingPathComponent("images").path, "--weights"]
      ),
    ] {
      let weights = folder.appendingPathComponent(model).path + ".safetensors"
      #expect(try Mpirun.run(1, ["init", model, "--output", weights]).status == 0)
      let alone = try Mpirun.run(1, command + [weights])
      let together = try Mpirun.run(3, command + [weights])
      #expect(alone.output == together.output && alone.status == together.status)
      #expect(alone.output.count > 100 && !alone.output.contains("\u{1B}"))
    }
  }

  private static let fixtures = URL(fileURLWithPath: FiftySteps.digits).deletingLastPathComponent()
  private static let mayMount = Mpirun.shell("unshare -m mount -t tmpfs none /mnt") == 0

  @Test(
    "end with one message when the disk is full, and go on where there is room",
    .enabled(if: mayMount, "a small disk needs rights that this process does not have"))
  func disk() throws {
    let folder = try Self.folder()
    let parent = folder.deletingLastPathComponent()
    defer { try? FileManager.default.removeItem(at: parent) }
    let (disk, launcher) = (
      parent.appendingPathComponent("disk"), parent.appendingPathComponent("launcher").path
    )
    try FileManager.default.createDirectory(at: disk, withIntermediateDirectories: true)
    // It has room for one checkpoint but not for the next beside it, and vanishes with the job.
    try Mpirun.script(
      launcher,
      """
      exec unshare -m sh -c '
        mount -t tmpfs -o size=1500k none \(disk.path)
        "$@"
        status=$?
        cp -r \(disk.path)/run \(folder.path)
        exit $status' sh '\(Mpirun.path ?? "mpirun")' "$@"
      """)
    let result = try Mpirun.Job(2, Self.arguments(disk.appendingPathComponent("run")), launcher: launcher)
      .result()
    #expect(result.status == 2)
    #expect(result.message.components(separatedBy: "strata train:").count == 2, "\(result.message)")
    #expect(result.message.contains("No space left on device"), "\(result.message)")
    let rest = try Mpirun.run(1, ["train", "--resume", folder.path])
    #expect(rest.status == 0, "\(rest.message)")
  }

  @Test("end when a process does not come to where the others wait for it")
  func hang() throws {
    let folder = try Self.folder().deletingLastPathComponent()
    defer { try? FileManager.default.removeItem(at: folder) }
    let weights = folder.appendingPathComponent("weights.safetensors").path
    #expect(try Mpirun.run(1, ["init", "resnet50", "--output", weights]).status == 0)
    // The first process is through with its half at once, the second one has a minute's work.
    let none = [String](repeating: Self.fixtures.appendingPathComponent("digits/README.md").path, count: 1000)
    let pictures = [String](
      repeating: Self.fixtures.appendingPathComponent("images/cmyk.jpg").path, count: 1000)
    let result = try Mpirun.run(2, ["predict", weights] + none + pictures + ["--timeout", "2"])
    #expect(result.status == 2)
    #expect(result.seconds < 12)
    let complaints = result.message.split(separator: "\n").filter { $0.hasPrefix("strata: rank") }
    #expect(complaints.count == 1, "\(complaints)")
    #expect(complaints.first?.contains("rank 1 did not join") == true, "\(complaints)")
  }
}
