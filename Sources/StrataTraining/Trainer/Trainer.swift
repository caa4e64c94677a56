import StrataCore
import StrataData
import StrataFormats
import StrataGraph
import StrataNN
import StrataRuntime

/// Trains a network on examples: epochs, validation, the best and the last weights, checkpoints that go on exactly.
///
///     var options = TrainingOptions()
///     options.epochs = 5
///     let data = try TrainingData("shapes")
///     let trainer = try Trainer(ModelRegistry.make("resnet20", ModelOptions(classes: 5)), data, options, folder: "run")
///     let result = try trainer.run { event in … }
///
/// The weights after a run depend on the network's first weights, data, options and number of engine threads alone:
/// not on how often the run was interrupted, nor on the number of threads that read the data.
public final class Trainer {
  /// The network, in training mode while a run goes on and in evaluation mode after it.
  public let model: Module
  /// The examples.
  public let data: TrainingData
  /// How it is trained.
  public let options: TrainingOptions
  /// How pictures become the network's input.
  public let preparation: Preparation
  /// Where files are written, if anywhere.
  public let folder: String?
  /// What the epochs so far gave.
  public internal(set) var history: [EpochRecord] = []
  /// Steps of the optimiser so far.
  public internal(set) var step = 0
  /// The epoch of the best result, from 1.
  public internal(set) var bestEpoch: Int?

  let group: TrainingGroup
  let optimizer: Optimizer
  let average: ExponentialMovingAverage?
  let schedule: RateSchedule
  let loader: DataLoader
  let pass: TrainingStep
  var sums = EpochSums()
  /// Where the run can go on from when there is no folder.
  var anchor: Checkpoint?
  private let frozenByPattern: [Parameter]

  /// What a run came to.
  public struct Result: Sendable {
    /// The epochs.
    public let history: [EpochRecord]
    /// The epoch of the best result, from 1.
    public let bestEpoch: Int?
    /// Whether the run ended before its time because it was asked to.
    public let isInterrupted: Bool
    /// The metrics of the last validation.
    public let metrics: ClassificationMetrics?
  }

  /// Prepares a run.
  ///
  /// - Parameters:
  ///   - model: A network whose scores fit the data's classes.
  ///   - data: The examples.
  ///   - options: How it is trained.
  ///   - side: The side of the input; the data's own, or what the options say, where nothing is given.
  ///   - channels: The channels of the input; the data's own where nothing is given.
  ///   - folder: Where to write weights, checkpoints and logs; made where it is missing.
  ///   - group: The processes that train together.
  public init(
    _ model: Module, _ data: TrainingData, _ options: TrainingOptions = TrainingOptions(), side: Int? = nil,
    channels: Int? = nil, folder: String? = nil, group: TrainingGroup = .alone
  ) throws(StrataError) {
    try options.check()
    guard let side = side ?? options.size ?? data.side else {
      throw StrataError(.argument, "\(data.title): the pictures have no size of their own: say which to use")
    }
    (self.model, self.data, self.options, self.folder, self.group) = (model, data, options, folder, group)
    preparation = try Preparation(
      for: data, side: side, channels: channels ?? options.channels ?? data.channels, options)
    if let threads = options.threads { Engine.threadCount = threads }
    let count = data.training.count
    loader = try DataLoader(
      data.training, batchSize: options.batch, sampling: options.isBalanced ? .balanced : .shuffled,
      // Batch norm cannot learn from a single example, which would be the last batch.
      dropLast: options.batch > 1 && count % options.batch == 1 && count > options.batch,
      transform: preparation.training, batchTransform: try Trainer.mixing(data, options),
      // Processes share the cores of their host.
      workers: options.workers ?? (group.count > 1 ? Engine.threadCount : nil), shard: try group.shard(),
      state: LoaderState(seed: options.seed))
    optimizer = try ParameterGroups.optimizer(for: model, options)
    try ParameterGroups.check(options.freeze, in: model)
    frozenByPattern = model.namedParameters.filter { name, parameter in
      parameter.requiresGrad && options.freeze.contains { ParameterGroups.matches(name, $0) }
    }.map(\.parameter)
    let stepsPerEpoch = (loader.batchCount + options.accumulation - 1) / options.accumulation
    schedule = RateSchedule(optimizer, options, stepsPerEpoch: stepsPerEpoch)
    average = options.keepsAverage ? ExponentialMovingAverage(model, decay: options.averageDecay) : nil
    var passOptions = TrainingStep.Options()
    switch options.clipMode {
    case .norm: passOptions.clipNorm = options.clip
    case .value: passOptions.clipValue = options.clip
    }
    pass = TrainingStep(
      model, optimizer: optimizer, options: passOptions,
      loss: CrossEntropyLoss(labelSmoothing: options.smoothing))
    pass.average = average
    try ParameterGroups.recompute(options.recompute, in: model)
    if options.synchronisesNorms { model.synchroniseBatchNorms() }
    try checkShapes()
  }

  private static func mixing(
    _ data: TrainingData, _ options: TrainingOptions
  ) throws(StrataError) -> (any BatchTransform)? {
    var choices: [any BatchTransform] = []
    let classes = data.classNames.count
    if options.mixup > 0 { choices.append(try Mixup(classCount: classes, alpha: options.mixup)) }
    if options.cutMix > 0 { choices.append(try CutMix(classCount: classes, alpha: options.cutMix)) }
    return choices.count > 1 ? try RandomBatchChoice(choices) : choices.first
  }

  /// Refuses a network that does not take the input or give a score a class, before anything is computed.
  private func checkShapes() throws(StrataError) {
    let input: Shape = [2, preparation.channels, preparation.side, preparation.side]
    let mode = model.isTraining
    defer { model.train(mode) }
    let output = model.eval()(.placeholder(input))
    if let error = output.error { throw error }
    guard output.shape == [2, data.classNames.count] else {
      throw StrataError(
        .shape,
        "\(model.typeName) gives \(output.shape) for \(input), and the data has \(data.classNames.count) classes"
      )
    }
  }

  /// The epoch that is under way, from 0.
  var epoch: Int { loader.state.epoch }

  /// Freezes what an epoch leaves as it is, and puts the network into training mode.
  ///
  /// Norms whose parameters are all frozen keep the statistics that they have, unless they are to follow.
  func beginTraining(epoch: Int) {
    let isFrozen = options.unfreezeAt.map { epoch + 1 < $0 } ?? true
    for parameter in frozenByPattern { parameter.requiresGrad = !isFrozen }
    model.train()
    guard !options.updatesFrozenNorms else { return }
    for module in model.modules {
      guard let norm = module as? BatchNorm2d, let weight = norm.weight else { continue }
      if !weight.requiresGrad, norm.bias?.requiresGrad != true { norm.train(false) }
    }
  }

  /// Parameters that do not change at present.
  public var frozenNames: [String] {
    model.namedParameters.filter { !$0.parameter.requiresGrad }.map(\.name)
  }
}

/// What an epoch adds up while it goes on.
struct EpochSums: Sendable {
  var loss = 0.0
  var correct = 0.0
  var count = 0.0
  var seconds = 0.0

  var meanLoss: Double { count > 0 ? loss / count : 0 }
}
