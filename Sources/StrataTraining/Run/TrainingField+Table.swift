import StrataFormats

// Ways to make a field of a property.
extension TrainingField {
  private typealias Path<Value> = WritableKeyPath<TrainingOptions, Value> & Sendable
  private static let positive = Double.leastNormalMagnitude...Double.greatestFiniteMagnitude

  private static func flag(_ name: String, _ path: Path<Bool>, _ summary: String) -> TrainingField {
    TrainingField(
      name: name, value: nil, summary: summary, kind: .flag, read: { .bool($0[keyPath: path]) },
      write: { $0[keyPath: path] = $1.bool ?? false })
  }

  private static func integer(
    _ name: String, _ value: String, _ path: Path<Int>, _ range: ClosedRange<Int>, _ summary: String
  ) -> TrainingField {
    TrainingField(
      name: name, value: value, summary: summary, kind: .integer(range),
      read: { .integer($0[keyPath: path]) }, write: { $0[keyPath: path] = $1.integer ?? 0 })
  }

  private static func integer(
    _ name: String, _ value: String, _ path: Path<Int?>, _ range: ClosedRange<Int>, _ summary: String
  ) -> TrainingField {
    TrainingField(
      name: name, value: value, summary: summary, kind: .integer(range),
      read: { $0[keyPath: path].map(JSONValue.integer) ?? .null },
      write: { $0[keyPath: path] = $1.integer })
  }

  private static func number(
    _ name: String, _ value: String, _ path: Path<Double>, _ range: ClosedRange<Double>, _ summary: String
  ) -> TrainingField {
    TrainingField(
      name: name, value: value, summary: summary, kind: .number(range),
      read: { .number($0[keyPath: path]) }, write: { $0[keyPath: path] = $1.number ?? 0 })
  }

  private static func number(
    _ name: String, _ value: String, _ path: Path<Double?>, _ range: ClosedRange<Double>, _ summary: String
  ) -> TrainingField {
    TrainingField(
      name: name, value: value, summary: summary, kind: .number(range),
      read: { $0[keyPath: path].map(JSONValue.number) ?? .null },
      write: { $0[keyPath: path] = $1.number })
  }

  private static func text(
    _ name: String, _ value: String, _ path: Path<String?>, _ summary: String
  ) -> TrainingField {
    TrainingField(
      name: name, value: value, summary: summary, kind: .text,
      read: { $0[keyPath: path].map(JSONValue.string) ?? .null },
      write: { $0[keyPath: path] = $1.string })
  }

  private static func texts(
    _ name: String, _ value: String, _ path: Path<[String]>, _ summary: String
  ) -> TrainingField {
    TrainingField(
      name: name, value: value, summary: summary, kind: .texts,
      read: { .array($0[keyPath: path].map(JSONValue.string)) },
      write: { $0[keyPath: path] = $1.array?.compactMap(\.string) ?? [] })
  }

  private static func numbers(
    _ name: String, _ value: String, _ path: Path<[Double]>, _ summary: String
  ) -> TrainingField {
    TrainingField(
      name: name, value: value, summary: summary, kind: .numbers,
      read: { .array($0[keyPath: path].map(JSONValue.number)) },
      write: { $0[keyPath: path] = $1.array?.compactMap(\.number) ?? [] })
  }

  private static func choice<Choice: RawRepresentable<String> & CaseIterable & SendableMetatype>(
    _ name: String, _ value: String, _ path: Path<Choice>, _ summary: String
  ) -> TrainingField {
    TrainingField(
      name: name, value: value, summary: summary, kind: .choice(Choice.allCases.map(\.rawValue)),
      read: { .string($0[keyPath: path].rawValue) },
      write: { if let choice = $1.string.flatMap(Choice.init(rawValue:)) { $0[keyPath: path] = choice } })
  }

  private static func choices<Choice: RawRepresentable<String> & CaseIterable & SendableMetatype>(
    _ name: String, _ value: String, _ path: Path<[Choice]>, _ summary: String
  ) -> TrainingField {
    TrainingField(
      name: name, value: value, summary: summary, kind: .choices(Choice.allCases.map(\.rawValue)),
      read: { .array($0[keyPath: path].map { .string($0.rawValue) }) },
      write: {
        $0[keyPath: path] = ($1.array ?? []).compactMap { $0.string.flatMap(Choice.init(rawValue:)) }
      })
  }

  fileprivate static let network: [TrainingField] = [
    integer("classes", "N", \.classes, 1...10_000_000, "Classes that the network tells apart (the data's)."),
    integer("channels", "N", \.channels, 1...3, "Channels of the input, 1 or 3 (the data's)."),
    number("width", "F", \.width, 0.01...16, "What the widths of the network are multiplied with."),
    number("dropout", "P", \.dropout, 0...1, "The probability of dropout."),
    text("weights", "W", \.weights, "Weights to begin with; what does not fit begins anew."),
  ]

  fileprivate static let data: [TrainingField] = [
    TrainingField(
      name: "format", value: "NAME", summary: "What DATA is, where its contents do not tell.",
      kind: .choice(DataFormat.allCases.map(\.rawValue)),
      read: { $0.format.map { .string($0.rawValue) } ?? .null },
      write: { $0.format = $1.string.flatMap(DataFormat.init(rawValue:)) }),
    text("val", "PATH", \.validation, "Validation data, if it does not lie with the rest."),
    integer(
      "size", "S", \.size, 1...65_536, "The side of the input in pixels (the data's or the network's)."),
    number(
      "crop-pct", "F", \.cropShare, 0.1...1, "The share of a resized picture that the middle crop keeps."),
    numbers("mean", "M,…", \.mean, "What is taken from each channel, which goes from 0 to 1."),
    numbers("std", "D,…", \.std, "What each channel is divided by after that."),
    choices(
      "augment", "A,…", \.augment,
      "Changes by chance: \(Augmentation.allCases.map(\.rawValue).joined(separator: ", "))."),
    number("mixup", "A", \.mixup, 0...1000, "Blend examples, shares by Beta(A, A) (0: not)."),
    number("cutmix", "A", \.cutMix, 0...1000, "Put parts into each other, sizes by Beta(A, A) (0: not)."),
    flag("balanced", \.isBalanced, "Draw examples so that all classes come equally often."),
    integer("workers", "N", \.workers, 0...1024, "Threads that read ahead (one a core)."),
  ]

