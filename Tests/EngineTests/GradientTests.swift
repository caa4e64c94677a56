import Strata
import StrataTestSupport
import Testing

/// A case of `gradients.json`: an operation or a layer, with PyTorch's gradients of a loss.
private struct GradientCase: Sendable, CustomStringConvertible {
  static let all = Fixtures.cases("gradients.json").map(GradientCase.init)
  private static let digests = Fixtures.tensors("gradients.safetensors")
  private static let layers = named(LayerCase.all.map { ($0.fixture.name, $0) })
  private static let operations = named(Fixtures.cases("tensorops.json").map { ($0.name, $0) })

  private static func named<Value>(_ pairs: [(String, Value)]) -> [String: Value] {
    Dictionary(pairs) { first, _ in first }
  }

  let fixture: Fixture
  var description: String { fixture.name }
  var isOfLayer: Bool { fixture.string("kind") == "layer" }

  func digest(_ name: String) -> HostTensor? { GradientCase.digests["\(fixture.name)/\(name)"] }

  /// The result, and the tensors whose gradients PyTorch gave, by name.
  func make() throws -> (output: Tensor, targets: [(name: String, tensor: Tensor)]) {
    let name = fixture.string("case")
    if isOfLayer {
      let layer = try #require(GradientCase.layers[name])
      let module = try layer.makeLayer()
      // Not a leaf by itself, as in the reference.
      let input = layer.inputs[0]
      return (
        module(input * 1), [("input", input)] + module.namedParameters.map { ($0.name, $0.parameter.tensor) }
      )
    }
    let operation = try fixture["op"] == nil ? #require(GradientCase.operations[name]) : fixture
    let inputs = (operation["inputs"]?.array ?? []).map(Fixture.init)
    let tensors = zip(["a", "b", "c"], inputs).map { name, input in
      let range = input.numbers("range")
      let dtype = input.dtype("dtype")
      return (name, Tensor(Formula.tensor(name, input.shape("shape"), range[0], range[1], dtype: dtype)))
    }
    let output = try TensorOperation.apply(operation, to: tensors.map(\.1)).values
    return (output, tensors.filter { $0.1.dtype.isFloatingPoint })
  }
}

/// The gradients of the sum of a result times a seed, so that each element of the result has one of its own.
private func seededGradients(_ output: Tensor, _ targets: [Tensor]) -> [Tensor] {
  let seed = Formula.tensor("seed", output.shape, -1, 1).converted(to: output.dtype)
  return gradients(of: output, wrt: targets, seed: Tensor(seed))
}

extension EngineSuite {
  @Suite("Gradients", .serialized) struct GradientTests {
    @Test("have cases of every operation and layer") func coverage() {
      #expect(GradientCase.all.count == 468)
      #expect(GradientCase.all.count(where: \.isOfLayer) == 240)
    }

    @Test("are those of PyTorch", arguments: EngineCase.all, GradientCase.all.map(\.fixture.name))
    func values(engine: EngineCase, name: String) throws {
      let gradientCase = try #require(GradientCase.all.first { $0.fixture.name == name })
      if gradientCase.isOfLayer, name.hasPrefix("layer/unbatched") { return }
      let (output, targets) = try gradientCase.make()
      let results = seededGradients(output, targets.map(\.tensor))
      try engine.run { try Tensor.evaluate(results) }
      for (target, result) in zip(targets, results) {
        let expected = try #require(gradientCase.digest(target.name))
        #expect(result.type == target.tensor.type)
        let problem = GradientDigest(expected).difference(
          from: try result.value(), relative: tolerance(output.dtype, target.tensor.dtype),
          absolute: output.dtype == .float32 ? 1e-6 : 0)
        #expect(problem == nil, "\(target.name)")
      }
    }

    /// Sums of many terms in the narrower of two types.
    private func tolerance(_ output: DType, _ target: DType) -> Double {
      [output, target].map { dtype in
        switch dtype {
        case .float64: 1e-12
        case .float16: 4e-3
        case .bfloat16: 3e-2
        case .float32, .int64, .int32, .uint8, .bool: 2e-5
        }
      }.max() ?? 0
    }
  }
}
