import StrataCore
import StrataRuntime

/// How a network is trained: what `strata train` can be told, with the same names and defaults.
///
/// `TrainingOptions.fields` lists all of them with their words for commands and files; everything else (help,
/// parsing, files of settings) follows from that table.
public struct TrainingOptions: Sendable, Hashable {
  /// The number of scores; the data's classes where nothing is said.
  public var classes: Int?
  /// The channels of the input, 1 or 3; the data's where nothing is said.
  public var channels: Int?
  /// What the widths of the network are multiplied with.
  public var width: Double?
  /// The probability of dropout.
  public var dropout: Double?
  /// Weights to begin with; what does not fit, as the last layer of other classes, begins anew.
  public var weights: String?

  /// What lies at the data's place, where its contents do not tell.
  public var format: DataFormat?
  /// Where validation data lies, if not with the rest.
  public var validation: String?
  /// The side of the input in pixels.
  public var size: Int?
  /// The share of a resized picture that the middle crop keeps.
  public var cropShare: Double?
  /// What is taken from each channel.
  public var mean: [Double] = []
  /// What each channel is divided by after that.
  public var std: [Double] = []
  /// What is done to training pictures by chance.
  public var augment: [Augmentation] = []
  /// The alpha of mixup; 0 for none.
  public var mixup = 0.0
  /// The alpha of CutMix; 0 for none.
  public var cutMix = 0.0
  /// Whether all classes come equally often.
  public var isBalanced = false
  /// Threads that read ahead.
  public var workers: Int?

  /// How often the data is gone through.
  public var epochs = 10
  /// Examples of a step.
  public var batch = 32
  /// The optimiser.
  public var optimizer = OptimizerName.sgd
  /// The highest learning rate; where nothing is said, 0.05 for SGD, 1 for LARS, 0.01 for Adagrad, 0.001 for the
  /// others.
  public var learningRate: Double?
  /// The shares that Adam, AdamW and LAMB keep of their running means; PyTorch's where nothing is said.
  public var betas: [Double] = []
  /// What all optimisers but SGD add to a divisor; PyTorch's where nothing is said.
  public var epsilon: Double?
  /// The momentum of SGD, RMSprop and LARS.
  public var momentum = 0.9
  /// Whether SGD looks ahead.
  public var isNesterov = false
  /// The decay of weights; 0.01 for AdamW and LAMB, 1e-4 for the others where nothing is said.
  public var weightDecay: Double?
  /// Whether biases and the weights of norms do not decay.
  public var sparesNorms = false
  /// How the learning rate changes.
  public var schedule = ScheduleName.cosine
  /// Epochs in which the learning rate rises linearly.
  public var warmupEpochs = 0.0
  /// Where the learning rate ends (cosines) and what it never falls below (plateau).
  public var minimumLearningRate = 0.0
  /// Epochs between steps of the learning rate, or of its first fall where it restarts.
  public var stepEpochs = 30
  /// Epochs at which the learning rate falls (multistep).
  public var milestones: [Int] = []
  /// What the learning rate is multiplied with at a step.
  public var gamma = 0.1
  /// How much longer each fall is than the last where the learning rate restarts.
  public var cycleFactor = 1
  /// Label smoothing.
  public var smoothing = 0.0
  /// The largest norm or value of gradients.
  public var clip: Double?
  /// What `clip` is about.
  public var clipMode = ClipMode.norm
  /// Batches whose gradients are averaged before the weights change.
  public var accumulation = 1
  /// Whether a moving average of the weights is kept, validated and saved.
  public var keepsAverage = false
  /// What the average keeps at each step.
  public var averageDecay = 0.999
  /// Whether batch norm sees the batches of all processes.
  public var synchronisesNorms = false
  /// Modules whose values are computed again on the way back instead of kept, by patterns.
  public var recompute: [String] = []
  /// Mixed precision: in what convolutions multiply in steps of training. Validation is in float32.
  public var precision = TrainingPrecision.float32

  /// Parameters that do not change, by patterns.
  public var freeze: [String] = []
  /// The epoch at which all change again.
  public var unfreezeAt: Int?
  /// Whether norms whose parameters are frozen go on following the statistics of the data.
  public var updatesFrozenNorms = false
  /// Factors on the learning rate by patterns, `features=0.1`; the first that fits counts.
  public var rateScales: [String] = []

  /// What all chance follows from.
  public var seed: UInt64 = 0
  /// Threads of the engine; exact repetition needs the same number.
  public var threads: Int?
  /// Steps between checkpoints; after each epoch where nothing is said.
  public var checkpointSteps: Int?
  /// Logs that are kept besides the curves in the result.
  public var logs: [LogKind] = [.csv]
  /// Epochs without a better result after which training ends.
  public var patience: Int?
  /// What the best epoch is best in.
  public var criterion = Criterion.top1

  /// Creates options with the defaults.
  public init() {}
}

