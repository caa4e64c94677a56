import StrataCore

/// Lowers the rates when a metric has stopped improving (`torch.optim.lr_scheduler.ReduceLROnPlateau`).
public final class ReduceLROnPlateau: LearningRateSchedule {
  /// Which metrics are better.
  public enum Mode: String, Sendable, Hashable, CaseIterable {
    /// Smaller ones, as of losses.
    case min
    /// Larger ones, as of accuracies.
    case max
  }

  /// What the threshold is measured in.
  public enum ThresholdMode: String, Sendable, Hashable, CaseIterable {
    /// The best metric.
    case relative = "rel"
    /// The metric's own unit.
    case absolute = "abs"
  }

  /// The optimiser whose groups are changed.
  public let optimizer: Optimizer
  /// The factor of each lowering.
  public let factor: Double
  /// How many metrics in a row may bring no improvement.
  public let patience: Int
  private let mode: Mode
  private let threshold: Double
  private let thresholdMode: ThresholdMode
  private let cooldown: Int
  private let minLR: Double
  private let eps: Double
  /// The learning rate of each group, as last set.
  public private(set) var lastLR: [Double]
  /// The best metric so far.
  public private(set) var best: Double
  /// Metrics in a row that brought no improvement.
  public private(set) var numBadEpochs = 0
  private var cooldownCounter = 0
  private var lastEpoch = 0

  /// Attaches the schedule with PyTorch's defaults.
  public init(
    _ optimizer: Optimizer, mode: Mode = .min, factor: Double = 0.1, patience: Int = 10,
    threshold: Double = 1e-4,
    thresholdMode: ThresholdMode = .relative, cooldown: Int = 0, minLR: Double = 0, eps: Double = 1e-8
  ) {
    precondition(factor < 1, "ReduceLROnPlateau: factor must be less than 1, got \(factor)")
    self.optimizer = optimizer
    self.factor = factor
    self.patience = patience
    self.mode = mode
    self.threshold = threshold
    self.thresholdMode = thresholdMode
    self.cooldown = cooldown
    self.minLR = minLR
    self.eps = eps
    lastLR = optimizer.groups.map(\.lr)
    best = mode == .min ? .infinity : -.infinity
  }

  /// Takes notice of a metric and lowers the rates where it is time.
  public func step(_ metric: Double) {
    lastEpoch += 1
    if isBetter(metric) {
      best = metric
      numBadEpochs = 0
    } else {
      numBadEpochs += 1
    }
    if cooldownCounter > 0 {
      cooldownCounter -= 1
      numBadEpochs = 0
    }
    if numBadEpochs > patience {
      for group in optimizer.groups {
        let lower = Swift.max(group.lr * factor, minLR)
        if group.lr - lower > eps { group.lr = lower }
      }
      cooldownCounter = cooldown
      numBadEpochs = 0
    }
    lastLR = optimizer.groups.map(\.lr)
  }

  private func isBetter(_ metric: Double) -> Bool {
    switch (mode, thresholdMode) {
    case (.min, .relative): metric < best * (1 - threshold)
    case (.min, .absolute): metric < best - threshold
    case (.max, .relative): metric > best * (1 + threshold)
    case (.max, .absolute): metric > best + threshold
    }
  }

  /// Everything that the next steps depend on besides the optimiser.
  public func stateDict() -> StateDict {
    [
      "last_epoch": HostTensor([Int64(lastEpoch)], shape: []), "best": HostTensor([best], shape: []),
      "num_bad_epochs": HostTensor([Int64(numBadEpochs)], shape: []),
      "cooldown_counter": HostTensor([Int64(cooldownCounter)], shape: []), "last_lr": HostTensor(lastLR),
    ]
  }

  /// Takes over a state that `stateDict` gave.
  public func loadStateDict(_ dictionary: StateDict) throws(StrataError) {
    let epoch = try dictionary.number("last_epoch")
    let newBest = try dictionary.number("best")
    let bad = try dictionary.number("num_bad_epochs")
    let cooling = try dictionary.number("cooldown_counter")
    lastLR = try dictionary.numbers("last_lr")
    (lastEpoch, best, numBadEpochs, cooldownCounter) = (Int(epoch), newBest, Int(bad), Int(cooling))
  }
}
