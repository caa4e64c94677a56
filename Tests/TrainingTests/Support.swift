import Foundation
import Strata

/// A folder that goes when nobody needs it any more.
final class RunFolder {
  private let url = FileManager.default.temporaryDirectory.appending(path: "strata-\(UUID().uuidString)")

  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

  deinit {
    try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: url.path)
    try? FileManager.default.removeItem(at: url)
  }

  var path: String { url.path }
  func path(_ name: String) -> String { "\(url.path)/\(name)" }
  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []).sorted() }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    let file = url.appending(path: name)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
  }
}

/// Runs that take a fraction of a second.
enum Tiny {
  /// 48 pictures of 8 × 8 to learn from, 12 to be examined with.
  static func data(_ text: String = "shapes:count=60,size=8,classes=3") throws -> TrainingData {
    try TrainingData(text)
  }

  static var options: TrainingOptions {
    var options = TrainingOptions()
    (options.epochs, options.batch, options.workers, options.seed) = (2, 10, 0, 7)
    options.augment = [.flip, .crop]
    return options
  }

  /// The same first weights each time.
  static func model(classes: Int = 3) -> Module {
    RandomKey.sequence(from: 5) { SmallCNN(classes: classes, inputChannels: 3, widthMultiplier: 0.125) }
  }

  /// Runs `body` on plain loops, whose results other tests, which change the number of threads, cannot disturb.
  static func undisturbed<Result>(_ body: () throws -> Result) rethrows -> Result {
    try Engine.$override.withValue(Engine.Configuration(backend: ReferenceBackend()), operation: body)
  }

  static func trainer(
    _ options: TrainingOptions, folder: String? = nil, model: Module? = nil,
    group: TrainingGroup = .alone
  ) throws -> Trainer {
    try Trainer(model ?? Tiny.model(), Tiny.data(), options, folder: folder, group: group)
  }
}

extension Module {
  /// The SHA-256 of all parameters and buffers.
  var digest: String { archive.contentHash }
}
