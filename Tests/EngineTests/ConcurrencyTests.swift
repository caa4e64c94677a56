import Strata
import StrataTestSupport
import Testing

extension EngineSuite {
  @Suite("Several tasks at once", .serialized) struct ConcurrencyTests {
    private static let engines = [EngineCase.referencePlain, .optimised]

    /// Computes `body` for numbers in as many tasks, in one way.
    private func inTasks<Result: Sendable>(
      _ count: Int, _ engine: EngineCase, _ body: @escaping @Sendable (Int) throws -> Result
    ) async throws -> [Result] {
      try await withThrowingTaskGroup(of: (Int, Result).self) { group in
        for index in 0..<count { group.addTask { (index, try engine.run { try body(index) }) } }
        var results: [Int: Result] = [:]
        for try await (index, result) in group { results[index] = result }
        return (0..<count).compactMap { results[$0] }
      }
    }

    @Test("get from one model what each gets alone", arguments: engines, [true, false])
    func oneModel(engine: EngineCase, isPlanned: Bool) async throws {
      let model = SharedModule(Networks.residual())
      let inputs = (0..<8).map { Networks.images(name: "input\($0)") }
      let alone = try inputs.map { try EngineCase.referencePlain.value(model($0)) }
      if isPlanned { _ = try engine.value(model(inputs[0])) } else { Engine.clearCache() }
      for _ in 0..<5 {
        let scores = try await inTasks(8, engine) { try model(inputs[$0]).value() }
        for (score, expected) in zip(scores, alone) {
          #expect(difference(score, expected, relative: 1e-5, scale: .largestMagnitude) == nil)
        }
      }
    }

    @Test("may call with inputs of different sizes") func sizes() async throws {
      let model = SharedModule(Networks.residual())
      Engine.clearCache()
      let inputs = (0..<8).map { Networks.images(1 + $0 % 3, size: 8 + 2 * $0) }
      let scores = try await inTasks(8, .optimised) { try model(inputs[$0]).value() }
      for (score, input) in zip(scores, inputs) {
        let expected = try EngineCase.referencePlain.value(model(input))
        #expect(difference(score, expected, relative: 1e-5, scale: .largestMagnitude) == nil)
      }
    }

    @Test("may read one tensor and what was computed from it", arguments: engines)
    func oneTensor(engine: EngineCase) async throws {
      for round in 0..<10 {
        let x = Tensor(Formula.input([64], name: "x\(round)"))
        let shared = x.exp()
        let expected = try EngineCase.referencePlain.value(Tensor.stack((0..<8).map { x.exp() * Double($0) }))
        let rows = try await inTasks(8, engine) { index in
          if index % 2 == 0 { try shared.evaluate() }
          return try (shared * Double(index)).value()
        }
        let result = try Tensor.stack(rows.map { Tensor($0) }).value()
        #expect(difference(result, expected, relative: 1e-6) == nil)
      }
    }

    @Test("may load weights while others compute: each result is of one set of weights or the other")
    func loading() async throws {
      let layer = Linear(16, 16, bias: false)
      let x = Tensor(HostTensor.ones([1, 16]))
      let weight = layer.weight
      let shared = SharedModule(layer)
      let values = [1, 2].map { HostTensor.filled($0, shape: [16, 16]) }
      weight.value = values[0]
      let scores = try await inTasks(40, .optimised) { index in
        if index % 4 == 0 { weight.value = values[index / 4 % 2] }
        return try shared(x).value().scalars(as: Float.self)
      }
      for row in scores { #expect(row == Array(repeating: row[0], count: 16) && [16, 32].contains(row[0])) }
    }
  }
}
