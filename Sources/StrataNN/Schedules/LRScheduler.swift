import StrataCore

/// What changes learning rates as training goes on and can be saved for resuming.
public protocol LearningRateSchedule: AnyObject {
  /// The optimiser whose groups are changed.
  var optimizer: Optimizer { get }
  /// The learning rate of each group, as last set (`get_last_lr`).
  var lastLR: [Double] { get }
  /// Everything that the next steps depend on besides the optimiser (`state_dict`).
  func stateDict() -> StateDict
  /// Takes over a state that `stateDict` gave (`load_state_dict`).
  func loadStateDict(_ dictionary: StateDict) throws(StrataError)
}

/// The base of schedules that count (`torch.optim.lr_scheduler.LRScheduler`).
///
/// Creating one sets the learning rates for epoch 0; `step()` after each epoch, or after each batch where the
/// schedule is meant so, sets the next. As in PyTorch, most compute a rate from the last one, so that other changes
/// of it last.
open class LRScheduler: LearningRateSchedule {
  /// The optimiser whose groups are changed.
  public let optimizer: Optimizer
  /// The number of steps made.
  public internal(set) var lastEpoch = -1
  /// The learning rate of each group, as last set.
  public internal(set) var lastLR: [Double] = []
  private var bases: [Double] = []

  /// Attaches the schedule and sets the learning rates for epoch 0.
  public init(_ optimizer: Optimizer) {
    self.optimizer = optimizer
    learnBases()
    step()
  }

  /// Sets the learning rates for the next epoch.
  open func step() {
    lastEpoch += 1
    apply(rates())
  }

  /// Takes back the count that attaching made.
  func undoStep() { lastEpoch -= 1 }

  /// Begins again with epoch 0.
  func restart() {
    lastEpoch = 0
    apply(firstRates())
  }

  /// The learning rates for `lastEpoch`, one a group; subclasses override it (`get_lr`).
  open func rates() -> [Double] { currentRates }

  /// The learning rates for epoch 0 wherever the rates stand now.
  func firstRates() -> [Double] { baseLRs }

  /// What was computed beyond the count, for resuming; subclasses override it.
  var extraState: [(name: String, values: [Double])] { [] }

  /// Takes back what `extraState` gave.
  func restore(_ value: (String) throws(StrataError) -> [Double]) throws(StrataError) {}

  /// The learning rates that the schedule started from; a group that was added later brings its own.
  public final var baseLRs: [Double] {
    learnBases()
    return bases
  }

  /// The learning rates as they are.
  public final var currentRates: [Double] { optimizer.groups.map(\.lr) }

  private func learnBases() {
    for group in optimizer.groups.dropFirst(bases.count) {
      if group.initialLR == nil { group.initialLR = group.lr }
      bases.append(group.initialLR ?? group.lr)
    }
  }

  final func apply(_ rates: [Double]) {
    for (group, rate) in zip(optimizer.groups, rates) { group.lr = rate }
    lastLR = currentRates
  }

  /// Everything that the next steps depend on besides the optimiser.
  public func stateDict() -> StateDict {
    var state: StateDict = [
      "last_epoch": HostTensor([Int64(lastEpoch)], shape: []), "base_lrs": HostTensor(baseLRs),
      "last_lr": HostTensor(lastLR),
    ]
    for (name, values) in extraState { state[name] = HostTensor(values) }
    return state
  }

  /// Takes over a state that `stateDict` gave.
  public func loadStateDict(_ dictionary: StateDict) throws(StrataError) {
    let epoch = try dictionary.numbers("last_epoch")
    let newBases = try dictionary.numbers("base_lrs")
    let newLast = try dictionary.numbers("last_lr")
    guard newBases.count == optimizer.groups.count, let epoch = epoch.first else {
      throw StrataError(
        .format,
        "the schedule's state is for \(newBases.count) groups, the optimiser has \(optimizer.groups.count)")
    }
    try restore { name throws(StrataError) in try dictionary.numbers(name) }
    lastEpoch = Int(epoch)
    bases = newBases
    lastLR = newLast
  }
}

extension StateDict {
  /// Numbers that a schedule saved.
  func numbers(_ name: String) throws(StrataError) -> [Double] {
    guard let value = self[name] else {
      throw StrataError(.format, "the schedule's state has no `\(name)`; it belongs to another schedule")
    }
    return value.scalars(as: Double.self)
  }

  /// Only number that a schedule saved under a name.
  func number(_ name: String) throws(StrataError) -> Double {
    let values = try numbers(name)
    guard values.count == 1 else {
      throw StrataError(.format, "the schedule's `\(name)` has \(values.count) numbers, expected one")
    }
    return values[0]
  }
}
