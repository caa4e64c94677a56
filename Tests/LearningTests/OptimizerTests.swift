import Strata
import StrataTestSupport
import Testing

/// What PyTorch gave for the small problems of `learning.json`.
enum Learned {
  static let tensors = Fixtures.tensors("learning.safetensors")
  static func cases(_ group: String) -> [Fixture] {
    Fixtures.cases("learning.json").filter { $0.string("group") == group }
  }
}

/// Parameters by names, as a group of an optimiser takes them.
func named(_ name: String, _ value: HostTensor) -> [(name: String, parameter: Parameter)] {
  [(name, Parameter(value))]
}

extension LearningSuite {
  @Suite("Optimisers", .serialized) struct OptimizerTests {
    /// An optimiser of a case, of two groups: the second has half the learning rate and no weight decay.
    static func make(_ fixture: Fixture, _ groups: (Double) -> [Optimizer.Group]) throws -> Optimizer {
      let args = fixture.object("args")
      func number(_ name: String, _ standard: Double) -> Double { args[name]?.number ?? standard }
      func flag(_ name: String) -> Bool { args[name]?.bool ?? false }
      let pair = args["betas"]?.array?.compactMap(\.number) ?? [0.9, 0.999]
      let betas = Optimizer.Betas(pair[0], pair[1])
      let kind = fixture.string("kind")
      let lr = number("lr", ["LARS": 1, "RMSprop": 1e-2, "Adagrad": 1e-2][kind] ?? 1e-3)
      switch kind {
      case "SGD":
        return SGD(
          groups: groups(lr), lr: lr, momentum: number("momentum", 0), dampening: number("dampening", 0),
          weightDecay: number("weight_decay", 0), nesterov: flag("nesterov"), maximize: flag("maximize"))
      case "Adam":
        return Adam(
          groups: groups(lr), lr: lr, betas: betas, eps: number("eps", 1e-8),
          weightDecay: number("weight_decay", 0), amsgrad: flag("amsgrad"), maximize: flag("maximize"))
      case "AdamW":
        return AdamW(
          groups: groups(lr), lr: lr, betas: betas, weightDecay: number("weight_decay", 1e-2),
          amsgrad: flag("amsgrad"))
      case "RMSprop":
        return RMSprop(
          groups: groups(lr), lr: lr, alpha: number("alpha", 0.99), weightDecay: number("weight_decay", 0),
          momentum: number("momentum", 0), centered: flag("centered"))
      case "Adagrad":
        return Adagrad(
          groups: groups(lr), lr: lr, lrDecay: number("lr_decay", 0), weightDecay: number("weight_decay", 0),
          initialAccumulatorValue: number("initial_accumulator_value", 0))
      case "LAMB": return LAMB(groups: groups(lr), lr: lr, weightDecay: number("weight_decay", 0.01))
      case "LARS":
        return LARS(
          groups: groups(lr), lr: lr, momentum: number("momentum", 0), weightDecay: number("weight_decay", 0),
          nesterov: flag("nesterov"), trustCoefficient: number("trust", 1e-3))
      default: throw StrataError(.argument, "there is no test for an optimiser called \(kind)")
      }
    }

    /// The loss of a step of the small problem, and the step made part of its graph.
    static func step(_ number: Int, _ optimizer: Optimizer) throws {
      let parameters = optimizer.groups.flatMap(\.parameters).map(\.parameter.tensor)
      let a = parameters[0] * Tensor(Formula.tensor("a\(number)", [3, 4], -1, 1))
      let b = parameters[1] * Tensor(Formula.tensor("b\(number)", [5], -1, 1))
      let loss = a.sum() + (parameters[0] - 0.3).square().sum() * 0.5 + b.sum()
      optimizer.minimize(loss)
      try loss.evaluate()
    }

    static func groups(_ lr: Double) -> [Optimizer.Group] {
      [
        Optimizer.Group(named("a", Formula.tensor("a", [3, 4], -1, 1))),
        Optimizer.Group(named("b", Formula.tensor("b", [5], -1, 1))) {
          $0.lr = lr / 2
          $0.weightDecay = 0
        },
      ]
    }

