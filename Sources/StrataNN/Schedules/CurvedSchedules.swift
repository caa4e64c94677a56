import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Lets the rates fall to `etaMin` along half a cosine of `tMax` epochs
/// (`torch.optim.lr_scheduler.CosineAnnealingLR`; Loshchilov and Hutter 2016, https://arxiv.org/abs/1608.03983).
public final class CosineAnnealingLR: LRScheduler {
  /// Epochs from the highest to the lowest rate.
  public let tMax: Int
  /// The lowest rate.
  public let etaMin: Double

  /// Attaches the schedule.
  public init(_ optimizer: Optimizer, tMax: Int, etaMin: Double = 0) {
    precondition(tMax > 0, "CosineAnnealingLR: tMax must be positive, got \(tMax)")
    self.tMax = tMax
    self.etaMin = etaMin
    super.init(optimizer)
  }

  public override func rates() -> [Double] {
    if lastEpoch == 0 { return currentRates }
    let period = Double(tMax)
    if (lastEpoch - 1 - tMax) % (2 * tMax) == 0 {
      let rise = (1 - cos(.pi / period)) / 2
      return zip(currentRates, baseLRs).map { $0 + ($1 - etaMin) * rise }
    }
    let ratio = (1 + cos(.pi * Double(lastEpoch) / period)) / (1 + cos(.pi * Double(lastEpoch - 1) / period))
    return currentRates.map { ratio * ($0 - etaMin) + etaMin }
  }
}

/// Lets the rates fall along half a cosine again and again, each `tMult` times as long as the last
/// (`torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`; https://arxiv.org/abs/1608.03983).
public final class CosineAnnealingWarmRestarts: LRScheduler {
  /// Epochs of the first fall.
  public let t0: Int
  /// The factor by which falls become longer.
  public let tMult: Int
  /// The lowest rate.
  public let etaMin: Double
  private var place = -1.0
  private var period: Double

  /// Attaches the schedule.
  public init(_ optimizer: Optimizer, t0: Int, tMult: Int = 1, etaMin: Double = 0) {
    precondition(t0 > 0 && tMult >= 1, "CosineAnnealingWarmRestarts: t0 and tMult must be positive")
    self.t0 = t0
    self.tMult = tMult
    self.etaMin = etaMin
    period = Double(t0)
    super.init(optimizer)
  }

  public override func step() {
    guard lastEpoch >= 0 else { return step(epoch: 0) }
    lastEpoch += 1
    place += 1
    if place >= period {
      place -= period
      period *= Double(tMult)
    }
    apply(rates())
  }

  /// Sets the rates for a moment within an epoch, such as 3.25 after a quarter of epoch 3.
  public func step(epoch: Double) {
    precondition(epoch >= 0, "CosineAnnealingWarmRestarts: an epoch is not negative, got \(epoch)")
    (place, period) = (epoch, Double(t0))
    while place >= period {
      place -= period
      period *= Double(tMult)
    }
    lastEpoch = Int(epoch)
    apply(rates())
  }

  public override func rates() -> [Double] {
    let height = (1 + cos(.pi * place / period)) / 2
    return baseLRs.map { etaMin + ($0 - etaMin) * height }
  }

  override func firstRates() -> [Double] { rates() }

  override var extraState: [(name: String, values: [Double])] { [("T_cur", [place]), ("T_i", [period])] }

  override func restore(_ value: (String) throws(StrataError) -> [Double]) throws(StrataError) {
    guard let newPlace = try value("T_cur").first, let newPeriod = try value("T_i").first else {
      throw StrataError(.format, "the schedule's `T_cur` and `T_i` are empty")
    }
    (place, period) = (newPlace, newPeriod)
  }
}

/// Raises the rates to a peak and lets them fall to almost nothing, with momentum moving against them
/// (`torch.optim.lr_scheduler.OneCycleLR`; Smith and Topin 2017, https://arxiv.org/abs/1708.07120).
///
/// Step it after every batch.
public final class OneCycleLR: LRScheduler {
  /// The shape of rise and fall.
  public enum Anneal: String, Sendable, Hashable, CaseIterable {
    /// Half a cosine.
    case cosine = "cos"
    /// A straight line.
    case linear
  }

  /// Rates and momenta at the corners of the cycle.
  private struct Corner {
    var lr: [Double]
    var momentum: Double
  }

