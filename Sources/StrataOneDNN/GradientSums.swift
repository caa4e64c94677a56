import StrataGraph
import StrataPasses

/// Image gradients of convolutions that are added to another gradient, of which a rectifier's gradient then keeps a
/// part, as at the beginnings of residual blocks: neither gradient nor sum are read by anything else.
struct GradientSums {
  struct Tail {
    /// The other gradient.
    let other: NodeID
    let sum: NodeID
    /// What the rectifier gave.
    let rectified: NodeID
    /// The rectifier's gradient.
    let step: NodeID
  }
  /// What follows each image gradient.
  private(set) var tails: [NodeID: Tail] = [:]

  /// Finds those of a plan that a kernel can do.
  init(_ plan: Plan, where canCompute: (Int) -> Bool) {
    let graph = plan.graph
    let uses = graph.useCounts()
    for (index, node) in graph.nodes.enumerated() {
      guard case .conv2dImageGradient = node.op, !plan.isConstant[index], uses[index] == 1,
        let sum = GradientSums.reader(of: index, in: plan), uses[sum] == 1,
        let step = GradientSums.reader(of: sum, in: plan),
        case .binary(.add) = graph.nodes[sum].op, case .activationGradient(.relu) = graph.nodes[step].op,
        let other = graph.nodes[sum].operands.first(where: { $0 != NodeID(index) }), other < NodeID(index),
        graph.nodes[step].operands[1] == NodeID(sum), canCompute(index)
      else { continue }
      let rectified = graph.nodes[step].operands[0]
      guard [other, rectified, NodeID(sum)].allSatisfy({ graph[$0].type == node.type }) else { continue }
      tails[NodeID(index)] = Tail(
        other: other, sum: NodeID(sum), rectified: rectified, step: NodeID(step))
    }
  }

  /// None.
  init() {}

  /// The node that reads a value last, unless the value is a result.
  private static func reader(of index: Int, in plan: Plan) -> Int? {
    let last = plan.lastUse[index]
    return last < plan.graph.nodes.count ? last : nil
  }

  /// The nodes that are lowered with the image gradients.
  var taken: Set<Int> { Set(tails.values.flatMap { [$0.sum.index, $0.step.index] }) }
}
