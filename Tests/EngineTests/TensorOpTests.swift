import Strata
import StrataTestSupport
import Testing

extension EngineSuite {
  @Suite("Operations on tensors", .serialized) struct TensorOpTests {
    private static let cases = Fixtures.cases("tensorops.json")
    private static let results = Fixtures.tensors("tensorops.safetensors")

    @Test("all have cases") func coverage() {
      #expect(TensorOpTests.cases.count == 263)
      #expect(Set(TensorOpTests.cases.map { $0.string("op") }).count == 43)
    }

    @Test("give what PyTorch's give", arguments: EngineCase.all, cases)
    func values(engine: EngineCase, fixture: Fixture) throws {
      let op = fixture.string("op")
      let result = try TensorOperation.apply(fixture, to: inputs(fixture))
      let outputs = [("output", result.values), ("indices", result.indices)]
      for (name, tensor) in outputs {
        let expected = TensorOpTests.results["\(fixture.name)/\(name)"]
        guard let tensor, let expected else {
          #expect(name == "indices", "an output is missing")
          continue
        }
        let value = try engine.value(tensor)
        #expect(value.dtype == tensor.dtype)
        let scale: ToleranceScale = TensorOperation.sums.contains(op) ? .largestMagnitude : .elementwise
        #expect(
          difference(value, expected, relative: tolerance(value.dtype), scale: scale) == nil, "\(name)")
      }
    }

    @Test("know their shape and type before they are computed", arguments: cases)
    func types(fixture: Fixture) throws {
      let result = try TensorOperation.apply(fixture, to: inputs(fixture)).values
      #expect(result.type == TensorType(fixture.shape("output_shape"), fixture.dtype("output_dtype")))
    }

    /// The rounding of a few operations.
    private func tolerance(_ dtype: DType) -> Double {
      switch dtype {
      case .float64: 1e-13
      case .float32: 4e-6
      case .float16: 1e-3
      case .bfloat16: 8e-3
      case .int64, .int32, .uint8, .bool: 0
      }
    }

    private func inputs(_ fixture: Fixture) -> [Tensor] {
      let inputs = fixture["inputs"]?.array?.map(Fixture.init) ?? []
      return zip(["a", "b", "c"], inputs).map { name, input in
        let range = input.numbers("range")
        return Tensor(
          Formula.tensor(name, input.shape("shape"), range[0], range[1], dtype: input.dtype("dtype")))
      }
    }
  }
}
