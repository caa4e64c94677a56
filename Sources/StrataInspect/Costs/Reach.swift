import StrataCore
import StrataGraph

/// What a value sees of the image: the window behind one of its elements, and how far apart windows lie.
struct Reach: Sendable, Hashable {
  /// The height and width of the window, in pixels of the image; nil for the whole image.
  var field: IntPair?
  /// The distance between the windows of neighbours.
  var stride: IntPair

  /// A pixel.
  static let pixel = Reach(field: 1, stride: 1)
  /// All of the image.
  static let whole = Reach(field: nil, stride: 1)

  /// Behind windows of some size and stride over this value.
  func behind(kernel: IntPair, stride: IntPair, dilation: IntPair) -> Reach {
    guard let field else { return self }
    return Reach(
      field: IntPair(
        field.height + (kernel.height - 1) * dilation.height * self.stride.height,
        field.width + (kernel.width - 1) * dilation.width * self.stride.width),
      stride: IntPair(self.stride.height * stride.height, self.stride.width * stride.width))
  }

  /// The larger of two branches. A branch that sees the whole image, as a factor for each channel does, does not
  /// count beside one that does not.
  func joined(_ other: Reach) -> Reach {
    guard let a = field else { return other }
    guard let b = other.field else { return self }
    return Reach(
      field: IntPair(max(a.height, b.height), max(a.width, b.width)),
      stride: IntPair(max(stride.height, other.stride.height), max(stride.width, other.stride.width)))
  }

  /// What each node of a graph sees of the input; nil for what does not depend on it.
  static func of(_ graph: Graph) -> [Reach?] {
    var reaches: [Reach?] = []
    reaches.reserveCapacity(graph.nodes.count)
    for node in graph.nodes {
      if case .input = node.op {
        // A random key or another setting is no image.
        reaches.append(node.type.shape.rank >= 2 ? .pixel : nil)
        continue
      }
      let operands = node.operands.compactMap { reaches[$0.index] }
      guard let first = operands.first else {
        reaches.append(nil)
        continue
      }
      let joined = operands.dropFirst().reduce(first) { $0.joined($1) }
      reaches.append(joined.after(node, in: graph))
    }
    return reaches
  }

  private func after(_ node: Node, in graph: Graph) -> Reach {
    let operand = node.operands.first.map { graph[$0].type.shape } ?? []
    switch node.op {
    case .conv2d(let settings, _):
      let weights = graph[node.operands[1]].type.shape
      return behind(
        kernel: IntPair(weights[2], weights[3]), stride: settings.stride, dilation: settings.dilation)
    case .maxPool2d(let pooling), .averagePool2d(let pooling):
      return behind(kernel: pooling.kernel, stride: pooling.stride, dilation: pooling.dilation)
    case .adaptiveAveragePool2d(let size):
      if size.height == operand[2], size.width == operand[3] { return self }
      if size == 1 { return .whole }
      func window(_ size: Int, _ count: Int) -> Int { (size + count - 1) / max(count, 1) }
      return behind(
        kernel: IntPair(window(operand[2], size.height), window(operand[3], size.width)),
        stride: IntPair(max(1, operand[2] / size.height), max(1, operand[3] / size.width)), dilation: 1)
    case .reduce(_, let axes, _):
      return operand.rank == 4 && axes.contains { $0 > 1 } ? .whole : self
    case .reshape(let shape):
      // Flattening mixes places, unless there is but one.
      let isMixed = shape.rank < 3 && operand.rank > 2 && operand.dropFirst(2).contains { $0 > 1 }
      return isMixed ? .whole : self
    case .slice(_, _, let steps):
      guard operand.rank == 4 else { return self }
      return behind(kernel: 1, stride: IntPair(steps[2], steps[3]), dilation: 1)
    case .matmul: return .whole
    case .input, .variable, .full, .unary, .activation, .clamp, .binary, .select, .cast, .argReduce, .topK,
      .softmax, .permute, .broadcast, .concatenate, .pad, .indexSelect, .linear, .batchNorm, .layerNorm,
      .batchMoments, .crossRank, .dropout,
      .unslice, .indexAdd, .conv2dImageGradient, .conv2dWeightGradient, .conv2dBiasGradient,
      .activationGradient, .maxPool2dGradient, .averagePool2dGradient, .adaptiveAveragePool2dGradient,
      .batchNormGradient:
      return self
    }
  }
}

extension Node {
  /// Whether the operation looks at windows, so that its result is a map.
  var makesMap: Bool {
    switch op {
    case .conv2d, .maxPool2d, .averagePool2d: true
    default: false
    }
  }
}
