import Strata

/// A function of images that goes through a file and back.
struct ONNXCase: Sendable, CustomStringConvertible {
  let description: String
  /// The shape of one image; the batch axis lies in front of it.
  let shape: [Int]
  let isOpen: Bool
  let function: @Sendable (Tensor) -> Tensor

  init(
    _ name: String, _ shape: [Int] = [3, 6, 5], isOpen: Bool = true,
    _ function: @escaping @Sendable (Tensor) -> Tensor
  ) {
    description = name
    self.shape = shape
    self.isOpen = isOpen
    self.function = function
  }

  func input(batch: Int) -> HostTensor {
    HostTensor.normal(shape: Shape([batch] + shape), key: RandomKey(seed: UInt64(41 + batch)))
  }

  /// Numbers that stay the same from call to call.
  static func weights(_ shape: Shape, seed: UInt64 = 5) -> Tensor {
    Tensor(HostTensor.normal(shape: shape, key: RandomKey(seed: seed)))
  }

  static func norm(_ x: Tensor, _ channels: Int) -> Tensor {
    x.batchNorm(
      mean: weights([channels], seed: 1), variance: weights([channels], seed: 2).abs() + 0.5,
      weight: weights([channels], seed: 3), bias: weights([channels], seed: 4), epsilon: 1e-3)
  }

  static let all: [ONNXCase] = elements + movements + networks

  private static let elements: [ONNXCase] = [
    ONNXCase("relu") { $0.relu() }, ONNXCase("relu6") { ($0 * 5).activation(.relu6) },
    ONNXCase("hardswish") { ($0 * 3).activation(.hardswish) },
    ONNXCase("hardsigmoid") { ($0 * 3).activation(.hardsigmoid) },
    ONNXCase("sigmoid") { $0.sigmoid() }, ONNXCase("silu") { $0.activation(.silu) },
    ONNXCase("tanh") { $0.tanh() }, ONNXCase("gelu") { $0.activation(.gelu(tanhApproximation: false)) },
    ONNXCase("gelu tanh") { $0.activation(.gelu(tanhApproximation: true)) },
    ONNXCase("leaky relu") { $0.activation(.leakyReLU(slope: 0.2)) },
    ONNXCase("clamp") { $0.clamp(min: -0.5, max: 0.5) }, ONNXCase("clamp low") { $0.clamp(min: -0.5) },
    ONNXCase("clamp high") { $0.clamp(max: 0.5) },
    ONNXCase("exponentials") { $0.exp() + $0.abs().log() + $0.abs().sqrt() + ($0.abs() + 1).rsqrt() },
    ONNXCase("rounding") { ($0 * 3).floor() + ($0 * 4).ceil() * 10 + ($0 * 5).round() * 100 },
    ONNXCase("trigonometry") { $0.sin() + $0.cos() * 2 + $0.erf() * 3 + $0.sign() * 4 - $0.square() },
    ONNXCase("arithmetic") { ($0 + 2) * $0 - 3 / ($0.square() + 1) },
    ONNXCase("extremes") { $0.minimum(0.5).maximum(weights([5]) - 1) },
    ONNXCase("remainders") { $0.remainder(0.7) + $0.floorDivide(0.3) },
    ONNXCase("whole remainders") { x in
      let whole = (x * 10).to(.int64)
      return (whole.remainder(3) + whole.floorDivide(4) * 10).to(.float32)
    },
    ONNXCase("power") { $0.abs().pow(1.5) + $0.pow(3) },
    ONNXCase("comparisons") { x in
      let bits = [x .> 0.1, x .>= 0.2, x .< 0.3, x .<= 0.4, x .== x, x .!= 0.5]
      return Tensor.cat(bits, dim: 1).to(.float32)
    },
    ONNXCase("logic") { x in
      let (a, b) = (x .> 0, x .< 0.5)
      return Tensor.cat([a .& b, a .| b, .!a, x.isNaN(), (1 / (x - x)).isFinite()], dim: 1).to(.float32)
    },
    ONNXCase("where") { Tensor.where($0 .> 0, $0 * 2, $0 - 1) },
    ONNXCase("types") { ($0 * 10).to(.int32).to(.float64).to(.uint8).to(.float32) },
  ]

