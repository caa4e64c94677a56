import Foundation
import Strata
import StrataTestSupport
import Testing

extension LearningSuite {
  @Suite("Schedules") struct ScheduleTests {
    private static let cases = Learned.cases("schedules")

    private static func optimizer() -> SGD {
      SGD(
        groups: [
          Optimizer.Group(named("a", .zeros([1]))), Optimizer.Group(named("b", .zeros([1])), lr: 0.02),
        ], lr: 0.1, momentum: 0.9)
    }

    private static func make(
      _ kind: String, _ args: Fixture, _ optimizer: Optimizer
    ) throws -> any LearningRateSchedule {
      func number(_ name: String, _ standard: Double) -> Double { args[name]?.number ?? standard }
      func integer(_ name: String, _ standard: Int) -> Int { args[name]?.integer ?? standard }
      switch kind {
      case "StepLR":
        return StepLR(optimizer, stepSize: args.integer("step_size"), gamma: number("gamma", 0.1))
      case "MultiStepLR":
        return MultiStepLR(optimizer, milestones: args.integers("milestones"), gamma: number("gamma", 0.1))
      case "ExponentialLR": return ExponentialLR(optimizer, gamma: args.number("gamma"))
      case "CosineAnnealingLR":
        return CosineAnnealingLR(optimizer, tMax: args.integer("T_max"), etaMin: number("eta_min", 0))
      case "CosineAnnealingWarmRestarts":
        return CosineAnnealingWarmRestarts(
          optimizer, t0: args.integer("T_0"), tMult: integer("T_mult", 1), etaMin: number("eta_min", 0))
      case "LinearLR":
        return LinearLR(
          optimizer, startFactor: number("start_factor", 1.0 / 3), endFactor: number("end_factor", 1),
          totalIters: integer("total_iters", 5))
      case "OneCycleLR":
        let peaks = args["max_lr"]?.array?.compactMap(\.number) ?? [args.number("max_lr")]
        return OneCycleLR(
          optimizer, maxLR: peaks, totalSteps: args.integer("total_steps"),
          pctStart: number("pct_start", 0.3),
          anneal: args["anneal_strategy"]?.string == "linear" ? .linear : .cosine,
          baseMomentum: number("base_momentum", 0.85), divFactor: number("div_factor", 25),
          finalDivFactor: number("final_div_factor", 1e4), threePhase: args["three_phase"]?.bool ?? false)
      case "ReduceLROnPlateau":
        return ReduceLROnPlateau(
          optimizer, mode: args["mode"]?.string == "max" ? .max : .min, factor: number("factor", 0.1),
          patience: integer("patience", 10), threshold: number("threshold", 1e-4),
          thresholdMode: args["threshold_mode"]?.string == "abs" ? .absolute : .relative,
          cooldown: integer("cooldown", 0), minLR: number("min_lr", 0))
      case "SequentialLR":
        let parts = try (args["parts"]?.array ?? []).compactMap { part -> LRScheduler? in
          let pair = part.array ?? []
          return try make(pair[0].string ?? "", Fixture(pair[1]), optimizer) as? LRScheduler
        }
        return SequentialLR(parts, milestones: args.integers("milestones"))
      default: throw StrataError(.argument, "there is no test for a schedule called \(kind)")
      }
    }

    private static func step(_ schedule: any LearningRateSchedule, _ number: Int) {
      if let schedule = schedule as? LRScheduler { schedule.step() }
      if let schedule = schedule as? ReduceLROnPlateau {
        schedule.step(max(1 - 0.2 * Double(number), 0.2) + 0.05 * sin(5 * Double(number)))
      }
    }

    @Test("set PyTorch's learning rates", arguments: cases) func rates(fixture: Fixture) throws {
      let optimizer = ScheduleTests.optimizer()
      let schedule = try ScheduleTests.make(fixture.string("kind"), fixture.object("args"), optimizer)
      let rates = (fixture["rates"]?.array ?? []).map { $0.array?.compactMap(\.number) ?? [] }
      let momenta = fixture.numbers("momenta")
      #expect(rates.count == 30 && momenta.count == 30)
      for (number, (expected, momentum)) in zip(rates, momenta).enumerated() {
        for (group, rate) in zip(optimizer.groups, expected) {
          #expect(abs(group.lr - rate) <= 1e-10 * rate.magnitude + 1e-15, "epoch \(number)")
        }
        #expect(abs(optimizer.groups[0].settings.momentum - momentum) < 1e-12)
        #expect(schedule.lastLR == optimizer.groups.map(\.lr))
        ScheduleTests.step(schedule, number)
      }
    }

    @Test("go on from a saved state as if nothing had happened", arguments: cases)
    func resumption(fixture: Fixture) throws {
      let (kind, args) = (fixture.string("kind"), fixture.object("args"))
      let (first, second) = (ScheduleTests.optimizer(), ScheduleTests.optimizer())
      let schedule = try ScheduleTests.make(kind, args, first)
      for number in 0..<13 { ScheduleTests.step(schedule, number) }
      let resumed = try ScheduleTests.make(kind, args, second)
      try resumed.loadStateDict(schedule.stateDict())
      try second.loadStateDict(try first.stateDict())
      for number in 13..<28 {
        #expect(second.groups.map(\.settings) == first.groups.map(\.settings), "epoch \(number)")
        ScheduleTests.step(schedule, number)
        ScheduleTests.step(resumed, number)
      }
    }

    @Test("say what a saved state lacks") func wrongStates() throws {
      let schedule = CosineAnnealingWarmRestarts(ScheduleTests.optimizer(), t0: 3)
      let other = StepLR(ScheduleTests.optimizer(), stepSize: 3)
      #expect(
        message { try schedule.loadStateDict(other.stateDict()) }
          == "the schedule's state has no `T_cur`; it belongs to another schedule")
    }
  }
}
