import Strata
import StrataTestSupport
import Testing

extension LearningSuite {
  @Suite("Values that are computed again", .serialized) struct RecomputationTests {
    /// The gradients of a network's loss, the bytes that a run keeps, and how many convolutions it has.
    private func gradients(
      _ model: Module, _ batch: Batch, seed: UInt64
    ) throws -> (values: [HostTensor], bytes: Int, convolutions: Int) {
      let loss = crossEntropy(model(batch.images), batch.labels)
      let found = Strata.gradients(of: loss, wrt: model.parameters.map(\.tensor))
      return try EngineCase.optimised.run {
        let trace = Trace(of: found)
        let plan = try Engine.plan(trace)
        let bytes = try #require(try Engine.executable(for: trace.graph).workspaceByteCount)
        try Tensor.evaluate(found)
        let convolutions = plan.count { if case .conv2d = $0 { true } else { false } }
        return (try found.map { try $0.value() }, bytes, convolutions)
      }
    }

    @Test("give the same gradients and take less memory") func sameGradients() throws {
      func block(_ channels: Int) -> Sequential {
        Sequential(
          Conv2d(channels, 8, kernelSize: 3, padding: 1), BatchNorm2d(8), ReLU(),
          Conv2d(8, 8, kernelSize: 3, padding: 1), BatchNorm2d(8), ReLU(),
          Conv2d(8, 4, kernelSize: 3, padding: 1), Tanh())
      }
      func make() -> Sequential {
        let model = Sequential(
          block(1), block(4), block(4), AdaptiveAvgPool2d(1), Flatten(), Linear(4, 3))
        Formula.fill(model)
        return model.train()
      }
      let batch = Batch(1, count: 4, shape: [1, 32, 32])
      let (plain, again) = (make(), make())
      for index in 0..<3 { again[index].recomputesActivations = true }
      let expected = try gradients(plain, batch, seed: 1)
      let found = try gradients(again, batch, seed: 1)
      #expect(expected.convolutions == 9)
      // The last convolution of a block is needed by nobody a second time but for its own result.
      #expect(found.convolutions > 9 && found.convolutions <= 18)
      #expect(found.bytes < expected.bytes * 9 / 10)
      // Against float64, PyTorch's own float32 is off by up to 2.7e-5 of a gradient's largest number, Strata by 5.5e-5.
      // Biases before a batch norm have gradients of rounding alone, of up to 4.2e-7.
      for (a, b) in zip(found.values, expected.values) {
        #expect(difference(a, b, relative: 1e-4, absolute: 1e-6, scale: .largestMagnitude) == nil)
      }
      for (a, b) in zip(plain.namedBuffers, again.namedBuffers) {
        #expect(difference(b.buffer.value, a.buffer.value, relative: 1e-6, absolute: 1e-7) == nil)
      }
      again.eval()
      #expect(try EngineCase.optimised.plan(again(batch.images)).count { $0.name == "conv2d" } == 9)
    }

    @Test("drop the same elements both times") func dropout() throws {
      let drop = Dropout(p: 0.5)
      drop.recomputesActivations = true
      let x = Tensor(Formula.tensor("x", [4, 50], 1, 2))
      let y = drop(x * 1)
      let gradient = Strata.gradients(of: (y * y).sum(), wrt: [x])[0]
      try EngineCase.optimised.run { try Tensor.evaluate([y, gradient]) }
      // y is 2x or 0, so that the slope of its square is 8x or 0.
      let values = zip(try y.value().scalars(as: Float.self), try gradient.value().scalars(as: Float.self))
      #expect(values.allSatisfy { abs($0 * 4 - $1) < 1e-4 })
    }
  }
}
