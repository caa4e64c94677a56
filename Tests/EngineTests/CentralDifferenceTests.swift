import Strata
import StrataTestSupport
import Testing

/// A smooth function of some tensors, all of float64, with ranges in which it is smooth.
private struct SmoothFunction: Sendable, CustomStringConvertible {
  let description: String
  let shapes: [Shape]
  let low: Double
  let high: Double
  let apply: @Sendable ([Tensor]) -> Tensor

  init(
    _ description: String, _ shapes: [Shape], _ low: Double = -2, _ high: Double = 2,
    _ apply: @escaping @Sendable ([Tensor]) -> Tensor
  ) {
    self.description = description
    self.shapes = shapes
    self.low = low
    self.high = high
    self.apply = apply
  }

  private static func unary(
    _ name: String, _ low: Double = -2, _ high: Double = 2, _ apply: @escaping @Sendable (Tensor) -> Tensor
  ) -> SmoothFunction {
    SmoothFunction(name, [[3, 5]], low, high) { apply($0[0]) }
  }

  private static let elementwise = [
    unary("negate") { -$0 }, unary("exp") { $0.exp() }, unary("log", 0.2) { $0.log() },
    unary("sqrt", 0.2) { $0.sqrt() }, unary("rsqrt", 0.2) { $0.rsqrt() }, unary("square") { $0.square() },
    unary("sin") { $0.sin() }, unary("cos") { $0.cos() }, unary("erf") { $0.erf() },
    unary("absolute", 0.1) { $0.abs() }, unary("sigmoid") { $0.sigmoid() }, unary("tanh") { $0.tanh() },
    unary("silu") { $0.activation(.silu) }, unary("relu", 0.1) { $0.relu() },
    unary("relu6", 0.1, 5) { $0.activation(.relu6) },
    unary("gelu") { $0.activation(.gelu(tanhApproximation: false)) },
    unary("gelu by tanh") { $0.activation(.gelu(tanhApproximation: true)) },
    unary("hardswish", -2.5, 2.5) { $0.activation(.hardswish) },
    unary("hardsigmoid", -2.5, 2.5) { $0.activation(.hardsigmoid) },
    unary("leaky relu", -2, -0.1) { $0.activation(.leakyReLU(slope: 0.2)) },
    unary("clamp", -0.9, 0.9) { $0.clamp(min: -1, max: 1) },
    unary("cast", 0.2) { $0.exp().to(.float64) },
    SmoothFunction("add", [[3, 4], [4]]) { $0[0] + $0[1] },
    SmoothFunction("subtract", [[3, 1], [2, 3, 4]]) { $0[0] - $0[1] },
    SmoothFunction("multiply", [[3, 4], [3, 1]]) { $0[0] * $0[1] },
    SmoothFunction("divide", [[3, 4], [4]], 0.5) { $0[0] / $0[1] },
    SmoothFunction("power", [[3, 4], [4]], 0.5) { $0[0].pow($0[1]) },
    SmoothFunction("maximum", [[3, 4], [4]]) { $0[0].maximum($0[1]) },
    SmoothFunction("minimum", [[3, 4], [4]]) { $0[0].minimum($0[1]) },
    SmoothFunction("select", [[3, 4], [4], [3, 4]]) { .where($0[0] .> 0, $0[1], $0[2]) },
  ]

  private static let reductions = [
    unary("sum") { $0.sum(dim: 1) }, unary("mean") { $0.mean(dims: [0], keepDim: true) },
    unary("product") { $0.prod(dim: 1) }, unary("largest") { $0.max(dim: 0) },
    unary("smallest") { $0.min(dim: 1) }, unary("softmax") { $0.softmax(dim: 1) },
    unary("log softmax") { $0.logSoftmax(dim: 0) }, unary("top 2") { $0.topK(2, dim: 1).values },
    unary("variance") { $0.variance(dim: 1) },
  ]

  private static let movement = [
    unary("reshape") { $0.reshape(5, 3).sin() }, unary("permute") { $0.transpose(0, 1).sin() },
    unary("broadcast") { $0.expand(2, 3, 5).sin() },
    unary("slice") { $0[.all, .range(1, 5, step: 2)].square() },
    unary("pad") { $0.pad([1, 2, 0, 1], value: 3).square() },
    unary("pick") { $0.indexSelect(dim: 1, Tensor([4, 0, 4])).square() },
    SmoothFunction("concatenate", [[2, 3], [2, 2]]) { Tensor.cat($0, dim: 1).square() },
  ]