  private static let movements: [ONNXCase] = [
    ONNXCase("sums") { $0.sum(dims: [2, 3], keepDim: true) + $0.mean(dim: 1, keepDim: true) },
    ONNXCase("products") { $0.prod(dim: -1) + $0.max(dim: -1) - $0.min(dim: -1) },
    ONNXCase("sum of all", isOpen: false) { $0.sum() }, ONNXCase("variance") { $0.variance(dims: [2, 3]) },
    ONNXCase("argmax") {
      $0.argmax(dim: 1, keepDim: true).to(.float32) + $0.argmin(dim: 1, keepDim: true).to(.float32)
    },
    ONNXCase("top values") { Tensor.cat([$0.topK(2).values, $0.topK(3).indices.to(.float32)], dim: -1) },
    ONNXCase("softmax") { $0.softmax(dim: 1) + $0.logSoftmax(dim: -1) },
    ONNXCase("flatten") { $0.flatten(start: 1) }, ONNXCase("rows") { $0.flatten(start: 2).transpose(1, 2) },
    ONNXCase("shuffle", [4, 3, 2]) {
      $0.reshape($0.shape[0], 2, 2, 3, 2).transpose(1, 2).reshape($0.shape[0], 4, 3, 2)
    },
    ONNXCase("permute") { $0.permute(1, 2, 3, 0).permute(3, 0, 1, 2) * 2 },
    ONNXCase("expand", [1, 1, 5]) { $0.expand($0.shape[0], 3, 4, 5) },
    ONNXCase("slice") { $0[.all, 1..., .range(0, 6, step: 2), (-3)...] },
    ONNXCase("split") { x in Tensor.cat(x.chunk(3, dim: 1).reversed(), dim: 2) },
    ONNXCase("pad") { $0.pad([1, 2, 0, 3], value: 0.5).pad([-1, 0]) },
    ONNXCase("select") { $0.indexSelect(dim: 1, Tensor([2, 0, 2])) },
    ONNXCase("squeeze") { $0.unsqueeze(dim: 1).squeeze(dim: 1)[.all, 0, .newAxis] },
    ONNXCase("constants") { $0 + Tensor.full([3, 1, 5], 2) + Tensor.zeros([600, 6, 5])[0..<3] },
  ]

  private static let networks: [ONNXCase] = [
    ONNXCase("matmul") { $0.matmul(weights([5, 4])) + weights([2, 6]).matmul($0).mean() },
    ONNXCase("matmul vector") { $0.matmul(weights([5])) },
    ONNXCase("matmul batches") { $0.matmul($0.transpose(2, 3)).softmax(dim: -1) },
    ONNXCase("linear", [7]) { $0.linear(weights([4, 7]), bias: weights([4])) },
    ONNXCase("linear without bias", [7]) { $0.linear(weights([4, 7])) },
    ONNXCase("linear on images") { $0.linear(weights([4, 5]), bias: weights([4])) },
    ONNXCase("convolution") {
      $0.conv2d(weights([4, 3, 3, 2]), bias: weights([4]), stride: IntPair(2, 1), padding: 1)
    },
    ONNXCase("dilated groups", [4, 9, 8]) {
      $0.conv2d(weights([6, 2, 3, 3]), stride: 1, padding: IntPair(2, 0), dilation: IntPair(2, 1), groups: 2)
    },
    ONNXCase("max pool", [3, 9, 8]) { $0.maxPool2d(Pooling(kernel: 3, stride: 2, padding: 1)) },
    ONNXCase("max pool rounded up", [3, 8, 10]) {
      $0.maxPool2d(
        Pooling(kernel: IntPair(3, 2), stride: IntPair(2, 3), padding: IntPair(1, 0), roundsUp: true))
    },
    ONNXCase("dilated max pool", [3, 9, 8]) { $0.maxPool2d(Pooling(kernel: 3, stride: 1, dilation: 2)) },
    ONNXCase("average pool", [3, 9, 8]) { $0.averagePool2d(Pooling(kernel: 3, stride: 2, padding: 1)) },
    ONNXCase("average pool without border", [3, 9, 8]) {
      $0.averagePool2d(Pooling(kernel: 3, stride: 2, padding: 1, countsPadding: false))
    },
    ONNXCase("average pool rounded up", [3, 8, 10]) {
      $0.averagePool2d(Pooling(kernel: 3, stride: 2, padding: 1, roundsUp: true))
    },
    ONNXCase("average pool rounded up without border", [3, 8, 10]) {
      $0.averagePool2d(Pooling(kernel: 3, stride: 2, padding: 1, roundsUp: true, countsPadding: false))
    },
    ONNXCase("average pool by a divisor", [3, 8, 10]) {
      $0.averagePool2d(Pooling(kernel: 3, stride: 2, padding: 1, divisor: 5))
    },
    ONNXCase("global pool") { $0.adaptiveAveragePool2d(1) },
    ONNXCase("adaptive pool", [3, 8, 6]) { $0.adaptiveAveragePool2d(IntPair(4, 3)) },
    ONNXCase("uneven adaptive pool", [3, 7, 5]) { $0.adaptiveAveragePool2d(IntPair(3, 4)) },
    ONNXCase("batch norm") { norm($0, 3) },
    ONNXCase("plain batch norm") {
      $0.batchNorm(mean: weights([3]), variance: weights([3]).abs() + 1, weight: nil, bias: nil)
    },
    ONNXCase("layer norm") { $0.layerNorm(weight: weights([5]), bias: weights([5], seed: 6)) },
    ONNXCase("plain layer norm") { $0.layerNorm() },
    ONNXCase("block") { x in
      let y = norm(x.conv2d(weights([3, 3, 3, 3]), bias: weights([3]), padding: 1), 3).relu()
      let z = norm(y.conv2d(weights([3, 1, 3, 3], seed: 9), padding: 1, groups: 3), 3)
      return (z + x).relu().adaptiveAveragePool2d(1).flatten(start: 1).linear(weights([10, 3])).softmax(
        dim: -1)
    },
  ]
}
