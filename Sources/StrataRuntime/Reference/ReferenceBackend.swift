import StrataCore
import StrataGraph
import StrataPasses

/// The engine of last resort and first principles: plain loops, one node at a time.
public struct ReferenceBackend: Backend {
  /// Creates the backend, which keeps nothing.
  public init() {}

  /// `reference`.
  public var name: String { "reference" }

  /// It takes whatever the passes fuse.
  public var capabilities: BackendCapabilities { BackendCapabilities(fusesEpilogues: true) }

  /// Keeps the plan as it is.
  public func compile(_ plan: Plan) throws(StrataError) -> any Executable { Interpreter(plan: plan) }
}

private struct Interpreter: Executable {
  let plan: Plan

  func run(_ leaves: [LeafValue]) throws(StrataError) -> [HostTensor] {
    let nothing = HostTensor.zeros([0])
    var values = [HostTensor](repeating: nothing, count: plan.graph.nodes.count)
    for (index, node) in plan.graph.nodes.enumerated() {
      values[index] =
        switch node.op.leafSlot {
        case .input(let slot), .variable(let slot): try leaf(leaves, slot, node.type)
        case nil: try evaluate(node, node.operands.map { values[$0.index] })
        }
      for id in node.operands where plan.lastUse[id.index] == index { values[id.index] = nothing }
      if plan.lastUse[index] == index { values[index] = nothing }
    }
    return plan.graph.results.map { values[$0.index] }
  }

  private func evaluate(_ node: Node, _ operands: [HostTensor]) throws(StrataError) -> HostTensor {
    do throws(StrataError) {
      return try ReferenceKernels.evaluate(node.op, operands, node.type)
    } catch {
      throw node.origin.labelling(error)
    }
  }

  private func leaf(
    _ leaves: [LeafValue], _ slot: Int, _ type: TensorType
  ) throws(StrataError) -> HostTensor {
    guard leaves.indices.contains(slot) else {
      throw StrataError(.engine, "the plan has a leaf \(slot), but there are values for \(leaves.count)")
    }
    let value = leaves[slot].value
    guard value.shape == type.shape, value.dtype == type.dtype else {
      let found = TensorType(value.shape, value.dtype)
      throw StrataError(.engine, "leaf \(slot) is \(type), but its value is \(found)")
    }
    return value
  }
}