extension TrainingOptions {
  /// The highest learning rate, said or not.
  public var highestRate: Double {
    if let learningRate { return learningRate }
    switch optimizer {
    case .sgd: return 0.05
    case .lars: return 1
    case .adagrad: return 0.01
    case .adam, .adamw, .rmsprop, .lamb: return 0.001
    }
  }

  /// The decay of weights, said or not.
  public var decay: Double {
    if let weightDecay { return weightDecay }
    switch optimizer {
    case .adamw, .lamb: return 0.01
    case .sgd, .lars, .adagrad, .adam, .rmsprop: return 1e-4
    }
  }

  /// Refuses what contradicts itself.
  func check() throws(StrataError) {
    func require(_ isGood: Bool, _ message: String) throws(StrataError) {
      guard isGood else { throw StrataError(.argument, message) }
    }
    try require(
      !isNesterov || (optimizer == .sgd || optimizer == .lars) && momentum > 0,
      "--nesterov goes with sgd or lars and a momentum above 0")
    try require(
      schedule != .multistep || !milestones.isEmpty, "--sched multistep needs --milestones, as in 30,60,80")
    try require(
      schedule != .onecycle || warmupEpochs == 0,
      "onecycle has a rise of its own and takes no --warmup-epochs")
    try require(
      warmupEpochs < Double(epochs), "\(warmupEpochs) epochs of warm-up do not fit into \(epochs) epochs")
    try require(
      schedule != .plateau && schedule != .step && schedule != .multistep && schedule != .exponential
        || gamma < 1, "--decay-rate lies below 1, got \(gamma)")
    try require(
      betas.isEmpty
        || [.adam, .adamw, .lamb].contains(optimizer) && betas.count == 2
          && betas.allSatisfy { (0..<1).contains($0) },
      "--opt-betas takes two numbers from 0 to below 1 and goes with adam, adamw or lamb")
    try require(epsilon == nil || optimizer != .sgd, "--opt-eps is not for sgd, which divides by nothing")
    try require(
      minimumLearningRate <= highestRate,
      "--min-lr \(minimumLearningRate) lies above the learning rate \(highestRate)")
    try require(unfreezeAt == nil || !freeze.isEmpty, "--unfreeze-at needs --freeze: nothing is frozen")
    for (values, name) in [(mean, "--mean"), (std, "--std")] {
      try require(
        values.isEmpty || values.count == 1 || values.count == 3,
        "\(name) takes 1 or 3 numbers, got \(values.count)")
    }
    try require(std.allSatisfy { $0 != 0 }, "--std cannot be 0")
    // Refused before the data is read.
    _ = try Engine.configuration.backend.computing(in: precision.precision)
  }
}

/// What lies at the place of data.
public enum DataFormat: String, Sendable, Hashable, CaseIterable {
  /// Pictures in a folder a class, those perhaps in `train` and `val`.
  case folder
  /// MNIST's four IDX files.
  case mnist
  /// Fashion-MNIST's, which have the same names.
  case fashion
  /// CIFAR-10's binary files.
  case cifar10
  /// CIFAR-100's binary files.
  case cifar100
  /// A table of paths and labels.
  case csv
  /// The digits of 8 × 8 pixels.
  case digits
  /// Shapes that are drawn as they are needed.
  case shapes
}

/// A change by chance.
public enum Augmentation: String, Sendable, Hashable, CaseIterable {
  /// Mirrors left and right.
  case flip
  /// Shifts by up to an eighth of the side.
  case crop
  /// Cuts out a part of 8% to 100% in another shape (`RandomResizedCrop`).
  case resizedCrop = "resized-crop"
  /// Turns by up to 15 degrees.
  case rotate
  /// Changes brightness, contrast, saturation by up to 40% and hue by up to 10%.
  case jitter
  /// Two of RandAugment's transforms at strength 9.
  case rand
  /// Erases a rectangle in a quarter of the pictures.
  case erase
}

/// An optimiser.
public enum OptimizerName: String, Sendable, Hashable, CaseIterable {
  case sgd, adam, adamw, rmsprop, adagrad, lars, lamb
}

/// How the learning rate changes.
public enum ScheduleName: String, Sendable, Hashable, CaseIterable {
  case constant, step, multistep, exponential, cosine
  case cosineRestarts = "cosine-restarts"
  case onecycle, plateau
}

/// How gradients are clipped.
public enum ClipMode: String, Sendable, Hashable, CaseIterable {
  /// All are scaled so that their common norm is not larger.
  case norm
  /// Each number is brought into the range.
  case value
}

/// In what convolutions can multiply in steps of training.
public enum TrainingPrecision: String, Sendable, Hashable, CaseIterable {
  case float32, bfloat16

  /// What the engine is asked for.
  var precision: Precision {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    }
  }
}

/// A log beside the result.
public enum LogKind: String, Sendable, Hashable, CaseIterable {
  case csv, tensorboard
}

/// What the best epoch is best in.
public enum Criterion: String, Sendable, Hashable, CaseIterable {
  /// The share whose likeliest class is right.
  case top1
  /// The cross-entropy.
  case loss
  /// The mean of the classes' F1.
  case macroF1 = "macro-f1"
}
