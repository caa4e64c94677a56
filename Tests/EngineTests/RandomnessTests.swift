import Strata
import StrataTestSupport
import Testing

extension EngineSuite {
  @Suite("A seed", .serialized) struct RandomnessTests {
    private struct Disturbed: Error {}

    /// Sets the seed and runs `body`, which draws `count` keys, until no other test drew one in between: the
    /// process has one sequence.
    private func seeded<Result>(_ seed: UInt64, drawing count: UInt64, _ body: () throws -> Result) throws
      -> Result
    {
      for _ in 0..<100 {
        manualSeed(seed)
        let result = try body()
        if RandomKey.next() == RandomKey(seed: seed, stream: count) { return result }
      }
      throw Disturbed()
    }

    private func withThreads<Result>(_ count: Int, _ body: () throws -> Result) rethrows -> Result {
      try Engine.$threadOverride.withValue(count, operation: body)
    }

    @Test("gives the same network and scores with one thread and with two") func network() throws {
      // One key for each of 27 convolutions, two for the linear layer.
      let models = try (0..<2).map { _ in
        try seeded(11, drawing: 29) { try ModelRegistry.make("mobilenet_v1").eval() }
      }
      let x = Tensor(Formula.input([1, 3, 64, 64]))
      var scores: [HostTensor] = []
      var states: [StateDict] = []
      for (threads, model) in zip([1, 2], models) {
        try withThreads(threads) {
          states.append(model.stateDict())
          scores.append(try EngineCase.optimised.value(model(x)))
        }
      }
      #expect(states[0].names == states[1].names)
      for (first, second) in zip(states[0], states[1]) {
        #expect(difference(first.value, second.value) == nil, "\(first.name)")
      }
      #expect(difference(scores[1], scores[0], relative: 1e-5, scale: .largestMagnitude) == nil)
      let other = try seeded(12, drawing: 29) { try ModelRegistry.make("mobilenet_v1").eval() }
      #expect(difference(try EngineCase.optimised.value(other(x)), scores[0], relative: 0.01) != nil)
    }

    @Test("gives the same network in whatever order its parameters are read") func order() throws {
      let models = try (0..<2).map { _ in try seeded(3, drawing: 8) { ResidualNet(classes: 4) } }
      let forwards = models[0].parameters.map(\.value)
      let backwards = Array(models[1].parameters.reversed().map(\.value).reversed())
      for (first, second) in zip(forwards, backwards) { #expect(difference(first, second) == nil) }
    }

    @Test("drops the same elements on every engine, with one thread and with two", arguments: EngineCase.all)
    func dropout(engine: EngineCase) throws {
      let layer = Dropout(p: 0.3)
      let x = Tensor(HostTensor.ones([4, 1000]))
      let outputs = try [1, 2].map { threads in
        try withThreads(threads) {
          try engine.value(try seeded(5, drawing: 2) { Tensor.cat([layer(x), layer(x)]) })
        }
      }
      #expect(difference(outputs[0], outputs[1]) == nil)
      let elements = outputs[0].scalars(as: Float.self)
      #expect(Set(elements) == [0, 1 / 0.7])
      let dropped = elements.count { $0 == 0 }
      #expect(abs(dropped - 2400) < 200)
      #expect(Array(elements.prefix(4000)) != Array(elements.suffix(4000)))
    }

    @Test("gives the same random tensors whatever else is drawn") func tensors() throws {
      for engine in EngineCase.all {
        let first = try engine.value(Tensor.randn([1000], seed: 9) * 2)
        let second = try engine.value(Tensor.randn([1000], seed: 9) * 2)
        #expect(difference(first, second) == nil)
      }
    }
  }
}
