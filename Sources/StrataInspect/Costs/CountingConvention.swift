import StrataCore
import StrataGraph
import StrataNN

/// What a tool counts as an operation. No two of the known ones agree; each is reproduced to the last digit.
public enum CountingConvention: String, Sendable, Hashable, CaseIterable {
  /// One for each multiply-accumulate of convolutions and matrix products: torchvision's published figures.
  case torchvision
  /// fvcore and timm: also batch norm with 2 and layer norm with 5 an element, adaptive pooling with 1.
  case fvcore
  /// torchinfo: a layer's parameters, biases among them, once for each place where they are used.
  case torchinfo
  /// thop: also normalisation with 4 an element, average pooling and softmax.
  case thop
  /// PyTorch's `FlopCounterMode`: multiplication and addition counted apart.
  case flops

  /// What a count consists of.
  public enum Part: String, Sendable, Hashable, CaseIterable {
    /// Multiply-accumulates of convolutions.
    case convolution
    /// Multiply-accumulates of fully connected layers.
    case linear
    /// Multiply-accumulates of other matrix products.
    case matmul
    /// Additions of biases in convolutions.
    case convolutionBias
    /// Additions of biases in fully connected layers.
    case linearBias
    /// Batch norm.
    case batchNorm
    /// Layer norm.
    case layerNorm
    /// Average pooling.
    case averagePool
    /// Softmax.
    case softmax
  }

  /// What the tool counts, in a sentence.
  public var rule: String {
    switch self {
    case .torchvision: "multiply-accumulates of convolutions and matrix products, without biases"
    case .fvcore:
      "also batch norm with 2 an element, layer norm with 5, adaptive average pooling with 1 an input element"
    case .torchinfo:
      "all parameters of a layer, biases and normalisation too, once for each sample and place of its map"
    case .thop:
      "also normalisation with 4 an element, average pooling (an addition an input element, a division)"
    case .flops: "multiplications and additions apart, so twice the multiply-accumulates"
    }
  }
}

/// A number of operations for each convention.
public struct OperationCounts: Sendable, Hashable {
  private var torchvision = 0
  private var fvcore = 0
  private var torchinfo = 0
  private var thop = 0
  private var flops = 0

  /// Creates counts of zero.
  public init() {}

  /// The number of a convention.
  public subscript(convention: CountingConvention) -> Int {
    get {
      switch convention {
      case .torchvision: torchvision
      case .fvcore: fvcore
      case .torchinfo: torchinfo
      case .thop: thop
      case .flops: flops
      }
    }
    set {
      switch convention {
      case .torchvision: torchvision = newValue
      case .fvcore: fvcore = newValue
      case .torchinfo: torchinfo = newValue
      case .thop: thop = newValue
      case .flops: flops = newValue
      }
    }
  }

  static func += (a: inout OperationCounts, b: OperationCounts) {
    a.torchvision += b.torchvision
    a.fvcore += b.fvcore
    a.torchinfo += b.torchinfo
    a.thop += b.thop
    a.flops += b.flops
  }
}