    @Test("step as PyTorch's", arguments: EngineCase.all, Learned.cases("optimisers").map(\.name))
    func values(engine: EngineCase, name: String) throws {
      let fixture = try #require(Learned.cases("optimisers").first { $0.name == name })
      let optimizer = try OptimizerTests.make(fixture, OptimizerTests.groups)
      try engine.run {
        for number in 0..<12 {
          if number == 6 { for group in optimizer.groups { group.lr *= 0.5 } }
          try OptimizerTests.step(number, optimizer)
        }
        let state = try optimizer.stateDict()
        var found: [String: HostTensor] = [:]
        for (name, parameter) in optimizer.groups.flatMap(\.parameters) { found[name] = parameter.value }
        for (name, value) in state where !name.hasPrefix("param_groups") { found[name] = value }
        let expected = Learned.tensors.filter { $0.name.hasPrefix("\(fixture.name)/") }
        #expect(expected.count >= 2)
        for (name, value) in expected {
          let key = String(name.dropFirst(fixture.name.count + 1))
          let own = try #require(found[key], "\(key)")
          #expect(difference(own, value, relative: 1e-5, absolute: 1e-6) == nil, "\(key)")
        }
      }
    }

    @Test("go on from a saved state as if nothing had happened", arguments: Learned.cases("optimisers"))
    func resumption(fixture: Fixture) throws {
      let whole = try OptimizerTests.make(fixture, OptimizerTests.groups)
      let first = try OptimizerTests.make(fixture, OptimizerTests.groups)
      let second = try OptimizerTests.make(fixture, OptimizerTests.groups)
      try EngineCase.optimised.run {
        for number in 0..<8 { try OptimizerTests.step(number, whole) }
        for number in 0..<4 { try OptimizerTests.step(number, first) }
        let (from, into) = (first.groups.flatMap(\.parameters), second.groups.flatMap(\.parameters))
        for (a, b) in zip(from, into) { b.parameter.value = a.parameter.value }
        first.groups[0].lr *= 3
        try second.loadStateDict(try first.stateDict())
        #expect(second.groups[0].lr == first.groups[0].lr)
        second.groups[0].lr = whole.groups[0].lr
        for number in 4..<8 { try OptimizerTests.step(number, second) }
        for (a, b) in zip(whole.groups.flatMap(\.parameters), into) {
          #expect(difference(b.parameter.value, a.parameter.value) == nil)
        }
        #expect(try whole.stateDict().names == second.stateDict().names)
      }
    }

    @Test("leave frozen and unused parameters, and their state, as they are") func frozen() throws {
      let (a, b, c) = (Parameter(.ones([2])), Parameter(.ones([2])), Parameter(.ones([2])))
      let optimizer = SGD(
        groups: [Optimizer.Group([("a", a), ("b", b), ("c", c)])], lr: 0.1, momentum: 0.9, weightDecay: 0.5)
      b.requiresGrad = false
      try EngineCase.optimised.run {
        for _ in 0..<2 {
          let loss = (a.tensor + b.tensor).sum()
          let gradients = optimizer.minimize(loss)
          #expect(gradients.map { $0 == nil } == [false, true])
          try loss.evaluate()
        }
        #expect(a.value.scalars(as: Float.self)[0] < 0.8)
        for parameter in [b, c] { #expect(parameter.value.scalars(as: Float.self) == [1, 1]) }
        #expect(
          Set(try optimizer.stateDict().names.filter { !$0.hasPrefix("param") }) == [
            "a.step", "a.momentum_buffer",
          ])
      }
    }

    @Test("say what a saved state lacks, and keep their own") func wrongStates() throws {
      let fixture = try #require(Learned.cases("optimisers").first { $0.name == "adam" })
      let optimizer = try OptimizerTests.make(fixture, OptimizerTests.groups)
      try EngineCase.optimised.run { try OptimizerTests.step(0, optimizer) }
      let state = try optimizer.stateDict()
      var missing = state
      missing["b.exp_avg"] = nil
      #expect(
        message { try optimizer.loadStateDict(missing) }
          == "the optimiser's state has no `b.exp_avg`; it belongs to other parameters or settings")
      var wrong = state
      wrong["a.exp_avg_sq"] = .zeros([4, 3])
      #expect(
        message { try optimizer.loadStateDict(wrong) }
          == "the optimiser's state `a.exp_avg_sq` has shape [4, 3], expected [3, 4]")
      for (name, value) in try optimizer.stateDict() {
        #expect(difference(value, try #require(state[name])) == nil)
      }
    }

    @Test("do nothing where a gradient is invalid; evaluating the loss says why") func invalid() throws {
      let a = Parameter(.ones([2]))
      let optimizer = SGD(groups: [Optimizer.Group([("a", a)])], lr: 0.1)
      let loss = (a.tensor + Tensor([1.0, 2, 3])).sum()
      optimizer.minimize(loss)
      #expect(message { try loss.evaluate() } != nil)
      #expect(a.variable.pending == nil && a.value.scalars(as: Float.self) == [1, 1])
    }
  }
}