  /// Batches in the whole cycle.
  public let totalSteps: Int
  private let anneal: Anneal
  private let cyclesMomentum: Bool
  private var corners: [(step: Double, corner: Corner)] = []

  /// Attaches the schedule.
  ///
  /// - Parameters:
  ///   - optimizer: The optimiser.
  ///   - maxLR: The peak, one for all groups or one a group.
  ///   - totalSteps: Batches in the whole cycle: epochs times batches an epoch.
  ///   - pctStart: The share of the cycle in which rates rise.
  ///   - anneal: The shape of rise and fall.
  ///   - cycleMomentum: Whether momentum, or Adam's first beta, moves too.
  ///   - baseMomentum: Momentum at the peak.
  ///   - maxMomentum: Momentum at the beginning and at the end.
  ///   - divFactor: The peak over the first rate.
  ///   - finalDivFactor: The first rate over the last.
  ///   - threePhase: Whether the fall stops at the first rate before it goes on.
  public init(
    _ optimizer: Optimizer, maxLR: [Double], totalSteps: Int, pctStart: Double = 0.3,
    anneal: Anneal = .cosine,
    cycleMomentum: Bool = true, baseMomentum: Double = 0.85, maxMomentum: Double = 0.95,
    divFactor: Double = 25,
    finalDivFactor: Double = 1e4, threePhase: Bool = false
  ) {
    precondition(totalSteps > 0, "OneCycleLR: totalSteps must be positive, got \(totalSteps)")
    precondition((0...1).contains(pctStart), "OneCycleLR: pctStart must lie between 0 and 1, got \(pctStart)")
    let peaks = maxLR.count == 1 ? optimizer.groups.map { _ in maxLR[0] } : maxLR
    precondition(
      peaks.count == optimizer.groups.count,
      "OneCycleLR: \(maxLR.count) peaks for \(optimizer.groups.count) groups")
    precondition(
      !cycleMomentum || optimizer.momentumSetting != nil, "OneCycleLR: the optimiser has no momentum to cycle"
    )
    self.totalSteps = totalSteps
    self.anneal = anneal
    cyclesMomentum = cycleMomentum
    let low = Corner(lr: peaks.map { $0 / divFactor }, momentum: maxMomentum)
    let peak = Corner(lr: peaks, momentum: baseMomentum)
    let end = Corner(lr: low.lr.map { $0 / finalDivFactor }, momentum: maxMomentum)
    corners = [(0, low), (pctStart * Double(totalSteps) - 1, peak)]
    if threePhase { corners.append((2 * pctStart * Double(totalSteps) - 2, low)) }
    corners.append((Double(totalSteps - 1), end))
    for (group, lr) in zip(optimizer.groups, low.lr) { group.initialLR = lr }
    super.init(optimizer)
  }

  /// Attaches the schedule with one peak for all groups.
  public convenience init(
    _ optimizer: Optimizer, maxLR: Double, totalSteps: Int, pctStart: Double = 0.3, anneal: Anneal = .cosine,
    cycleMomentum: Bool = true, baseMomentum: Double = 0.85, maxMomentum: Double = 0.95,
    divFactor: Double = 25,
    finalDivFactor: Double = 1e4, threePhase: Bool = false
  ) {
    self.init(
      optimizer, maxLR: [maxLR], totalSteps: totalSteps, pctStart: pctStart, anneal: anneal,
      cycleMomentum: cycleMomentum, baseMomentum: baseMomentum, maxMomentum: maxMomentum,
      divFactor: divFactor,
      finalDivFactor: finalDivFactor, threePhase: threePhase)
  }

  public override func rates() -> [Double] {
    // Beyond its end the cycle stays where it ended.
    let step = min(Double(lastEpoch), Double(totalSteps - 1))
    let next = corners.indices.dropFirst().first { step <= corners[$0].step } ?? corners.count - 1
    let (from, to) = (corners[next - 1], corners[next])
    let share = (step - from.step) / (to.step - from.step)
    func between(_ start: Double, _ end: Double) -> Double {
      switch anneal {
      case .cosine: end + (start - end) / 2 * (cos(.pi * share) + 1)
      case .linear: (end - start) * share + start
      }
    }
    if cyclesMomentum, let path = optimizer.momentumSetting {
      for group in optimizer.groups {
        group.settings[keyPath: path] = between(from.corner.momentum, to.corner.momentum)
      }
    }
    return zip(from.corner.lr, to.corner.lr).map(between)
  }

  override func firstRates() -> [Double] { rates() }
}
