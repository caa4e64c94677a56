import StrataCore
import StrataData
import StrataDeploy
import StrataFormats
import StrataGraph
import StrataModels
import StrataNN
import StrataRuntime

/// Examines networks: a network of the registry with weights from a file, on data by its place.
public struct Evaluation {
  /// The examples.
  public let data: TrainingData
  /// The network.
  public let model: Module
  /// How pictures become its input.
  public let preparation: Preparation
  private let options: TrainingOptions

  /// The options that make a difference here.
  public static let fields = TrainingOptions.fields.filter { field in
    [
      "channels", "width", "format", "val", "size", "crop-pct", "mean", "std", "workers", "batch", "threads",
    ].contains(field.name)
  }

  /// Builds a network, loads its weights and finds the data. What the options leave open is as the weights were
  /// trained, where their file says so.
  public init(
    _ model: String, _ place: String, weights path: String, _ options: TrainingOptions = TrainingOptions()
  ) throws(StrataError) {
    var options = options
    if let threads = options.threads { Engine.threadCount = threads }
    let entry = try ModelRegistry.entry(named: model)
    data = try TrainingData(place, format: options.format, validation: options.validation)
    let weights = try Weights.read(path)
    if let remark = weights.metadata[Preparation.remark], let known = try? JSONValue.parse(remark, name: path)
    {
      let classes = known["classes"]?.array?.compactMap(\.string)
      guard classes == nil || classes == data.classNames else {
        throw StrataError(
          .argument,
          "\(path): the weights know \(classes?.joined(separator: ", ") ?? ""), and the data has "
            + data.classNames.joined(separator: ", "))
      }
      options.size = options.size ?? known["size"]?.integer
      options.channels = options.channels ?? known["channels"]?.integer
      if options.mean.isEmpty { options.mean = (known["mean"]?.array ?? []).compactMap(\.number) }
      if options.std.isEmpty { options.std = (known["std"]?.array ?? []).compactMap(\.number) }
    }
    options.channels = options.channels ?? data.channels
    options.classes = data.classNames.count
    let network = try TrainingRun.network(entry, options).model
    try network.load(weights, from: path)
    self.model = network.eval()
    preparation = try Preparation(
      for: data, side: options.size ?? TrainingRun.side(for: network, data, entry, options),
      channels: options.channels ?? data.channels, options)
    self.options = options
  }

  /// The metrics on the validation data, or on what was learnt from; every process of a group gets those of all.
  public func run(onTraining: Bool = false, group: TrainingGroup = .alone) throws -> ClassificationMetrics {
    try Evaluation.metrics(
      of: model, onTraining ? data.training : data.validation, preparation, options, group)
  }

  /// Finds the ranges of what the network's layers read on examples that it learnt from, evenly chosen.
  public func calibrate(
    examples count: Int = 256, method: Calibration.Method = .standard
  ) throws(StrataError) -> Calibration {
    let all = data.training.count
    let indices = (0..<min(count, all)).map { $0 * all / min(count, all) }
    let loader = try DataLoader(
      try data.training.subset(indices), batchSize: 8, transform: preparation.evaluation,
      workers: options.workers)
    var calibrator = Calibrator()
    while let batch = try loader.next() { try calibrator.observe(model(Tensor(batch.inputs))) }
    return try calibrator.calibration(by: method)
  }

  /// The metrics of a network, in evaluation mode, on all examples of a data set; the mode is given back.
  ///
  /// - Parameters:
  ///   - model: The network.
  ///   - dataset: The examples.
  ///   - preparation: How they become its input.
  ///   - batch: Examples that run at once. The result depends on it by rounding at most.
  ///   - workers: Threads that read ahead.
  public static func metrics(
    of model: Module, _ dataset: any Dataset, _ preparation: Preparation, batch: Int = 32,
    workers: Int? = nil,
    progress: (Int) -> Void = { _ in }
  ) throws -> ClassificationMetrics {
    var metrics = ClassificationMetrics(classCount: dataset.classCount)
    let mode = model.isTraining
    model.eval()
    defer { if mode { model.train() } }
    let loader = try DataLoader(
      dataset, batchSize: batch, transform: preparation.evaluation, workers: workers)
    while let batch = try loader.next() {
      let scores = try model(Tensor(batch.inputs)).value()
      try metrics.add(scores: scores, labels: batch.labels.scalars(as: Int.self))
      progress(metrics.count)
    }
    return metrics
  }

  /// The metrics of all processes together, each of which takes every `count`th example.
  static func metrics(
    of model: Module, _ dataset: any Dataset, _ preparation: Preparation, _ options: TrainingOptions,
    _ group: TrainingGroup
  ) throws -> ClassificationMetrics {
    guard group.count > 1 else {
      return try metrics(of: model, dataset, preparation, batch: options.batch, workers: options.workers)
    }
    var own = ClassificationMetrics(classCount: dataset.classCount)
    let indices = Array(stride(from: group.rank, to: dataset.count, by: group.count))
    if !indices.isEmpty {
      own = try metrics(
        of: model, dataset.subset(indices), preparation, batch: options.batch, workers: options.workers)
    }
    return ClassificationMetrics(
      classCount: dataset.classCount, try group.sum(own.numbers, label: "results of validation"))
  }
}

extension Preparation {
  /// The name of the remark in a file of weights.
  static let remark = "strata.preparation"

  /// What a file of weights says about the pictures that they were trained on.
  func remarks(classNames: [String]) -> [String: String] {
    let preparation: JSONValue = [
      "size": .integer(side), "channels": .integer(channels),
      "mean": .array(mean.map { .number(Double($0)) }), "std": .array(std.map { .number(Double($0)) }),
      "classes": .array(classNames.map(JSONValue.string)),
    ]
    return [Preparation.remark: preparation.description]
  }
}