  fileprivate static let course: [TrainingField] = [
    integer("epochs", "N", \.epochs, 1...1_000_000, "Times through the data (10)."),
    integer("batch", "N", \.batch, 1...1_000_000, "Examples of a step (32)."),
    choice(
      "opt", "NAME", \.optimizer,
      "Optimiser: \(OptimizerName.allCases.map(\.rawValue).joined(separator: ", ")) (sgd)."),
    number(
      "lr", "F", \.learningRate, positive,
      "The highest learning rate (sgd 0.05, lars 1, adagrad 0.01, others 0.001)."),
    numbers("opt-betas", "B,B", \.betas, "The betas of adam, adamw and lamb (0.9,0.999)."),
    number("opt-eps", "F", \.epsilon, positive, "What an optimiser adds to its divisor (PyTorch's)."),
    number("momentum", "F", \.momentum, 0...1, "The momentum of sgd, rmsprop and lars (0.9)."),
    flag("nesterov", \.isNesterov, "Let sgd look ahead."),
    number("weight-decay", "F", \.weightDecay, 0...1e6, "The decay of weights (1e-4; adamw and lamb 0.01)."),
    flag("no-norm-decay", \.sparesNorms, "Spare biases and the weights of norms from decay."),
    choice(
      "sched", "NAME", \.schedule,
      "Learning rate: \(ScheduleName.allCases.map(\.rawValue).joined(separator: ", ")) (cosine)."),
    number("warmup-epochs", "F", \.warmupEpochs, 0...1e6, "Epochs in which the learning rate rises (0)."),
    number("min-lr", "F", \.minimumLearningRate, 0...1e6, "Where the learning rate ends (0)."),
    integer(
      "decay-epochs", "N", \.stepEpochs, 1...1_000_000,
      "Epochs between steps, of the first fall of cosine-restarts, patience of plateau (30)."),
    integer(
      "cycle-mult", "N", \.cycleFactor, 1...1000, "How much longer each fall of cosine-restarts is (1)."),
    TrainingField(
      name: "milestones", value: "N,…", summary: "Epochs at which multistep falls.",
      kind: .integers(1...1_000_000), read: { .array($0.milestones.map(JSONValue.integer)) },
      write: { $0.milestones = $1.array?.compactMap(\.integer) ?? [] }),
    number("decay-rate", "F", \.gamma, positive, "What a step multiplies the learning rate with (0.1)."),
    number("smoothing", "F", \.smoothing, 0...1, "Label smoothing (0)."),
    number("clip-grad", "F", \.clip, positive, "The largest norm of all gradients."),
    choice("clip-mode", "NAME", \.clipMode, "What is clipped: norm or value (norm)."),
    integer(
      "grad-accum-steps", "N", \.accumulation, 1...1_000_000, "Batches whose gradients make one step (1)."),
    flag("model-ema", \.keepsAverage, "Keep, validate and save a moving average of the weights."),
    number("model-ema-decay", "F", \.averageDecay, 0...1, "What the average keeps at each step (0.999)."),
    texts(
      "recompute", "MODULE,…", \.recompute,
      "Modules whose values are computed again to save memory: layer*, features."),
    choice(
      "amp", "NAME", \.precision, "What convolutions multiply in training: float32 or bfloat16 (float32)."),
  ]

  fileprivate static let fineTuning: [TrainingField] = [
    texts("freeze", "PATTERN,…", \.freeze, "Parameters that do not change: features, layer1.*, '*' for all."),
    integer("unfreeze-at", "EPOCH", \.unfreezeAt, 1...1_000_000, "The epoch from which all change again."),
    flag(
      "update-frozen-norm", \.updatesFrozenNorms,
      "Let frozen batch norm go on following the data's statistics."),
    texts(
      "lr-scale", "PATTERN=F,…", \.rateScales, "Factors on the learning rate; the first that fits counts."),
  ]

  fileprivate static let run: [TrainingField] = [
    TrainingField(
      name: "seed", value: "SEED", summary: "What all chance follows from (0).",
      kind: .integer(0...Int.max), read: { .integer(Int(clamping: $0.seed)) },
      write: { $0.seed = UInt64($1.integer ?? 0) }),
    flag("sync-bn", \.synchronisesNorms, "Let batch norm see the batches of all processes of mpirun."),
    integer("threads", "N", \.threads, 1...4096, "Threads of the engine (all cores)."),
    integer(
      "checkpoint-every", "STEPS", \.checkpointSteps, 1...1_000_000_000,
      "Steps between checkpoints besides those after epochs."),
    choices("log", "KIND,…", \.logs, "Logs to keep: csv, tensorboard, none (csv)."),
    integer("patience", "N", \.patience, 1...1_000_000, "End after so many epochs without a better result."),
    choice("best-by", "NAME", \.criterion, "What the best epoch is best in: top1, loss, macro-f1 (top1)."),
  ]
}

extension TrainingOptions {
  /// All options, in the order of the help.
  public static let fields =
    TrainingField.network + TrainingField.data + TrainingField.course + TrainingField.fineTuning
    + TrainingField.run
}
