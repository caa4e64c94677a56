import StrataCore
import StrataGraph

/// Replaces operations that give back their operand by the operand.
func simplified(_ graph: Graph) -> Graph {
  var rewriter = Rewriter(graph)
  for index in graph.nodes.indices {
    let node = graph.nodes[index]
    if let operand = node.operands.first, isIdentity(node, of: graph[operand].type) {
      rewriter.replace(NodeID(index), by: rewriter.place(of: operand))
    } else {
      rewriter.copy(NodeID(index))
    }
  }
  return rewriter.finished()
}

private func isIdentity(_ node: Node, of operand: TensorType) -> Bool {
  switch node.op {
  case .reshape, .broadcast, .cast: node.type == operand
  case .permute(let axes): axes == Array(axes.indices)
  case .slice(let starts, _, let steps):
    node.type == operand && starts.allSatisfy { $0 == 0 } && steps.allSatisfy { $0 == 1 }
  case .pad(let before, let after, _): (before + after).allSatisfy { $0 == 0 }
  case .concatenate: node.operands.count == 1
  case .adaptiveAveragePool2d(let size):
    operand.shape[2] == size.height && operand.shape[3] == size.width
  case .dropout(let probability): probability == 0
  case .input, .variable, .full, .unary, .activation, .clamp, .binary, .select, .reduce, .argReduce, .topK,
    .softmax, .indexSelect, .unslice, .indexAdd, .matmul, .conv2d, .linear, .maxPool2d, .averagePool2d,
    .batchNorm, .layerNorm, .batchMoments, .conv2dImageGradient, .conv2dWeightGradient, .conv2dBiasGradient,
    .activationGradient, .maxPool2dGradient, .averagePool2dGradient, .adaptiveAveragePool2dGradient,
    .batchNormGradient, .crossRank:
    false
  }
}

/// Computes operations with equal settings and operands once. Random operations carry their key as an
/// operand, so equal ones are truly equal.
func withoutCommonSubexpressions(_ graph: Graph) -> Graph {
  struct Expression: Hashable {
    let op: Op
    let bits: UInt64?
    let operands: [NodeID]
  }
  var rewriter = Rewriter(graph)
  var known: [Expression: NodeID] = [:]
  for (index, node) in graph.nodes.enumerated() {
    let (op, bits) = node.op.identity
    let expression = Expression(op: op, bits: bits, operands: node.operands.map(rewriter.place(of:)))
    if let place = known[expression] {
      rewriter.replace(NodeID(index), by: place)
    } else {
      rewriter.copy(NodeID(index))
      known[expression] = rewriter.place(of: NodeID(index))
    }
  }
  return rewriter.finished()
}

/// Keeps what the results need, and every leaf: leaf slots are the run's argument list.
func withoutDeadCode(_ graph: Graph) -> Graph {
  var rewriter = Rewriter(graph)
  for index in graph.nodes(behind: graph.results) { rewriter.copy(NodeID(index)) }
  return rewriter.finished()
}

extension Graph {
  /// The nodes that some values are computed from, and they themselves, in order; not what lies behind `end`.
  func nodes(behind values: [NodeID], stoppingAt end: NodeID? = nil) -> [Int] {
    var isNeeded = [Bool](repeating: false, count: nodes.count)
    for value in values { isNeeded[value.index] = true }
    for (index, node) in nodes.enumerated().reversed() where isNeeded[index] && NodeID(index) != end {
      for operand in node.operands { isNeeded[operand.index] = true }
    }
    return nodes.indices.filter { isNeeded[$0] }
  }
}
