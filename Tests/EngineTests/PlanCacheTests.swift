import Strata
import StrataTestSupport
import Synchronization
import Testing

/// oneDNN under another name, with a count of the plans it prepared.
final class CountingBackend: Backend {
  private static let last = Atomic(0)
  private let inner = OneDNNBackend()
  private let compiled = Atomic(0)
  let name = "counting \(last.add(1, ordering: .relaxed).newValue)"

  var capabilities: BackendCapabilities { inner.capabilities }
  var count: Int { compiled.load(ordering: .relaxed) }

  func compile(_ plan: Plan) throws(StrataError) -> any Executable {
    compiled.add(1, ordering: .relaxed)
    return try inner.compile(plan)
  }
}

/// Memory whose life can be watched.
private final class Owner {
  private let memory: UnsafeMutableBufferPointer<Float>

  init(count: Int) {
    memory = .allocate(capacity: count)
    memory.initialize(repeating: 1)
  }

  deinit { memory.deallocate() }

  /// The memory, kept alive by whoever holds the result.
  var buffer: Buffer {
    let bytes = UnsafeMutableRawBufferPointer(memory)
    guard let start = bytes.baseAddress else { preconditionFailure("there is no memory") }
    return Buffer(pointer: start, byteCount: bytes.count, owner: self)
  }
}

extension EngineSuite {
  @Suite("The cache of plans", .serialized) struct PlanCacheTests {
    private let backend = CountingBackend()
    private var engine: EngineCase { EngineCase(backend, Set(Pass.allCases), "counting") }
    private let images = Networks.images()
    /// Other suites run at the same time and may push plans out of the common cache.
    private let cache = PlanCache(capacity: 64)

    private func value(_ tensor: @autoclosure () throws -> Tensor) throws -> HostTensor {
      try PlanCache.$current.withValue(cache) { try engine.value(try tensor()) }
    }

    private func expectScores(
      _ model: Module, _ x: Tensor? = nil, at location: SourceLocation = #_sourceLocation
    ) throws {
      let input = x ?? images
      let expected = try EngineCase.referencePlain.value(model(input))
      let scores = try value(model(input))
      #expect(
        difference(scores, expected, relative: 1e-5, scale: .largestMagnitude) == nil,
        sourceLocation: location)
    }

    /// A network whose weights are its own.
    private func model(_ number: Int) -> Module {
      let model = Networks.residual()
      for entry in model.stateEntries where entry.dtype == .float32 {
        let (name, shape) = ("\(number).\(entry.name)", entry.shape)
        entry.variable.reset { Formula.parameter(name, shape) }
      }
      return model
    }

    @Test("plans a network once, not once a call") func calls() throws {
      let model = Networks.residual()
      for index in 0..<4 { try expectScores(model, Networks.images(name: "input\(index)")) }
      #expect(backend.count == 1)
      try expectScores(model, Networks.images(3))
      #expect(backend.count == 2)
      try expectScores(model)
      #expect(backend.count == 2)
    }

    @Test("shares a plan between models of one structure, which keep their own results") func twoModels()
      throws
    {
      let models = [model(1), model(2)]
      for _ in 0..<2 { for model in models { try expectScores(model) } }
      #expect(backend.count == 1)
      let scores = try models.map { try value($0(images)) }
      #expect(difference(scores[0], scores[1], relative: 0.01, scale: .largestMagnitude) != nil)
    }

    @Test("serves more models in turn than it keeps prepared weights for") func manyModels() throws {
      let models = (0..<7).map(model)
      for _ in 0..<2 { for model in models { try expectScores(model) } }
      #expect(backend.count == 1)
    }

    @Test("notices weights that were loaded, set, reset and trained") func changedWeights() throws {
      let model = model(1)
      try expectScores(model)
      try model.loadStateDict(self.model(2).stateDict())
      try expectScores(model)
      let weight = try model.parameter("conv1.weight")
      weight.value = Formula.parameter("another", weight.shape)
      try expectScores(model)
      Formula.fill(model)
      try expectScores(model)
      #expect(backend.count == 1)
      let before = try value(model(images))
      try engine.run { try model.train()(images).evaluate() }
      let after = try value(model.eval()(images))
      #expect(difference(after, before, relative: 1e-3, scale: .largestMagnitude) != nil)
      try expectScores(model)
    }

    @Test("takes no weights of a model that is gone for those of another") func freedModels() throws {
      for number in 0..<12 { try expectScores(model(number)) }
      #expect(backend.count == 1)
    }

    @Test("plans anew for another number of threads") func threads() throws {
      let model = Networks.residual()
      for count in [1, 2, 3, 1] {
        try Engine.$threadOverride.withValue(count) { try expectScores(model) }
      }
      #expect(backend.count == 3)
    }

    @Test("tells pipelines and backends apart") func configurations() throws {
      let x = images.relu()
      let trace = Trace(of: [x])
      for passes in [[], [Pass.simplify], [.deadCode]] as [Set<Pass>] {
        _ = try EngineCase(backend, passes, "").results(of: trace)
      }
      #expect(backend.count == 3)
      let other = CountingBackend()
      _ = try EngineCase(other, [], "").results(of: trace)
      #expect(backend.count == 3 && other.count == 1)
    }

    @Test("tells numbers in graphs apart, and finds NaN again") func constants() throws {
      let x = Tensor(HostTensor([Float(1)]))
      for number in [1, 2, 0, -0.0, .nan, .infinity] {
        for _ in 0..<2 {
          let y = x / (x * Tensor.full([1], number))
          #expect(difference(try value(y), HostTensor([Float(1 / number)])) == nil, "\(number)")
        }
      }
      #expect(backend.count == 6)
    }

    @Test("keeps neither inputs nor weights of a network that is gone", arguments: EngineCase.all)
    func memory(engine: EngineCase) throws {
      weak var input: Owner?
      weak var weight: Owner?
      do {
        let owners = (Owner(count: 64), Owner(count: 256))
        (input, weight) = owners
        let x = Tensor(HostTensor(dtype: .float32, shape: [4, 16], buffer: owners.0.buffer))
        let variable = Variable(HostTensor(dtype: .float32, shape: [16, 16], buffer: owners.1.buffer))
        _ = try engine.value(x.linear(variable.tensor).relu())
      }
      #expect(input == nil)
      #expect(weight == nil)
    }

    @Test("is counted and can be emptied") func clearing() throws {
      let model = Networks.residual()
      try expectScores(model)
      PlanCache.$current.withValue(cache) {
        #expect(Engine.cachedPlanCount == 1)
        Engine.clearCache()
        #expect(Engine.cachedPlanCount == 0)
      }
      try expectScores(model)
      #expect(backend.count == 2)
    }
  }
}
