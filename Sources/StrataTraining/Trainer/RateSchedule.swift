import StrataCore
import StrataNN

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The learning rate over a run: PyTorch's schedules, stepped after each optimiser step; that of a plateau after
/// each epoch.
struct RateSchedule {
  private let byStep: LRScheduler?
  private let plateau: ReduceLROnPlateau?

  /// Attaches the schedule that options describe to an optimiser.
  init(_ optimizer: Optimizer, _ options: TrainingOptions, stepsPerEpoch: Int) {
    let warmup = Int((options.warmupEpochs * Double(stepsPerEpoch)).rounded())
    let total = max(1, options.epochs * stepsPerEpoch)
    let lowest = options.minimumLearningRate
    let rise =
      warmup > 0
      ? LinearLR(optimizer, startFactor: 1 / Double(warmup + 1), totalIters: warmup) : nil
    let course: LRScheduler?
    switch options.schedule {
    case .constant, .plateau: course = nil
    case .step:
      course = StepLR(optimizer, stepSize: options.stepEpochs * stepsPerEpoch, gamma: options.gamma)
    case .multistep:
      // Counted from the end of the warm-up, as the schedule's own steps are.
      let milestones = options.milestones.map { max(1, $0 * stepsPerEpoch - warmup) }
      course = MultiStepLR(optimizer, milestones: milestones, gamma: options.gamma)
    case .exponential:
      course = ExponentialLR(optimizer, gamma: pow(options.gamma, 1 / Double(stepsPerEpoch)))
    case .cosine: course = CosineAnnealingLR(optimizer, tMax: max(1, total - warmup), etaMin: lowest)
    case .cosineRestarts:
      course = CosineAnnealingWarmRestarts(
        optimizer, t0: options.stepEpochs * stepsPerEpoch, tMult: options.cycleFactor, etaMin: lowest)
    case .onecycle:
      let moves = options.momentum > 0 && options.optimizer == .sgd
      course = OneCycleLR(
        optimizer, maxLR: optimizer.groups.map(\.lr), totalSteps: total + 1, cycleMomentum: moves)
    }
    switch (rise, course) {
    case (let rise?, let course?): byStep = SequentialLR([rise, course], milestones: [warmup])
    case (let rise?, nil): byStep = rise
    case (nil, let course): byStep = course
    }
    plateau =
      options.schedule == .plateau
      ? ReduceLROnPlateau(
        optimizer, factor: options.gamma, patience: options.stepEpochs, minLR: lowest) : nil
  }

  /// Sets the rates after an optimiser step.
  func step() { byStep?.step() }

  /// Sets the rates after an epoch.
  func finishEpoch(validationLoss: Double) { plateau?.step(validationLoss) }

  /// What the next steps depend on.
  var state: [(name: String, tensor: HostTensor)] {
    [("step", byStep as (any LearningRateSchedule)?), ("plateau", plateau)].flatMap { prefix, schedule in
      (schedule?.stateDict()).map { $0.map { ("\(prefix).\($0.name)", $0.value) } } ?? []
    }
  }

  /// Takes over what `state` gave.
  func restore(_ part: (String) -> StateDict) throws(StrataError) {
    try byStep?.loadStateDict(part("step"))
    try plateau?.loadStateDict(part("plateau"))
  }
}
