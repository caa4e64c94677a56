import StrataCore

/// Multiplies the rates by `gamma` every `stepSize` epochs (`torch.optim.lr_scheduler.StepLR`).
public final class StepLR: LRScheduler {
  /// Epochs between changes.
  public let stepSize: Int
  /// The factor.
  public let gamma: Double

  /// Attaches the schedule.
  public init(_ optimizer: Optimizer, stepSize: Int, gamma: Double = 0.1) {
    precondition(stepSize > 0, "StepLR: stepSize must be positive, got \(stepSize)")
    self.stepSize = stepSize
    self.gamma = gamma
    super.init(optimizer)
  }

  public override func rates() -> [Double] {
    lastEpoch == 0 || lastEpoch % stepSize != 0 ? currentRates : currentRates.map { $0 * gamma }
  }
}

/// Multiplies the rates by `gamma` at each milestone (`torch.optim.lr_scheduler.MultiStepLR`).
public final class MultiStepLR: LRScheduler {
  /// The epochs of the changes.
  public let milestones: [Int]
  /// The factor.
  public let gamma: Double

  /// Attaches the schedule.
  public init(_ optimizer: Optimizer, milestones: [Int], gamma: Double = 0.1) {
    self.milestones = milestones.sorted()
    self.gamma = gamma
    super.init(optimizer)
  }

  public override func rates() -> [Double] {
    // A milestone that is named twice counts twice.
    let times = milestones.count { $0 == lastEpoch }
    return times == 0 ? currentRates : currentRates.map { $0 * power(gamma, times) }
  }

  override func firstRates() -> [Double] {
    let times = milestones.count { $0 <= 0 }
    return baseLRs.map { $0 * power(gamma, times) }
  }
}

/// Multiplies the rates by `gamma` every epoch (`torch.optim.lr_scheduler.ExponentialLR`).
public final class ExponentialLR: LRScheduler {
  /// The factor.
  public let gamma: Double

  /// Attaches the schedule.
  public init(_ optimizer: Optimizer, gamma: Double) {
    self.gamma = gamma
    super.init(optimizer)
  }

  public override func rates() -> [Double] {
    lastEpoch == 0 ? currentRates : currentRates.map { $0 * gamma }
  }
}

/// Goes from `startFactor` to `endFactor` times the rate in a straight line: a warm-up
/// (`torch.optim.lr_scheduler.LinearLR`).
public final class LinearLR: LRScheduler {
  /// The factor of epoch 0.
  public let startFactor: Double
  /// The factor of epoch `totalIters` and later ones.
  public let endFactor: Double
  /// Epochs until the end factor.
  public let totalIters: Int

  /// Attaches the schedule.
  public init(
    _ optimizer: Optimizer, startFactor: Double = 1.0 / 3, endFactor: Double = 1, totalIters: Int = 5
  ) {
    precondition(startFactor > 0 && startFactor <= 1, "LinearLR: startFactor must lie between 0 and 1")
    precondition((0...1).contains(endFactor), "LinearLR: endFactor must lie between 0 and 1")
    self.startFactor = startFactor
    self.endFactor = endFactor
    self.totalIters = totalIters
    super.init(optimizer)
  }

  public override func rates() -> [Double] {
    if lastEpoch == 0 { return currentRates.map { $0 * startFactor } }
    if lastEpoch > totalIters { return currentRates }
    let rise = endFactor - startFactor
    let divisor = Double(totalIters) * startFactor + Double(lastEpoch - 1) * rise
    return currentRates.map { $0 * (1 + rise / divisor) }
  }

  override func firstRates() -> [Double] { baseLRs.map { $0 * startFactor } }
}

/// Runs schedules one after the other (`torch.optim.lr_scheduler.SequentialLR`).
///
/// A warm-up: `SequentialLR([LinearLR(optimizer), CosineAnnealingLR(optimizer, tMax: 85)], milestones: [5])`.
public final class SequentialLR: LRScheduler {
  /// The schedules, all of one optimiser.
  public let schedulers: [LRScheduler]
  /// The epochs at which the second and later ones begin.
  public let milestones: [Int]
  private var isAttached = false

  /// Attaches the schedules.
  public init(_ schedulers: [LRScheduler], milestones: [Int]) {
    precondition(
      !schedulers.isEmpty && milestones.count == schedulers.count - 1,
      "SequentialLR: \(schedulers.count) schedules need one milestone less, got \(milestones.count)")
    precondition(
      schedulers.allSatisfy { $0.optimizer === schedulers[0].optimizer },
      "SequentialLR: the schedules belong to different optimisers")
    self.schedulers = schedulers
    self.milestones = milestones
    super.init(schedulers[0].optimizer)
  }

  public override func step() {
    lastEpoch += 1
    let index = milestones.count { $0 <= lastEpoch }
    let scheduler = schedulers[index]
    if !isAttached {
      // What attaching the parts did to the rates and to their counts is undone.
      isAttached = true
      for group in optimizer.groups { group.lr = group.initialLR ?? group.lr }
      for part in schedulers { part.undoStep() }
      scheduler.step()
    } else if index > 0, milestones[index - 1] == lastEpoch {
      scheduler.restart()
    } else {
      scheduler.step()
    }
    lastLR = scheduler.lastLR
  }

  override func undoStep() { for part in schedulers { part.undoStep() } }

  public override func stateDict() -> StateDict {
    var state = super.stateDict()
    for (index, part) in schedulers.enumerated() {
      for (name, value) in part.stateDict() { state["schedulers.\(index).\(name)"] = value }
    }
    return state
  }

  public override func loadStateDict(_ dictionary: StateDict) throws(StrataError) {
    for (index, part) in schedulers.enumerated() {
      let prefix = "schedulers.\(index)."
      try part.loadStateDict(
        StateDict(
          dictionary.filter { $0.name.hasPrefix(prefix) }.map {
            (String($0.name.dropFirst(prefix.count)), $0.value)
          }))
    }
    try super.loadStateDict(dictionary)
  }
}
