import StrataCore
import StrataGraph
import StrataPasses

/// The memory and traffic of a forward pass, predicted from the plan that the engine makes of its graph.
struct InferenceMemory {
  /// Bytes of the block that holds all intermediate results, each where nothing alive lies.
  let peakByteCount: Int
  /// Bytes that move if every operation reads its operands and writes its result once.
  let movedByteCount: Int

  /// Plans with all passes, for an engine that fuses what follows a convolution into it.
  init(_ graph: Graph) throws(StrataError) {
    var pipeline = Pipeline.optimised
    pipeline.isVerified = false
    self.init(try pipeline.plan(graph, for: BackendCapabilities(fusesEpilogues: true)))
  }

  init(_ plan: Plan) {
    let graph = plan.graph
    let lastUse = plan.lastUse
    let results = Set(graph.results)
    /// The node in whose memory each value lies; nil where that is no part of the block.
    var homes = [Int?](repeating: nil, count: graph.nodes.count)
    var sizes = [Int](repeating: 0, count: graph.nodes.count)
    var ends = [Int](repeating: 0, count: graph.nodes.count)
    var moved = 0
    for (index, node) in graph.nodes.enumerated() where node.op.leafSlot == nil && !plan.isConstant[index] {
      if node.sharesMemory {
        homes[index] = node.operands.first.flatMap { homes[$0.index] }
      } else {
        moved += node.type.byteCount
        for operand in Set(node.operands) { moved += graph[operand].type.byteCount }
        if let residual = node.residual, lastUse[residual.index] == index, let home = homes[residual.index] {
          // The sum is written over the residual, which nobody reads any more.
          homes[index] = home
        } else if !results.contains(NodeID(index)) {
          homes[index] = index
          sizes[index] = node.type.byteCount
        }
      }
      for operand in node.operands {
        if let home = homes[operand.index] { ends[home] = index }
      }
      if let home = homes[index] { ends[home] = index }
    }
    let requests = sizes.indices.filter { sizes[$0] > 0 }.map {
      MemoryPlan.Request(size: sizes[$0], first: $0, last: ends[$0])
    }
    peakByteCount = MemoryPlan(requests).byteCount
    movedByteCount = moved
  }
}

extension Node {
  /// Whether the result is a view of the first operand.
  fileprivate var sharesMemory: Bool {
    if case .reshape = op { return true }
    return false
  }

  /// The operand to which a fused operation adds its result.
  fileprivate var residual: NodeID? {
    if case .conv2d(_, let epilogue) = op, epilogue.addsResidual { return operands.last }
    return nil
  }
}
