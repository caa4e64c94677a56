import COneDNN
import StrataCore
import StrataGraph
import StrataPasses

/// How the gradient of a norm tells what the rectifier behind the norm kept.
enum NormRectifier {
  /// By a bit for each element that oneDNN stored.
  case bits(SlotID)
  /// It computes the norm again.
  case recomputed
}

/// Batch norms of a batch's own moments with the rectifier that follows: both are done in one pass, forward and
/// backward, and what the norm gave is never stored.
struct RectifiedNorms {
  /// The rectifier behind each norm.
  private(set) var rectifiers: [NodeID: NodeID] = [:]
  /// The norm behind each gradient of its rectifier.
  private(set) var gradients: [NodeID: NodeID] = [:]

  /// Finds norms whose rectifier alone reads them, and whose rectifier's gradient only they read.
  init(_ plan: Plan, _ norms: some Sequence<NodeID>) {
    let nodes = plan.graph.nodes
    let wanted = Set(norms)
    let results = Set(plan.graph.results)
    var users: [NodeID: [NodeID]] = [:]
    for (index, node) in nodes.enumerated() {
      for operand in Set(node.operands) { users[operand, default: []].append(NodeID(index)) }
    }
    for norm in wanted {
      guard let readers = users[norm], readers.count == 1, !results.contains(norm),
        case .activation(.relu) = nodes[readers[0].index].op,
        case .batchNorm(let epsilon, let isAffine) = nodes[norm.index].op
      else { continue }
      let rectifier = readers[0]
      let steps = (users[rectifier] ?? []).filter {
        guard case .activationGradient(.relu) = nodes[$0.index].op else { return false }
        return nodes[$0.index].operands[0] == rectifier
      }
      let operands = nodes[norm.index].operands
      let isWhole = steps.allSatisfy { step in
        guard nodes[step.index].operands[1] != rectifier, !results.contains(step) else { return false }
        return (users[step] ?? []).allSatisfy { user in
          guard case .batchNormGradient(_, epsilon, isAffine) = nodes[user.index].op else { return false }
          return nodes[user.index].operands
            == [operands[0], step, operands[1], operands[2]] + operands.dropFirst(3).prefix(1)
        }
      }
      guard isWhole else { continue }
      rectifiers[norm] = rectifier
      for step in steps { gradients[step] = norm }
    }
  }

  /// No norms.
  init() {}

  /// The nodes that are lowered with their norm.
  var taken: Set<Int> { Set(rectifiers.values.map(\.index) + gradients.keys.map(\.index)) }
}

extension Lowering {
  /// The norm that was lowered together with the rectifier that is being lowered.
  var rectifiedNorm: NodeID? {
    let norm = current.operands[0]
    return rectifiedNorms.rectifiers[norm] == NodeID(node) && rectifiers[norm] != nil ? norm : nil
  }

  /// Notes that nodes to come may ask for values again.
  mutating func share(_ parts: [SlotID]) {
    for part in parts {
      if case .workspace(let storage) = program.slots[part].home { sharedStorages.insert(storage) }
    }
  }
}
