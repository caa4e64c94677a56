import Foundation
import Strata
import Testing

@Suite("Training jobs of mpirun", .serialized, .enabled(if: Mpirun.isThere, Mpirun.reason))
struct TrainJobTests {
  private static func arguments(_ folder: URL) -> [String] {
    [
      "train", "small_cnn", FiftySteps.digits, "--epochs", "2", "--batch", "100", "--checkpoint-every", "2",
      "--sync-bn",
      "--threads", "1", "--workers", "1", "--log", "none", "--output", folder.path,
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

  @Test("end with one message when a disk is full")
  func disk() throws {
    // The smallest file that may be written is smaller than a checkpoint.
    let folder = try Self.folder()
    defer { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }
    try Data().write(to: folder)
    let result = try Mpirun.run(2, Self.arguments(folder))
    #expect(result.status == 2)
    #expect(result.message.components(separatedBy: "strata train:").count == 2, "\(result.message)")
  }
}
