import StrataCore
import StrataGraph

/// Moves every contribution to a sum over processes directly behind the operation that computes it.
///
/// Gradients are handed over in nodes behind the whole backward pass; moved up, they travel while it goes on.
/// All other nodes keep their order.
func contributingEarly(_ graph: Graph) -> Graph {
  var followers: [NodeID: [NodeID]] = [:]
  for (index, node) in graph.nodes.enumerated() where node.op.isContribution {
    followers[node.operands[0], default: []].append(NodeID(index))
  }
  guard !followers.isEmpty else { return graph }
  var rewriter = Rewriter(graph)
  for (index, node) in graph.nodes.enumerated() where !node.op.isContribution {
    rewriter.copy(NodeID(index))
    for follower in followers[NodeID(index)] ?? [] { rewriter.copy(follower) }
  }
  return rewriter.finished()
}

extension Op {
  fileprivate var isContribution: Bool {
    if case .crossRank(.contribute) = self { true } else { false }
  }
}
