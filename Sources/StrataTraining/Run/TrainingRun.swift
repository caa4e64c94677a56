import StrataCore
import StrataData
import StrataDeploy
import StrataFormats
import StrataGraph
import StrataInspect
import StrataModels
import StrataNN
import StrataRuntime

/// A run from names to a folder of results: what `strata train` does.
///
/// The folder holds `config.json` (the settings with all that was left open decided), `manifest.json` (versions,
/// machine, hashes, results), `best.safetensors` and `last.safetensors` (weights), `checkpoint.safetensors` (to go
/// on from), `labels.txt`, the logs that were asked for, and `report.html` (curves).
public struct TrainingRun {
  /// What is run, nothing left open.
  public let description: RunDescription
  /// The examples.
  public let data: TrainingData
  /// The network.
  public let entry: ModelEntry
  /// What became of the weights to begin with.
  public let loadReport: LoadReport?
  /// What trains.
  public let trainer: Trainer
  let engine: EngineDescription

  /// Builds the network, finds the data and decides what was left open.
  ///
  /// - Parameters:
  ///   - given: What is run.
  ///   - folder: Where results are written; made where it is missing.
  ///   - engine: The engine, for the manifest.
  ///   - group: The processes that train together.
  public init(
    _ given: RunDescription, folder: String?, engine: EngineDescription,
    group: TrainingGroup = .alone
  ) throws(StrataError) {
    var options = given.options
    if let threads = options.threads { Engine.threadCount = threads }
    options.threads = Engine.threadCount
    entry = try ModelRegistry.entry(named: given.model)
    data = try TrainingData(given.data, format: options.format, validation: options.validation)
    options.channels = options.channels ?? data.channels
    options.classes = options.classes ?? data.classNames.count
    let built = try TrainingRun.network(entry, options)
    options.size = options.size ?? TrainingRun.side(for: built.model, data, entry, options)
    options.learningRate = options.highestRate
    options.weightDecay = options.decay
    // All that was left open must be decided before the trainer is made: its checkpoints hold the options, and a run
    // that goes on from `config.json` must find the same.
    let normal = Preparation.normalisation(channels: options.channels ?? data.channels, options)
    (options.mean, options.std) = (normal.mean, normal.std)
    loadReport = built.report
    self.engine = engine
    if let folder, group.isLeader { try SystemFile.createFolder(folder) }
    trainer = try Trainer(
      built.model, data, options, side: options.size, channels: options.channels, folder: folder, group: group
    )
    description = RunDescription(model: entry.name, data: given.data, options)
  }

  /// The network as it is before the first step: the same each time.
  static func network(
    _ entry: ModelEntry, _ options: TrainingOptions
  ) throws(StrataError) -> (model: Module, report: LoadReport?) {
    let model = try RandomKey.sequence(from: options.seed) { () throws(StrataError) -> Module in
      try entry.make(
        ModelOptions(
          classes: options.classes, inputChannels: options.channels, widthMultiplier: options.width,
          dropout: options.dropout))
    }
    guard let weights = options.weights else { return (model, nil) }
    return (model, try model.load(weights, strict: false))
  }

  /// The data's own size where the network takes it, else the network's.
  static func side(
    for model: Module, _ data: TrainingData, _ entry: ModelEntry, _ options: TrainingOptions
  ) -> Int {
    guard let side = data.side else { return entry.imageShape[1] }
    let output = model.eval()(.placeholder([2, options.channels ?? data.channels, side, side]))
    return output.error == nil ? side : entry.imageShape[1]
  }

  /// Trains and writes the results.
  ///
  /// - Parameter goesOn: Whether to go on from the folder's checkpoint.
  public func run(
    goesOn: Bool = false, report: (TrainingEvent) -> Void = { _ in }, shouldStop: () -> Bool = { false }
  ) throws -> Trainer.Result {
    let folder = trainer.folder
    if goesOn, let folder { try trainer.resume(from: "\(folder)/\(Trainer.checkpointName)") }
    let start = try TrainingRun.network(entry, description.options).model
    var manifest = RunManifest(self)
    try manifest.note(data: data, initial: start.archive, weights: description.options.weights)
    if let folder, trainer.group.isLeader {
      try write(.object(description.json), "config.json", in: folder)
      try FileSystem.write(
        Array(data.classNames.map { $0 + "\n" }.joined().utf8), to: "\(folder)/labels.txt")
      try write(.object(manifest.document), "manifest.json", in: folder)
    }
    let result = try trainer.run(report: report, shouldStop: shouldStop)
    guard !result.isInterrupted, trainer.group.isLeader else { return result }
    let changes = try WeightChanges(from: start.stateDict(), to: trainer)
    try manifest.note(result, of: trainer, changes)
    if let folder {
      try write(.object(manifest.document), "manifest.json", in: folder)
      try FileSystem.write(Array(page(result).utf8), to: "\(folder)/report.html")
    }
    return result
  }

  /// Which tensors the run changed.
  public func changes() throws -> WeightChanges {
    try WeightChanges(from: TrainingRun.network(entry, description.options).model.stateDict(), to: trainer)
  }

  private func write(_ document: JSONValue, _ name: String, in folder: String) throws(StrataError) {
    try FileSystem.write(Array((document.serialized(indented: true) + "\n").utf8), to: "\(folder)/\(name)")
  }
}

extension TrainingRun {
  /// What is about to be trained, in a line.
  public var headline: String {
    let model = trainer.model
    let frozen = model.parameterCount - model.trainableParameterCount
    var text = "\(description.model), \(Text.grouped(model.parameterCount)) parameters"
    if frozen > 0 { text += " (\(Text.grouped(frozen)) frozen)" }
    let side = trainer.preparation.side
    text +=
      "; \(data.title): \(Text.grouped(data.training.count)) + \(Text.grouped(data.validation.count)) pictures"
    return text + " of \(data.classNames.count) classes, \(trainer.preparation.channels)×\(side)×\(side)"
  }

  /// Whether the run began with weights of another or froze some.
  public var isFineTuning: Bool { description.options.weights != nil || !description.options.freeze.isEmpty }

  /// What a run came to, for programs.
  public func summary(_ result: Trainer.Result, _ changes: WeightChanges?) -> JSONValue {
    var object: JSONObject = [
      "folder": trainer.folder.map(JSONValue.string) ?? .null,
      "best_epoch": result.bestEpoch.map(JSONValue.integer) ?? .null,
      "epochs": .array(result.history.map { .object($0.json) }),
    ]
    object["validation"] = result.metrics?.json(classNames: data.classNames)
    object["changes"] = changes?.json
    return .object(object)
  }

  /// The curves on a page.
  func page(_ result: Trainer.Result) -> String { TrainingPage(self, result).html }
}
