import Strata
import StrataTestSupport
import Testing

extension EngineSuite {
  @Suite("Evaluation", .serialized) struct EvaluationTests {
    private func expect(
      _ tensor: Tensor, _ expected: [Float], _ shape: Shape, _ engine: EngineCase,
      at location: SourceLocation = #_sourceLocation
    ) throws {
      let value = try engine.value(tensor)
      #expect(
        difference(value, HostTensor(expected, shape: shape), relative: 1e-6) == nil, "\(engine)",
        sourceLocation: location)
    }

    @Test("gives a leaf, and views of one", arguments: EngineCase.all)
    func leaves(engine: EngineCase) throws {
      let x = Tensor(HostTensor([Float(1), 2, 3, 4, 5, 6], shape: [2, 3]))
      let variable = Variable(HostTensor([Float(7), 8], shape: [2]))
      try expect(x, [1, 2, 3, 4, 5, 6], [2, 3], engine)
      try expect(x.reshape(3, 2).reshape(6), [1, 2, 3, 4, 5, 6], [6], engine)
      try expect(variable.tensor, [7, 8], [2], engine)
      try expect(variable.tensor.reshape(2, 1), [7, 8], [2, 1], engine)
      #expect(try engine.value(Tensor([true, false]).reshape(2, 1)).scalars() == [true, false])
    }

    @Test("gives constants", arguments: EngineCase.all)
    func constants(engine: EngineCase) throws {
      try expect(.full([2], 3), [3, 3], [2], engine)
      try expect(Tensor.full([2], 3) * 2 + 1, [7, 7], [2], engine)
      try expect(Tensor.zeros([]), [0], [], engine)
      let variable = Variable(HostTensor([Float(1), 2], shape: [2]))
      for _ in 0..<2 { try expect(variable.tensor * 2, [2, 4], [2], engine) }
      variable.store(HostTensor([Float(3), 4], shape: [2]))
      try expect(variable.tensor * 2, [6, 8], [2], engine)
    }

    @Test("computes several tensors at once, and one tensor under several names", arguments: EngineCase.all)
    func several(engine: EngineCase) throws {
      let x = Tensor(HostTensor([Float(1), 4]))
      let (root, twin) = (x.sqrt(), x.sqrt())
      let outputs = [root, twin, root, x, root.reshape(2, 1), -root, twin * twin]
      try engine.run { try Tensor.evaluate(outputs) }
      #expect(outputs.allSatisfy { $0.knownValue != nil })
      let expected: [[Float]] = [[1, 2], [1, 2], [1, 2], [1, 4], [1, 2], [-1, -2], [1, 4]]
      #expect(outputs.map { $0.scalars(as: Float.self) } == expected)
      // The numbers of one output do not become those of another that is computed later.
      try expect(root + 1, [2, 3], [2], engine)
      #expect(root.scalars(as: Float.self) == [1, 2])
    }

    @Test("works on tensors without elements and without axes", arguments: EngineCase.all)
    func extremes(engine: EngineCase) throws {
      let empty = Tensor(HostTensor([Float](), shape: [0, 3]))
      try expect(empty.exp() + 1, [], [0, 3], engine)
      try expect(empty.sum(dim: 0), [0, 0, 0], [3], engine)
      try expect(empty.linear(Tensor(HostTensor.ones([2, 3]))), [], [0, 2], engine)
      try expect(Tensor(HostTensor.zeros([2, 0])).matmul(empty), [0, 0, 0, 0, 0, 0], [2, 3], engine)
      try expect(.cat([empty, Tensor(HostTensor.ones([1, 3]))]), [1, 1, 1], [1, 3], engine)
      let images = Tensor(HostTensor.zeros([0, 3, 4, 4]))
      try expect(images.conv2d(Tensor(HostTensor.ones([2, 3, 3, 3]))).relu(), [], [0, 2, 2, 2], engine)
      let scalar = Tensor(Float(-2))
      try expect((scalar * scalar).abs().reshape(1, 1).softmax(dim: 1), [1], [1, 1], engine)
      try expect(-scalar.activation(.relu), [0], [], engine)
      try expect(scalar + Tensor(HostTensor([Float(1), 2])), [-1, 0], [2], engine)
      let deep = Tensor(HostTensor([Float(1), 2], shape: [1, 1, 1, 2, 1, 1, 1]))
      try expect((deep + deep).transpose(3, 6) * 2, [4, 8], [1, 1, 1, 1, 1, 1, 2], engine)
    }

    @Test("passes NaN and infinity on", arguments: EngineCase.all)
    func specials(engine: EngineCase) throws {
      let x = Tensor(HostTensor([Float.nan, .infinity, -.infinity, 0]))
      try expect(x + 1, [.nan, .infinity, -.infinity, 1], [4], engine)
      try expect(x * 0, [.nan, .nan, .nan, 0], [4], engine)
      try expect(x.abs(), [.nan, .infinity, .infinity, 0], [4], engine)
      try expect(x.maximum(0), [.nan, .infinity, 0, 0], [4], engine)
      try expect(x.clamp(min: -1, max: 1), [.nan, 1, -1, 0], [4], engine)
      try expect(x.sigmoid(), [.nan, 1, 0, 0.5], [4], engine)
      try expect(x.tanh(), [.nan, 1, -1, 0], [4], engine)
      try withKnownIssue("oneDNN's ReLU and maximum pooling take NaN for the least number") {
        try expect(x.relu(), [.nan, .infinity, 0, 0], [4], engine)
        try expect(x.activation(.relu6), [.nan, 6, 0, 0], [4], engine)
        try expect(x.reshape(1, 1, 2, 2).maxPool2d(Pooling(kernel: 2)), [.nan], [1, 1, 1, 1], engine)
      } when: {
        engine.configuration.backend.name == "onednn"
      }
    }

    @Test("reads a long chain of small operations", arguments: EngineCase.all)
    func chain(engine: EngineCase) throws {
      var x = Tensor(HostTensor([Float(0)]))
      for _ in 0..<2000 { x += 1 }
      try expect(x, [2000], [1], engine)
    }

    @Test("allocates parameters when they are first needed") func laziness() throws {
      let model = ResNet50().eval()
      let y = model(Tensor(HostTensor.ones([1, 3, 32, 32])))
      #expect(model.stateEntries.allSatisfy { !$0.variable.isAllocated })
      try EngineCase.optimised.run { try y.evaluate() }
      // Whoever evaluates a network in evaluation mode has no use for the number of batches.
      let unused = model.stateEntries.filter { !$0.variable.isAllocated }.map(\.name)
      #expect(unused.allSatisfy { $0.hasSuffix("num_batches_tracked") } && unused.count == 53)
    }

    @Test("computes nothing twice") func knownValues() throws {
      let backend = CountingBackend()
      let engine = EngineCase(backend, [], "counting")
      let x = Tensor(HostTensor([Float(1), 2])).exp()
      _ = try engine.value(x)
      _ = try engine.value(x)
      #expect(backend.count == 1)
      // What is known counts as data of a later graph.
      #expect(try engine.plan(x + 1).counts == ["add": 1])
    }
  }
}
