import StrataCore
import StrataGraph

/// The memory that a run of a plan will take for intermediate results, foretold without preparing the plan.
public struct WorkspaceForecast: Sendable {
  private let plan: Plan
  /// The node at whose turn each node is computed: itself, or another with which it is one step.
  public var turns: [Int]
  /// Bytes that are needed besides at each node's turn.
  public var scratchByteCounts: [Int]

  /// The value over which a node's result is written, for nodes that do so: one that is not read afterwards.
  public var overwritten: [Int: Int] = [:]

  /// Bytes of the plans that a plan is computed in, where it is cut.
  public var partsByteCount: Int?

  /// Begins with every node as a step of its own that needs nothing besides.
  public init(_ plan: Plan) {
    self.plan = plan
    turns = Array(plan.graph.nodes.indices)
    scratchByteCounts = Array(repeating: 0, count: turns.count)
  }

  /// Bytes of the block that holds all intermediate results, each where nothing alive lies.
  public var byteCount: Int {
    if let partsByteCount { return partsByteCount }
    let graph = plan.graph
    let results = Set(graph.results)
    /// The node in whose memory each value lies; nil where that is no part of the block.
    var homes = [Int?](repeating: nil, count: graph.nodes.count)
    var ends = turns
    for (index, node) in graph.nodes.enumerated() where node.op.leafSlot == nil && !plan.isConstant[index] {
      for operand in node.operands {
        if let home = homes[operand.index] { ends[home] = max(ends[home], turns[index]) }
      }
      if node.sharesMemory {
        homes[index] = node.operands.first.flatMap { homes[$0.index] }
      } else if let residual = node.residual, plan.lastUse[residual.index] == index,
        let home = homes[residual.index]
      {
        // The sum is written over the residual, which nobody reads any more.
        homes[index] = home
      } else if let value = overwritten[index], let home = homes[value] {
        homes[index] = home
      } else if !results.contains(NodeID(index)), !staysInStep(index) {
        homes[index] = index
      }
      if let home = homes[index] { ends[home] = max(ends[home], turns[index]) }
    }
    var requests: [MemoryPlan.Request] = []
    for index in graph.nodes.indices {
      if homes[index] == index {
        let size = graph.nodes[index].type.byteCount
        requests.append(MemoryPlan.Request(size: size, first: turns[index], last: ends[index]))
      }
      if scratchByteCounts[index] > 0 {
        requests.append(
          MemoryPlan.Request(size: scratchByteCounts[index], first: turns[index], last: turns[index]))
      }
    }
    return MemoryPlan(requests).byteCount
  }

  /// The multiply-accumulates of the step at a node's turn.
  public func multiplyAccumulates(at turn: Int) -> Int {
    members(of: turn).reduce(0) { sum, index in
      let node = plan.graph.nodes[index]
      return sum + node.op.multiplyAccumulates(plan.graph.operandTypes(node), node.type)
    }
  }

  /// Bytes that the step at a node's turn reads and writes if it touches each value once.
  public func movedByteCount(at turn: Int) -> Int {
    let members = self.members(of: turn)
    let values = Set(members.flatMap { plan.graph.nodes[$0].operands.map(\.index) } + members)
    return values.filter { turns[$0] != turn || !staysInStep($0) }
      .reduce(0) { $0 + plan.graph.nodes[$1].type.byteCount }
  }

  private func members(of turn: Int) -> [Int] { turns.indices.filter { turns[$0] == turn } }

  /// Whether a value is read within the step that computes it alone, and never lies in memory as a whole.
  private func staysInStep(_ index: Int) -> Bool {
    let reader = plan.lastUse[index]
    return reader != index && reader < turns.count && turns[reader] == turns[index]
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