extension CountingConvention {
  /// What a node of a trace counts; `macs` are its multiply-accumulates.
  func parts(_ node: Node, macs: Int, in trace: NetworkTrace) -> [(part: Part, count: Int)] {
    let graph = trace.graph
    let elements = node.type.shape.elementCount
    switch node.op {
    case .conv2d(let settings, _):
      return products(.convolution, macs, bias: settings.hasBias ? elements : 0, node, trace)
    case .linear(let hasBias, _):
      guard self == .torchinfo else { return products(.linear, macs, bias: 0, node, trace) }
      // It multiplies by the size of the first axis alone, also where rows have more axes.
      let weights = graph[node.operands[1]].type.shape
      let samples = node.type.shape.rank > 1 ? node.type.shape[0] : 1
      return products(
        .linear, samples * weights.elementCount, bias: hasBias ? samples * weights[0] : 0, node, trace)
    case .matmul: return self == .torchinfo ? [] : products(.matmul, macs, bias: 0, node, trace)
    case .batchNorm(_, let isAffine):
      return normalisation(.batchNorm, each: isAffine ? 2 : 1, isAffine, node, trace)
    case .layerNorm(_, let isAffine):
      return normalisation(.layerNorm, each: isAffine ? 5 : 4, isAffine, node, trace)
    case .averagePool2d(let pooling):
      guard self == .thop, trace.modules[node.origin.call] is AvgPool2d else { return [] }
      let image = graph[node.operands[0]].type.shape
      return [
        (.averagePool, image[0] * image[1] * pooling.coveredElements(image, node.type.shape) + elements)
      ]
    case .adaptiveAveragePool2d:
      let image = graph[node.operands[0]].type.shape
      if self == .fvcore { return [(.averagePool, image.elementCount)] }
      guard self == .thop, trace.modules[node.origin.call] is AdaptiveAvgPool2d else { return [] }
      let windows = coverage(image[2], node.type.shape[2]) * coverage(image[3], node.type.shape[3])
      return [(.averagePool, image[0] * image[1] * windows + elements)]
    case .softmax(let axis, let logarithm):
      guard self == .thop, elements > 0 else { return [] }
      let rows = elements / node.type.shape[axis]
      return [(.softmax, 3 * elements - rows + (logarithm ? rows : 0))]
    case .input, .variable, .full, .unary, .activation, .clamp, .binary, .select, .cast, .reduce, .argReduce,
      .topK, .reshape, .permute, .broadcast, .slice, .concatenate, .pad, .indexSelect, .maxPool2d,
      .batchMoments, .crossRank, .dropout,
      .unslice, .indexAdd, .conv2dImageGradient, .conv2dWeightGradient, .conv2dBiasGradient,
      .activationGradient, .maxPool2dGradient, .averagePool2dGradient, .adaptiveAveragePool2dGradient,
      .batchNormGradient:
      return []
    }
  }

  private func products(
    _ part: Part, _ macs: Int, bias: Int, _ node: Node, _ trace: NetworkTrace
  ) -> [(part: Part, count: Int)] {
    switch self {
    case .torchvision, .fvcore, .thop: return [(part, macs)]
    case .flops: return [(part, 2 * macs)]
    case .torchinfo:
      guard isInLeaf(node, trace) else { return [] }
      return [(part, macs)] + (bias > 0 ? [(part == .linear ? .linearBias : .convolutionBias, bias)] : [])
    }
  }

  private func normalisation(
    _ part: Part, each: Int, _ isAffine: Bool, _ node: Node, _ trace: NetworkTrace
  ) -> [(part: Part, count: Int)] {
    let elements = node.type.shape.elementCount
    switch self {
    case .torchvision, .flops: return []
    case .fvcore: return [(part, each * elements)]
    case .thop:
      let module = trace.modules[node.origin.call]
      guard module is BatchNorm2d || module is LayerNorm else { return [] }
      return [(part, (isAffine ? 4 : 2) * elements)]
    case .torchinfo:
      guard isAffine, isInLeaf(node, trace) else { return [] }
      let parameters = node.operands.suffix(2).reduce(0) { sum, operand in
        if case .full = trace.graph[operand].op { return sum }
        return sum + trace.graph[operand].type.shape.elementCount
      }
      return [(part, (node.type.shape.first ?? 1) * parameters)]
    }
  }

  /// torchinfo looks at modules without children alone.
  private func isInLeaf(_ node: Node, _ trace: NetworkTrace) -> Bool {
    trace.modules[node.origin.call]?.children.isEmpty ?? false
  }
}

/// Elements that the windows of adaptive pooling cover along an axis, those of overlaps once for each.
private func coverage(_ size: Int, _ count: Int) -> Int {
  (0..<count).reduce(0) { sum, window in
    sum + (((window + 1) * size + count - 1) / count) - window * size / count
  }
}

extension Pooling {
  /// Elements that the windows cover in one channel, zeros of the border among them where those count.
  fileprivate func coveredElements(_ image: Shape, _ output: Shape) -> Int {
    func covered(_ size: Int, _ count: Int, _ kernel: Int, _ stride: Int, _ padding: Int) -> Int {
      let (lower, upper) = countsPadding ? (-padding, size + padding) : (0, size)
      return (0..<count).reduce(0) { sum, window in
        let start = window * stride - padding
        return sum + max(min(start + kernel, upper) - max(start, lower), 0)
      }
    }
    return covered(image[2], output[2], kernel.height, stride.height, padding.height)
      * covered(image[3], output[3], kernel.width, stride.width, padding.width)
  }
}
