import StrataCore
import StrataFormats

/// What an epoch gave.
public struct EpochRecord: Sendable, Hashable {
  /// Which epoch, from 1.
  public var epoch: Int
  /// Steps made since the beginning.
  public var step: Int
  /// The learning rate of the last step.
  public var learningRate: Double
  /// The mean loss of training batches, with smoothing and mixing, as they were learnt from.
  public var trainingLoss: Double
  /// The share of training examples that were named rightly when they were learnt from.
  public var trainingTop1: Double
  /// What the network achieves on validation data after the epoch.
  public var validation: ValidationNumbers
  /// How long the epoch took.
  public var seconds: Double
  /// Training examples a second.
  public var examplesPerSecond: Double

  /// The numbers of a validation.
  public struct ValidationNumbers: Sendable, Hashable {
    /// The mean cross-entropy.
    public var loss: Double
    /// The share whose likeliest class is right.
    public var top1: Double
    /// The share whose class is among the five likeliest.
    public var top5: Double
    /// The mean of the classes' F1.
    public var macroF1: Double

    /// The numbers of metrics.
    public init(_ metrics: ClassificationMetrics) {
      (loss, top1, top5, macroF1) = (metrics.loss, metrics.top1, metrics.top5, metrics.macroF1)
    }
  }

  typealias Column = (name: String, path: WritableKeyPath<EpochRecord, Double> & Sendable)

  /// The numbers in the order of the log, those last that another run may have otherwise.
  static let columns: [Column] = [
    ("lr", \.learningRate), ("train_loss", \.trainingLoss), ("train_top1", \.trainingTop1),
    ("val_loss", \.validation.loss), ("val_top1", \.validation.top1), ("val_top5", \.validation.top5),
    ("val_macro_f1", \.validation.macroF1), ("seconds", \.seconds),
    ("images_per_second", \.examplesPerSecond),
  ]

  /// The record as an object.
  public var json: JSONObject {
    var object: JSONObject = ["epoch": .integer(epoch), "step": .integer(step)]
    for (name, path) in EpochRecord.columns { object[name] = .number(self[keyPath: path]) }
    return object
  }

  /// Reads a record; what is not a number, which JSON cannot say, comes back as such.
  init?(_ document: JSONValue) {
    guard let epoch = document["epoch"]?.integer, let step = document["step"]?.integer else { return nil }
    self.init(
      epoch: epoch, step: step, learningRate: 0, trainingLoss: 0, trainingTop1: 0,
      validation: ValidationNumbers(ClassificationMetrics(classCount: 0)), seconds: 0, examplesPerSecond: 0)
    for (name, path) in EpochRecord.columns { self[keyPath: path] = document[name]?.number ?? .nan }
  }

  init(
    epoch: Int, step: Int, learningRate: Double, trainingLoss: Double, trainingTop1: Double,
    validation: ValidationNumbers, seconds: Double, examplesPerSecond: Double
  ) {
    (self.epoch, self.step, self.learningRate) = (epoch, step, learningRate)
    (self.trainingLoss, self.trainingTop1, self.validation) = (trainingLoss, trainingTop1, validation)
    (self.seconds, self.examplesPerSecond) = (seconds, examplesPerSecond)
  }

  /// What must be equal in a run that repeats this one: all but times.
  var repeatable: [Double] {
    [Double(epoch), Double(step)] + EpochRecord.columns.dropLast(2).map { self[keyPath: $0.path] }
  }
}

extension [EpochRecord] {
  /// The records as comma-separated values with a line of names.
  public var csv: String {
    let names = ["epoch", "step"] + EpochRecord.columns.map(\.name)
    let lines = map { record in
      ["\(record.epoch)", "\(record.step)"]
        + EpochRecord.columns.map { DecimalText.general(record[keyPath: $0.path], digits: 8) }
    }
    return ([names] + lines).map { $0.joined(separator: ",") + "\n" }.joined()
  }
}
