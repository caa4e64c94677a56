import StrataCore
import StrataGraph
import StrataPasses
import StrataRuntime

/// The memory and traffic of a forward pass, predicted from the plan that the engine makes of its graph.
struct InferenceMemory {
  /// Bytes of the block that holds all intermediate results and what kernels need besides, each where nothing
  /// alive lies.
  let peakByteCount: Int
  /// Bytes that move if every operation reads its operands and writes its result once.
  let movedByteCount: Int

  /// Plans as the engine does, and has its backend foretell the memory.
  init(_ graph: Graph) throws(StrataError) {
    let backend = Engine.configuration.backend
    var pipeline = Engine.configuration.pipeline
    pipeline.isVerified = false
    let plan = try pipeline.plan(graph, for: backend.capabilities)
    peakByteCount = backend.forecast(plan).byteCount
    movedByteCount = Self.movedByteCount(plan)
  }

  private static func movedByteCount(_ plan: Plan) -> Int {
    var moved = 0
    for (index, node) in plan.graph.nodes.enumerated()
    where node.op.leafSlot == nil && !plan.isConstant[index] {
      if case .reshape = node.op { continue }
      moved += node.type.byteCount
      for operand in Set(node.operands) { moved += plan.graph[operand].type.byteCount }
    }
    return moved
  }
}
