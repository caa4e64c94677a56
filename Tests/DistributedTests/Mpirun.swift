import Foundation
import Strata
import Testing

/// Processes that `mpirun` starts, for tests.
enum Mpirun {
  /// What a job left behind.
  struct Result {
    let status: Int32
    let output: String
    let message: String
    let seconds: Double
  }

  /// Why there are no jobs here, or nil where there are.
  static let obstacle: String? = {
    if !MPICommunicator.isBuilt { return "MPI is not built in: script/bootstrap --mpi, then swift build" }
    return path == nil ? "there is no mpirun in PATH" : nil
  }()

  static var isThere: Bool { obstacle == nil }
  static var reason: Comment { Comment(rawValue: obstacle ?? "MPI is there") }

  static let path = find("mpirun")

  static func find(_ name: String) -> String? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    return (folders + ["/usr/sbin", "/sbin"]).map { "\($0)/\(name)" }.first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  }

  /// Runs a command of the shell; its status.
  @discardableResult
  static func shell(_ command: String) -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "PATH=$PATH:/usr/sbin:/sbin; (\(command)) 2>/dev/null"]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return -1 }
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// Writes a program for the shell.
  static func script(_ path: String, _ body: String) throws {
    try "#!/bin/sh\nPATH=$PATH:/usr/sbin:/sbin\n\(body)\n".write(
      toFile: path, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
  }

  /// The tool and the examples lie beside the tests.
  private static let programs: URL = {
    let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }
    let tests = bundle?.bundleURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
    return tests.deletingLastPathComponent()
  }()

  /// What Open MPI 4 and 5 need to know to start more processes than there are cores, and as root.
  private static let environment = [
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1", "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_hwloc_base_binding_policy": "none", "PRTE_MCA_hwloc_default_binding_policy": "none",
    // A host that is gone is noticed after 5 seconds and not after minutes.
    "OMPI_MCA_oob_tcp_keepalive_time": "2", "OMPI_MCA_oob_tcp_keepalive_intvl": "1",
    "OMPI_MCA_oob_tcp_keepalive_probes": "3",
    // A path of sockets has room for a hundred letters.
    "TMPDIR": "/tmp",
  ]

  /// A job that goes on while the test does something to it.
  final class Job {
    private let process = Process()
    private let folder: URL
    private let start = Date()
    private let name: String

    init(
      _ size: Int, _ arguments: [String], program: String = "strata", environment: [String: String] = [:],
      launcher: String = Mpirun.path ?? "mpirun"
    ) throws {
      name = program
      folder = FileManager.default.temporaryDirectory.appendingPathComponent("strata-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      process.executableURL = URL(fileURLWithPath: launcher)
      process.arguments = ["-n", "\(size)", Mpirun.programs.appendingPathComponent(program).path] + arguments
      process.environment = ProcessInfo.processInfo.environment.merging(Mpirun.environment) { $1 }
        .merging(environment) { $1 }
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = try file("output")
      process.standardError = try file("message")
      try process.run()
    }

    deinit {
      if process.isRunning { process.terminate() }
      try? FileManager.default.removeItem(at: folder)
    }

    private func file(_ name: String) throws -> FileHandle {
      let url = folder.appendingPathComponent(name)
      try Data().write(to: url)
      return try FileHandle(forWritingTo: url)
    }

    private func text(_ name: String) throws -> String {
      String(decoding: try Data(contentsOf: folder.appendingPathComponent(name)), as: UTF8.self)
    }

    /// The processes of the job, in no order, once there are `count`.
    func ranks(_ count: Int) throws -> [Int32] {
      let deadline = Date().addingTimeInterval(20)
      while Date() < deadline, process.isRunning {
        let children = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }
          .filter { isRank($0) }
        if children.count == count { return children }
        usleep(20_000)
      }
      throw StrataError(.communication, "the job did not start: \(try text("message"))")
    }

    private func isRank(_ pid: Int32) -> Bool {
      guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
        let end = status.lastIndex(of: ")")
      else { return false }
      let fields = status[end...].split(separator: " ")
      return fields.count > 2 && fields[2] == "\(process.processIdentifier)" && status.contains("(\(name))")
    }

    var isRunning: Bool { process.isRunning }

    /// Waits for the end; a job that does not end is killed and fails the test.
    func result(within seconds: Double = 60) throws -> Result {
      let deadline = Date().addingTimeInterval(seconds)
      while process.isRunning, Date() < deadline { usleep(10_000) }
      if process.isRunning {
        kill(process.processIdentifier, SIGKILL)
        throw StrataError(.communication, "the job did not end in \(seconds) s: \(try text("message"))")
      }
      return Result(
        status: process.terminationStatus, output: try text("output"), message: try text("message"),
        seconds: Date().timeIntervalSince(start))
    }
  }

  /// Whether processes are gone; ending takes those with much memory a moment.
  static func areGone(_ pids: [Int32]) -> Bool {
    for _ in 0..<100 where pids.contains(where: isAlive) { usleep(10_000) }
    return !pids.contains(where: isAlive)
  }

  /// Whether a process runs still; one that nobody has asked for its status yet does not.
  private static func isAlive(_ pid: Int32) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
      let end = status.lastIndex(of: ")")
    else { return false }
    return status[end...].split(separator: " ").dropFirst().first != "Z"
  }

  /// Runs a job to its end.
  static func run(
    _ size: Int, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> Result {
    try Job(size, arguments, environment: environment).result()
  }
}
