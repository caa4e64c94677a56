import StrataCore
import StrataGraph

/// Follows the axis that counts a batch from the inputs through a graph, so that a model which was traced
/// with one size can be run with any.
struct BatchAxes {
  private let graph: Graph
  private let leaves: [ONNX.Leaf]
  private let isOpen: Bool
  private var found: [Int?] = []

  init(graph: Graph, leaves: [ONNX.Leaf], isOpen: Bool) {
    self.graph = graph
    self.leaves = leaves
    self.isOpen = isOpen
  }

  /// For each node the axis whose size is the batch's, or nil.
  consuming func axes() throws(StrataError) -> [Int?] {
    guard isOpen else { return [Int?](repeating: nil, count: graph.nodes.count) }
    found.reserveCapacity(graph.nodes.count)
    let size = batchSize
    for node in graph.nodes {
      if let slot = node.op.leafSlot?.index {
        guard case .input = leaves[slot] else {
          found.append(nil)
          continue
        }
        found.append(node.type.shape.first == size ? 0 : nil)
      } else {
        found.append(try axis(of: node))
      }
    }
    return found
  }

  /// The size of the first input's first axis; others of another size are no batches.
  private var batchSize: Int? {
    for node in graph.nodes {
      if let slot = node.op.leafSlot?.index, case .input = leaves[slot], let size = node.type.shape.first {
        return size
      }
    }
    return nil
  }

  private func axis(of node: Node) throws(StrataError) -> Int? {
    // Where none of the operands has one, the result has none.
    guard node.operands.contains(where: { found[$0.index] != nil }) else { return nil }
    let first = node.operands.first.flatMap { found[$0.index] }
    switch node.op {
    case .input, .variable, .full: return nil
    case .unary, .activation, .clamp, .cast, .softmax, .dropout, .batchNorm, .layerNorm: return first
    case .conv2d, .maxPool2d, .averagePool2d, .adaptiveAveragePool2d:
      guard first == 0 else { throw obstacle(node) }
      return 0
    case .binary, .select: return try alignedAxis(node)
    case .reduce(_, let axes, let keeps): return reduced(first, axes, keeps)
    case .argReduce(_, let axis, let keeps): return reduced(first, [axis], keeps)
    case .topK(_, _, let axis): return first == axis ? nil : first
    case .reshape(let shape): return try reshaped(node, first, shape)
    case .permute(let axes): return first.flatMap { axes.firstIndex(of: $0) }
    case .broadcast(let shape):
      return first.map { $0 + shape.rank - graph[node.operands[0]].type.shape.rank }
    case .slice(let starts, let sizes, let steps):
      guard let first else { return nil }
      let isWhole = sizes[first] == graph[node.operands[0]].type.shape[first]
      return isWhole && starts[first] == 0 && steps[first] == 1 ? first : nil
    case .concatenate(let axis):
      let axes = Set(node.operands.map { found[$0.index] })
      guard axes.count == 1, first != axis else { throw obstacle(node) }
      return first
    case .pad(let before, let after, _):
      guard let first, before[first] == 0, after[first] == 0 else { throw obstacle(node) }
      return first
    case .indexSelect(let axis): return first == axis ? nil : first
    case .matmul: return try matmulAxis(node)
    case .linear:
      guard let first, first < node.type.shape.rank - 1 else { throw obstacle(node) }
      return first
    case .batchMoments, .crossRank, .unslice, .indexAdd, .conv2dImageGradient, .conv2dWeightGradient,
      .conv2dBiasGradient,
      .activationGradient, .maxPool2dGradient, .averagePool2dGradient, .adaptiveAveragePool2dGradient,
      .batchNormGradient:
      throw obstacle(node)
    }
  }

  private func obstacle(_ node: Node) -> StrataError {
    let label = node.origin.label
    return StrataError(
      .argument,
      "\(label.isEmpty ? "" : "\(label): ")the size of the batch cannot be left open through this operation; "
        + "export with a fixed one")
  }

  /// Broadcasting aligns axes from the back.
  private func alignedAxis(_ node: Node) throws(StrataError) -> Int? {
    var axes: Set<Int> = []
    for operand in node.operands {
      guard let axis = found[operand.index] else { continue }
      axes.insert(axis + node.type.shape.rank - graph[operand].type.shape.rank)
    }
    guard axes.count == 1 else { throw obstacle(node) }
    return axes.first
  }

  private func reduced(_ axis: Int?, _ axes: [Int], _ keeps: Bool) -> Int? {
    guard let axis, !axes.contains(axis) else { return nil }
    return keeps ? axis : axis - axes.count { $0 < axis }
  }

  /// The axis of the new shape with as many elements before and behind it.
  private func reshaped(_ node: Node, _ axis: Int?, _ shape: Shape) throws(StrataError) -> Int? {
    let old = graph[node.operands[0]].type.shape
    guard let axis else { return nil }
    let before = old[..<axis].reduce(1, *)
    for place in shape.indices where shape[place] == old[axis] && shape[..<place].reduce(1, *) == before {
      return place
    }
    throw obstacle(node)
  }

  private func matmulAxis(_ node: Node) throws(StrataError) -> Int? {
    let (a, b) = (graph[node.operands[0]].type.shape, graph[node.operands[1]].type.shape)
    let (inA, inB) = (found[node.operands[0].index], found[node.operands[1].index])
    var axes: Set<Int> = []
    if let inA {
      guard inA < a.rank - 1 else { throw obstacle(node) }
      axes.insert(b.rank == 1 ? inA : inA + node.type.shape.rank - max(a.rank, 2))
    }
    if let inB {
      guard b.rank > 1, inB != b.rank - 2 else { throw obstacle(node) }
      axes.insert(a.rank == 1 && inB == b.rank - 1 ? inB - 1 : inB + node.type.shape.rank - b.rank)
    }
    guard axes.count == 1 else { throw obstacle(node) }
    return axes.first
  }
}
