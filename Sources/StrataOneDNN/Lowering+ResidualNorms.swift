import StrataCore
import StrataGraph
import StrataKernels
import StrataPasses

/// Batch norms of a batch's own moments with the sum and the rectifier behind them, as residual blocks end: what the
/// norm gives is never stored.
struct ResidualNorms {
  struct Tail {
    let norm: NodeID
    let sum: NodeID
    let rectifier: NodeID
    /// What is added.
    let residual: NodeID
  }
  /// What follows the node that takes each batch's moments.
  private(set) var tails: [NodeID: Tail] = [:]

  /// Finds norms that only a sum reads, which only a rectifier reads; `norms` are those behind the moments.
  init(_ plan: Plan, _ norms: [NodeID: NodeID]) {
    let graph = plan.graph
    let uses = graph.useCounts()
    for (moments, norm) in norms {
      let type = graph[norm].type
      let sum = plan.lastUse[norm.index]
      guard type.shape.rank == 4, type.shape[1] % 16 == 0, Lowering.isNative(type), uses[norm.index] == 1,
        sum < graph.nodes.count, case .binary(.add) = graph.nodes[sum].op, uses[sum] == 1,
        plan.lastUse[sum] < graph.nodes.count
      else { continue }
      let last = plan.lastUse[sum]
      guard case .activation(.relu) = graph.nodes[last].op,
        let residual = graph.nodes[sum].operands.first(where: { $0 != norm }),
        graph[residual].type == type, residual < moments, !graph.results.contains(norm),
        !graph.results.contains(NodeID(sum)), !plan.isConstant[moments.index]
      else { continue }
      tails[moments] = Tail(norm: norm, sum: NodeID(sum), rectifier: NodeID(last), residual: residual)
    }
  }

  /// No norms.
  init() {}

  /// The nodes that are lowered with the moments, besides the norms.
  var taken: Set<Int> { Set(tails.values.flatMap { [$0.sum.index, $0.rectifier.index] }) }
}

extension Lowering {
  /// The batch norm behind each node that takes its moments, where both are of the same images.
  static func normalisations(of graph: Graph) -> [NodeID: NodeID] {
    var found: [NodeID: NodeID] = [:]
    for (index, node) in graph.nodes.enumerated() {
      if case .batchNorm = node.op, let moments = graph.nodes.momentsBehind(0, node.operands[1]),
        graph.nodes.momentsBehind(1, node.operands[2]) == moments,
        graph[moments].operands[0] == node.operands[0]
      {
        found[moments] = NodeID(index)
      }
    }
    return found
  }

  /// Takes a batch's moments, normalises it, adds a residual and rectifies; nil where oneDNN's norm is needed.
  mutating func lowerResidualNorm(_ node: Node) throws(StrataError) -> SlotID? {
    guard let tail = residualNorms.tails[NodeID(self.node)], slots[tail.residual.index] != nil,
      case .batchNorm(let epsilon, _) = plan.graph[tail.norm].op
    else { return nil }
    let affine = plan.graph[tail.norm].operands.dropFirst(3)
    let source = slot(of: node.operands[0])
    let layout = try layout(of: source)
    let type = plan.graph[tail.norm].type
    guard affine.allSatisfy({ slots[$0.index] != nil }), layout == (try Layout.blocked(type.shape)) else {
      return nil
    }
    let residual = try reorder(slot(of: tail.residual), to: layout)
    let moments = makeSlot(node.type, try Layout.plain(node.type.shape))
    let result = makeSlot(type, layout)
    var memory = [source, moments, result]
    for operand in affine { memory.append(try plainSlot(of: operand)) }
    let job = rules.residualNorm(type.shape, epsilon: epsilon)
    append(.kernel(NormKernel(job: job, isAffine: !affine.isEmpty, hasResidual: true), memory + [residual]))
    for node in [tail.norm, tail.sum, tail.rectifier] { slots[node.index] = result }
    return moments
  }
}
