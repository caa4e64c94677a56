import StrataCore
import StrataFormats
import StrataInspect

/// A run made again from its manifest, and what came out otherwise.
public struct Replay {
  /// What was run.
  public let description: RunDescription
  private let manifest: JSONObject
  private let path: String

  /// A place in which both runs differ.
  public struct Difference: Sendable, Hashable {
    /// What differs.
    public let what: String
    /// What the manifest says.
    public let before: String
    /// What the new run says.
    public let now: String
  }

  /// Reads a manifest; a folder stands for the one in it.
  public init(_ path: String) throws(StrataError) {
    let file = SystemFile.isFolder(path) ? "\(path)/manifest.json" : path
    let text = String(decoding: try FileSystem.read(file), as: UTF8.self)
    guard let manifest = try JSONValue.parse(text, name: file).object, let run = manifest["run"] else {
      throw StrataError(.format, "\(file): a manifest of a run is expected, and this is none")
    }
    guard manifest["result"] != nil else {
      throw StrataError(.argument, "\(file): the run has not ended, so there is nothing to compare with")
    }
    description = try RunDescription(run, name: file)
    (self.manifest, self.path) = (manifest, file)
  }

  /// Makes the run again in a folder and compares.
  public func run(
    folder: String?, engine: EngineDescription, report: (TrainingEvent) -> Void = { _ in },
    shouldStop: () -> Bool = { false }
  ) throws -> (differences: [Difference], isInterrupted: Bool) {
    let run = try TrainingRun(description, folder: folder, engine: engine)
    var again = RunManifest(run)
    let start = try TrainingRun.network(run.entry, run.description.options).model
    try again.note(data: run.data, initial: start.archive, weights: run.description.options.weights)
    let early = differences(again.document, names: Replay.conditions)
    // Other data or other first weights lead elsewhere: nothing is gained by going there.
    let decisive = early.filter { ["data", "initial_weights", "weights_file"].contains($0.what) }
    guard decisive.isEmpty else { return (early, false) }
    let result = try run.run(report: report, shouldStop: shouldStop)
    guard !result.isInterrupted else { return (early, true) }
    try again.note(result, of: run.trainer, try run.changes())
    return (early + outcomes(again.document, result.history), false)
  }

  private static let conditions = [
    "strata", "engine", "machine", "run", "data", "initial_weights", "weights_file",
  ]

  private func differences(_ now: JSONObject, names: [String]) -> [Difference] {
    names.compactMap { name in
      let (old, new) = (Replay.essence(manifest[name], name), Replay.essence(now[name], name))
      return old == new ? nil : Difference(what: name, before: old, now: new)
    }
  }

  /// What counts of a part of a manifest, as text.
  private static func essence(_ value: JSONValue?, _ name: String) -> String {
    switch name {
    case "data": value?["fingerprint"]?.string ?? "none"
    case "machine": value?["processor"]?.string ?? "none"
    case "engine":
      "\(value?["name"]?.string ?? "") \(value?["version"]?.string ?? "") \(value?["isa"]?.string ?? "")"
    default: value?.string ?? value?.description ?? "none"
    }
  }

  private func outcomes(_ now: JSONObject, _ history: [EpochRecord]) -> [Difference] {
    var result: [Difference] = []
    let before = (manifest["result"]?["epochs"]?.array ?? []).compactMap(EpochRecord.init)
    if before.count != history.count {
      result.append(Difference(what: "epochs", before: "\(before.count)", now: "\(history.count)"))
    }
    let names = ["epoch", "step"] + EpochRecord.columns.map(\.name)
    for (old, new) in zip(before, history) where old.repeatable != new.repeatable {
      for (name, (left, right)) in zip(names, zip(old.repeatable, new.repeatable)) where left != right {
        result.append(Difference(what: "\(name) of epoch \(old.epoch)", before: "\(left)", now: "\(right)"))
      }
    }
    let (old, new) = (manifest["result"]?["last_weights"]?.string, now["result"]?["last_weights"]?.string)
    if old != new {
      result.append(Difference(what: "last weights", before: old ?? "none", now: new ?? "none"))
    }
    return result
  }
}

extension Replay.Difference {
  /// Whether it is about the result and not about where and with what it was made.
  public var concernsResult: Bool { !["strata", "engine", "machine"].contains(what) }
}
