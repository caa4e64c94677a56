import Strata
import StrataTestSupport
import Testing

extension EngineSuite {
  /// Products of rows with a number each, by which folded batch norms scale weights.
  @Suite("Row scaling", .serialized) struct RowScalingTests {
    @Test(
      "gives the reference's numbers to the bit",
      arguments: [[1, 1], [1, 7], [5, 3], [16, 3, 3, 3], [33, 2, 1, 1], [64, 48, 5, 5]] as [Shape])
    func products(_ shape: Shape) throws {
      let values = HostTensor.normal(shape: shape, key: RandomKey(seed: 1))
      let factors = HostTensor.normal(
        shape: Shape([shape[0]] + shape.dropFirst().map { _ in 1 }), key: RandomKey(seed: 2))
      let product = Tensor(values) * Tensor(factors)
      let expected = try EngineCase.referencePlain.value(product).scalars(as: Float.self)
      #expect(try EngineCase.plain.value(product).scalars(as: Float.self) == expected)
    }
  }
}
