import Foundation
import Strata
import Testing

/// The built command-line tool.
enum Tool {
  /// What a run of the tool left behind.
  struct Result {
    let status: Int32
    let output: String
    let message: String

    /// The output read as JSON.
    func json() throws -> JSONValue { try JSONValue.parse(output) }
  }

  /// The tool lies beside the tests.
  static let path: String = {
    let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }
    let tests = bundle?.bundleURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
    return tests.deletingLastPathComponent().appendingPathComponent("strata").path
  }()

  /// Runs the tool with arguments and waits.
  static func run(
    _ arguments: [String], environment: [String: String] = [:], executable: String = path
  ) throws -> Result {
    let folder = try TemporaryFolder()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    // Files, unlike pipes, do not fill up while nobody reads them.
    let output = try folder.newFile("output")
    let message = try folder.newFile("message")
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = message
    try process.run()
    process.waitUntilExit()
    try #require(
      process.terminationReason == .exit, "\(arguments) ended by signal \(process.terminationStatus)")
    return Result(
      status: process.terminationStatus, output: try folder.text("output"),
      message: try folder.text("message"))
  }
}

/// A folder that goes when nobody needs it any more.
final class TemporaryFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("strata-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appendingPathComponent(name).path }

  func newFile(_ name: String) throws -> FileHandle {
    try Data().write(to: url.appendingPathComponent(name))
    return try FileHandle(forWritingTo: url.appendingPathComponent(name))
  }

  func text(_ name: String) throws -> String {
    String(decoding: try Data(contentsOf: url.appendingPathComponent(name)), as: UTF8.self)
  }

  /// The files inside, however deep.
  var files: [String] {
    (FileManager.default.enumerator(atPath: url.path)?.compactMap { $0 as? String } ?? []).sorted()
  }
}

/// The fixtures in the repository.
func fixture(_ name: String) throws -> String {
  let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  return try String(contentsOf: folder.appendingPathComponent("Fixtures/\(name)"), encoding: .utf8)
}