  private static let networks = [
    SmoothFunction("matrix product", [[2, 3, 4], [4, 2]]) { $0[0].matmul($0[1]) },
    SmoothFunction("vector product", [[4], [3, 4, 2]]) { $0[0].matmul($0[1]) },
    SmoothFunction("linear", [[3, 4], [2, 4], [2]]) { $0[0].linear($0[1], bias: $0[2]) },
    SmoothFunction("convolution", [[2, 4, 6, 5], [6, 2, 3, 2], [6]]) {
      $0[0].conv2d(
        $0[1], bias: $0[2], stride: IntPair(2, 1), padding: IntPair(1, 2), dilation: IntPair(1, 2), groups: 2)
    },
    SmoothFunction("max pooling", [[1, 2, 6, 6]]) {
      $0[0].maxPool2d(Pooling(kernel: 3, stride: 2, padding: 1))
    },
    SmoothFunction("average pooling", [[1, 2, 6, 6]]) {
      $0[0].averagePool2d(Pooling(kernel: 3, stride: 2, padding: 1))
    },
    SmoothFunction("adaptive pooling", [[1, 2, 5, 7]]) { $0[0].adaptiveAveragePool2d(IntPair(3, 2)) },
    SmoothFunction("batch norm by the batch", [[3, 2, 3, 2], [2], [2]]) {
      let (mean, variance) = $0[0].batchMoments()
      return $0[0].batchNorm(mean: mean, variance: variance, weight: $0[1], bias: $0[2], epsilon: 1e-3)
    },
    SmoothFunction("batch norm by statistics", [[3, 2, 3, 2], [2], [2], [2], [2]], 0.5) {
      $0[0].batchNorm(mean: $0[1], variance: $0[2], weight: $0[3], bias: $0[4], epsilon: 1e-3)
    },
    SmoothFunction("batch moments", [[3, 2, 3, 2]]) {
      let (mean, variance) = $0[0].batchMoments()
      return mean * 3 + variance
    },
    SmoothFunction("layer norm", [[3, 6], [6], [6]]) {
      $0[0].layerNorm(weight: $0[1], bias: $0[2], epsilon: 1e-3)
    },
  ]

  static let all = elementwise + reductions + movement + networks
}

extension EngineSuite {
  @Suite("Gradients in float64", .serialized) struct CentralDifferenceTests {
    @Test("are the slopes of the functions", arguments: SmoothFunction.all)
    fileprivate func slopes(function: SmoothFunction) throws {
      let values = function.shapes.enumerated().map { index, shape in
        Formula.tensor("x\(index)", shape, function.low, function.high, dtype: .float64)
      }
      let directions = function.shapes.enumerated().map { index, shape in
        Formula.tensor("d\(index)", shape, -1, 1, dtype: .float64)
      }
      /// The weighted sum of the results some steps along the directions.
      func loss(_ inputs: [Tensor]) -> Tensor {
        let result = function.apply(inputs)
        return (result * Tensor(Formula.tensor("seed", result.shape, 0.5, 1.5, dtype: .float64))).sum()
      }
      func value(_ distance: Double) throws -> Double {
        let moved = zip(values, directions).map { Tensor($0) + Tensor($1) * distance }
        return try loss(moved).value().scalars(as: Double.self)[0]
      }
      for engine in [EngineCase.referencePlain, .optimised] {
        try engine.run {
          let inputs = values.map { Tensor($0) }
          let found = gradients(of: loss(inputs), wrt: inputs)
          #expect(found.allSatisfy { $0.dtype == .float64 })
          try Tensor.evaluate(found)
          let slope = try zip(found, directions).reduce(0) { sum, pair in
            let products = zip(
              try pair.0.value().scalars(as: Double.self), pair.1.scalars(as: Double.self)
            ).map { $0 * $1 }
            return sum + products.reduce(0, +)
          }
          // Four points: the error is of the fourth order in the step.
          let step = 1e-3
          let near = try (value(step) - value(-step)) / (2 * step)
          let far = try (value(2 * step) - value(-2 * step)) / (4 * step)
          let expected = (4 * near - far) / 3
          #expect(abs(slope - expected) <= 1e-7 * max(1, abs(expected)), "\(engine)")
        }
      }
    }
  }
}
