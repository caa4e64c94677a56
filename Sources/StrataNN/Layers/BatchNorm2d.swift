import StrataCore
import StrataGraph
import StrataRuntime
import Synchronization

/// Normalises each channel (`torch.nn.BatchNorm2d`; Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167).
///
/// Input and output `[N, numFeatures, H, W]`. In training it uses the mean and the biased variance of the batch and
/// moves the running statistics towards its mean and *unbiased* variance; in evaluation it uses those.
open class BatchNorm2d: Module {
  /// The number of channels.
  public let numFeatures: Int
  /// Added to the variance, so that no division is by zero.
  public let eps: Double
  /// The weight of a batch in the running statistics; nil for the average of all batches.
  public let momentum: Double?
  /// Scale of each channel, where `affine`.
  public let weight: Parameter?
  /// Shift of each channel, where `affine`.
  public let bias: Parameter?
  // swift-format-ignore: AlwaysUseLowerCamelCase
  /// The mean of each channel, where statistics are tracked.
  public let running_mean: StateBuffer?
  // swift-format-ignore: AlwaysUseLowerCamelCase
  /// The unbiased variance of each channel, where statistics are tracked.
  public let running_var: StateBuffer?
  // swift-format-ignore: AlwaysUseLowerCamelCase
  /// How many batches the statistics have seen: int64, no axes.
  public let num_batches_tracked: StateBuffer?
  /// Whether the batches of all processes that train together are normalised as one (`torch.nn.SyncBatchNorm`).
  public final var isSynchronised: Bool {
    get { synchronisation.load(ordering: .relaxed) }
    set { synchronisation.store(newValue, ordering: .relaxed) }
  }
  private let synchronisation = Atomic(false)
  private let settingsText: (eps: String, momentum: String)

  /// Creates a layer.
  public init(
    _ numFeatures: Int, eps: any Numeral = 1e-5, momentum: (any Numeral)? = 0.1, affine: Bool = true,
    trackRunningStats: Bool = true, bias hasBias: Bool = true
  ) {
    requirePositive("BatchNorm2d", [("numFeatures", numFeatures)])
    precondition(eps.real >= 0, "BatchNorm2d: eps must not be negative, got \(eps.pythonText)")
    self.numFeatures = numFeatures
    self.eps = eps.real
    self.momentum = momentum?.real
    settingsText = (eps.pythonText, momentum?.pythonText ?? "None")
    let shape: Shape = [numFeatures]
    weight = affine ? Parameter(shape) { .ones(shape) } : nil
    bias = affine && hasBias ? Parameter(shape) : nil
    running_mean = trackRunningStats ? StateBuffer(shape) : nil
    running_var = trackRunningStats ? StateBuffer(shape) { .ones(shape) } : nil
    num_batches_tracked = trackRunningStats ? StateBuffer([], dtype: .int64) : nil
    super.init()
  }

  open override func forward(_ x: Tensor) -> Tensor {
    guard x.error == nil else { return x }
    guard x.rank == 4 else {
      return mistake(.shape, "expects an image batch [N, \(numFeatures), H, W], got \(x.shape)")
    }
    guard x.shape[1] == numFeatures else {
      return mistake(.shape, "expects \(numFeatures) channels, got \(x.shape[1]) in \(x.shape)")
    }
    if !isTraining, let mean = running_mean, let variance = running_var {
      return normalised(x, mean.tensor, variance.tensor)
    }
    let count = x.shape.elementCount / numFeatures
    guard count > 1 || isSynchronised else {
      return mistake(.shape, "expects more than one value per channel to train with, got \(x.shape)")
    }
    let moments = isSynchronised ? x.momentsOfAllRanks(of: count) : x.moments(of: count)
    let result = normalised(x, moments.mean, moments.variance)
    // A network may be called on a placeholder to learn shapes or costs; no update could be computed then.
    if isTraining, result.error == nil, (ModuleCall.current?.input ?? CallInput(x)).hasNumbers {
      track(moments.mean, moments.unbiased)
    }
    return result
  }

  private func normalised(_ x: Tensor, _ mean: Tensor, _ variance: Tensor) -> Tensor {
    x.batchNorm(mean: mean, variance: variance, weight: weight?.tensor, bias: bias?.tensor, epsilon: eps)
  }

  private func track(_ mean: Tensor, _ unbiased: Tensor) {
    guard let counter = num_batches_tracked else { return }
    // The counter depends on no tensor of the graph, which would therefore not carry its update.
    let batches = (counter.value.scalars(as: Int64.self).first ?? 0) + 1
    counter.value = HostTensor([batches], shape: [])
    for (buffer, value) in [(running_mean, mean), (running_var, unbiased)] {
      guard let buffer else { continue }
      if let momentum {
        buffer.variable.assign(value * momentum + buffer.tensor * (1 - momentum))
      } else {
        // A tensor and no setting: steps of training then share one plan.
        let share = Tensor(HostTensor([1 / Float(batches)], shape: []))
        buffer.variable.assign(value * share + buffer.tensor * (1 - share))
      }
    }
  }

  /// Forgets the running statistics (`reset_running_stats`).
  public final func resetRunningStats() {
    let shape: Shape = [numFeatures]
    running_mean?.variable.reset { .zeros(shape) }
    running_var?.variable.reset { .ones(shape) }
    num_batches_tracked?.variable.reset { .zeros([], dtype: .int64) }
  }

  open override func extraDescription(dialect: PrintDialect) -> String {
    var parts = ["\(numFeatures)", "eps=\(settingsText.eps)", "momentum=\(settingsText.momentum)"]
    parts.append("affine=\((weight != nil).pythonText)")
    switch dialect {
    case .torch2_15: parts.append("bias=\((bias != nil).pythonText)")
    case .torch2_0: break
    }
    parts.append("track_running_stats=\((running_mean != nil).pythonText)")
    return parts.joined(separator: ", ")
  }
}
