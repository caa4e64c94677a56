import StrataCore
import StrataGraph
import StrataNN
import StrataRuntime

extension ParitySearch {
  /// The first known difference between frameworks that turns a module's output into the reference's.
  static func cause(
    _ call: ObservedCall, _ expected: HostTensor, _ tolerance: Double
  ) throws(StrataError) -> String? {
    let output = try call.output.value()
    if output.shape != expected.shape {
      let isSame = output.shape.sorted() == expected.shape.sorted()
      return isSame ? "the reference's axes are in another order (channels last?)" : nil
    }
    for (difference, candidate) in variants(of: call) {
      guard candidate.error == nil, candidate.shape == expected.shape else { continue }
      if deviation(try candidate.value(), expected) <= tolerance { return difference }
    }
    return nil
  }

  /// What a module would have given with one setting changed, each with the sentence that it would prove.
  private static func variants(of call: ObservedCall) -> [(String, Tensor)] {
    let x = call.input
    switch call.module {
    case let layer as Conv2d: return variants(of: layer, x)
    case let layer as BatchNorm2d: return variants(of: layer, x)
    case let layer as Linear: return variants(of: layer, x)
    case let layer as MaxPool2d: return roundings(of: layer.pooling, x) { x.maxPool2d($0) }
    case let layer as AvgPool2d:
      var pooling = layer.pooling
      pooling.countsPadding.toggle()
      let border = "the reference \(pooling.countsPadding ? "counts" : "does not count") padding in its means"
      return [(border, x.averagePool2d(pooling))] + roundings(of: layer.pooling, x) { x.averagePool2d($0) }
    case let layer as ActivationLayer: return variants(of: layer.activation, x)
    default: return []
    }
  }

  private static func variants(of layer: Conv2d, _ x: Tensor) -> [(String, Tensor)] {
    let (weight, bias) = (layer.weight.tensor, layer.bias?.tensor)
    func convolved(_ image: Tensor, padding: IntPair = 0, bias: Tensor?) -> Tensor {
      image.conv2d(
        weight, bias: bias, stride: layer.stride, padding: padding, dilation: layer.dilation,
        groups: layer.groups)
    }
    var result: [(String, Tensor)] = []
    if bias != nil {
      result.append(("the reference has no bias here", convolved(x, padding: layer.padding, bias: nil)))
    }
    // TensorFlow's SAME puts what is odd of the padding at the bottom and right.
    let (height, width) = (layer.padding.height, layer.padding.width)
    if x.rank == 4, height > 0 || width > 0 {
      let shifted = x.pad([max(width - 1, 0), width, max(height - 1, 0), height])
      result.append(
        ("the reference pads the bottom and right more than the top and left", convolved(shifted, bias: bias))
      )
      result.append(("the reference does not pad here", convolved(x, bias: bias)))
    }
    let reflected = IntPair(layer.kernelSize.height, layer.kernelSize.width)
    if reflected.height * reflected.width > 1 {
      let rows = Tensor(HostTensor((0..<reflected.height).reversed().map(Int64.init)))
      let columns = Tensor(HostTensor((0..<reflected.width).reversed().map(Int64.init)))
      let flipped = weight.indexSelect(dim: 2, rows).indexSelect(dim: 3, columns)
      let turned = x.conv2d(
        flipped, bias: bias, stride: layer.stride, padding: layer.padding, dilation: layer.dilation,
        groups: layer.groups)
      result.append(("the reference's kernels are turned by 180° (a true convolution)", turned))
    }
    return result
  }

  private static func variants(of layer: BatchNorm2d, _ x: Tensor) -> [(String, Tensor)] {
    guard let mean = layer.running_mean?.tensor, let variance = layer.running_var?.tensor else { return [] }
    let (weight, bias) = (layer.weight?.tensor, layer.bias?.tensor)
    var result = [1e-3, 1e-4, 1e-5, 1e-6, 1e-12].filter { $0 != layer.eps }.map { epsilon in
      (
        "the reference's epsilon is \(epsilon), here it is \(layer.eps)",
        x.batchNorm(mean: mean, variance: variance, weight: weight, bias: bias, epsilon: epsilon)
      )
    }
    let moments = x.batchMoments()
    result.append(
      (
        "the reference normalised by the batch: it was in training mode",
        x.batchNorm(
          mean: moments.mean, variance: moments.variance, weight: weight, bias: bias, epsilon: layer.eps)
      ))
    let momentum = layer.momentum ?? 0.1
    // One step from the initial statistics, with the two conventions of what momentum multiplies.
    result.append(
      (
        "the reference's running statistics follow the other momentum convention (1 − \(momentum))",
        x.batchNorm(
          mean: mean * ((1 - momentum) / momentum),
          variance: (variance - (1 - momentum)) * ((1 - momentum) / momentum) + momentum,
          weight: weight, bias: bias, epsilon: layer.eps)
      ))
    return result
  }

  private static func variants(of layer: Linear, _ x: Tensor) -> [(String, Tensor)] {
    var result: [(String, Tensor)] = []
    if layer.bias != nil { result.append(("the reference has no bias here", x.linear(layer.weight.tensor))) }
    if layer.inFeatures == layer.outFeatures {
      result.append(
        (
          "the reference's weights are transposed",
          x.linear(layer.weight.tensor.transpose(0, 1), bias: layer.bias?.tensor)
        ))
    }
    // A map that was flattened with the channels last: every plausible square map is tried.
    for side in 2...16 where x.rank == 2 && layer.inFeatures % (side * side) == 0 {
      let channels = layer.inFeatures / (side * side)
      let turned = x.reshape([-1, channels, side, side]).permute(0, 2, 3, 1).reshape([-1, layer.inFeatures])
      result.append(
        (
          "the reference flattens \(channels)×\(side)×\(side) maps with the channels last",
          turned.linear(layer.weight.tensor, bias: layer.bias?.tensor)
        ))
    }
    return result
  }

  private static func roundings(
    of pooling: Pooling, _ x: Tensor, _ pool: (Pooling) -> Tensor
  ) -> [(String, Tensor)] {
    var other = pooling
    other.roundsUp.toggle()
    return [("the reference has ceil_mode=\(other.roundsUp ? "True" : "False")", pool(other))]
  }

  private static func variants(of activation: Activation, _ x: Tensor) -> [(String, Tensor)] {
    let others: [(String, Activation)] = [
      ("ReLU", .relu), ("ReLU6", .relu6), ("GELU", .gelu(tanhApproximation: false)),
      ("GELU with the tanh approximation", .gelu(tanhApproximation: true)), ("SiLU", .silu),
      ("Hardswish", .hardswish),
      ("LeakyReLU of slope 0.01", .leakyReLU(slope: 0.01)),
      ("LeakyReLU of slope 0.2", .leakyReLU(slope: 0.2)),
    ]
    return others.filter { $0.1 != activation }.map { ("the reference has \($0.0) here", x.activation($0.1)) }
  }
}
