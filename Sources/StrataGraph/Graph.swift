import StrataCore

/// A program: operations in an order in which each follows its operands. Immutable once built.
public struct Graph: Sendable {
  /// The operations; operands lie before their users.
  public var nodes: [Node]
  /// The values that were asked for.
  public var outputs: [NodeID]
  /// New values of variables, which every pass keeps: running statistics, optimiser state, parameters.
  public var stateUpdates: [NodeID]

  /// Creates a graph.
  public init(nodes: [Node] = [], outputs: [NodeID] = [], stateUpdates: [NodeID] = []) {
    self.nodes = nodes
    self.outputs = outputs
    self.stateUpdates = stateUpdates
  }

  /// The operation with an id.
  public subscript(id: NodeID) -> Node {
    get { nodes[id.index] }
    set { nodes[id.index] = newValue }
  }

  /// All values that must exist after a run: outputs, then state updates.
  public var results: [NodeID] { outputs + stateUpdates }

  /// The node's operands' types.
  public func operandTypes(_ node: Node) -> [TensorType] { node.operands.map { self[$0].type } }

  /// How many times each node's value is read: by nodes, or as a result.
  public func useCounts() -> [Int] {
    var counts = [Int](repeating: 0, count: nodes.count)
    for node in nodes { for operand in node.operands { counts[operand.index] += 1 } }
    for result in results { counts[result.index] += 1 }
    return counts
  }

  /// Appends a node of known operands and infers its type.
  public mutating func append(
    _ op: Op, _ operands: [NodeID], origin: ModuleOrigin = .none
  ) throws(StrataError) -> NodeID {
    let type = try op.resultType(operands.map { self[$0].type })
    nodes.append(Node(op: op, operands: operands, type: type, origin: origin))
    return NodeID(nodes.count - 1)
  }
}

extension Graph: CustomStringConvertible {
  /// One line a node: `%3 float32[1, 64, 56, 56] = conv2d(…)(%0, %1)  layer1.0.conv1 (Conv2d)`.
  public var description: String {
    var lines = nodes.enumerated().map { index, node in
      let operands = node.operands.map(\.description).joined(separator: ", ")
      let label = node.origin.label
      return "%\(index) \(node.type) = \(node.op)(\(operands))" + (label.isEmpty ? "" : "  \(label)")
    }
    lines.append("return " + outputs.map(\.description).joined(separator: ", "))
    if !stateUpdates.isEmpty {
      lines.append("update " + stateUpdates.map(\.description).joined(separator: ", "))
    }
    return lines.joined(separator: "\n")
  }
}

extension Graph {
  /// Checks what every pass must keep: operands before users, types as the rules give them, results in range.
  public func verify() throws(StrataError) {
    for (index, node) in nodes.enumerated() {
      for operand in node.operands where operand.index >= index {
        throw StrataError(.engine, "node %\(index) reads \(operand), which does not lie before it")
      }
      if node.op.leafSlot != nil { continue }
      let expected = try node.op.resultType(operandTypes(node))
      guard expected == node.type else {
        throw StrataError(
          .engine, "node %\(index) is marked \(node.type), but its operation gives \(expected)")
      }
    }
    for result in results where result.index >= nodes.count {
      throw StrataError(.engine, "the result \(result) does not exist")
    }
  }

  /// What tells plans apart: operations, operands and types, but neither values nor module names.
  public var structuralKey: StructuralKey { StructuralKey(self) }
}

/// The identity of a graph's structure, hashed once.
public struct StructuralKey: Hashable, Sendable {
  private let graph: Graph
  private let digest: Int

  init(_ graph: Graph) {
    var hasher = Hasher()
    for node in graph.nodes {
      let (op, bits) = node.op.identity
      hasher.combine(op)
      if let bits { hasher.combine(bits) }
      hasher.combine(node.operands)
      hasher.combine(node.type)
    }
    hasher.combine(graph.outputs)
    hasher.combine(graph.stateUpdates)
    self.graph = graph
    digest = hasher.finalize()
  }

  /// Adds the hash that was made with the key.
  public func hash(into hasher: inout Hasher) { hasher.combine(digest) }

  /// Whether two graphs have the same structure.
  public static func == (a: StructuralKey, b: StructuralKey) -> Bool {
    a.digest == b.digest && a.graph.outputs == b.graph.outputs && a.graph.stateUpdates == b.graph.stateUpdates
      && a.graph.nodes.elementsEqual(b.graph.nodes) { a, b in
        a.operands == b.operands && a.type == b.type && a.op.identity == b.op.identity
      }
  }
}

extension Op {
  /// What tells operations apart: the operation without the number that it writes, and that number's bits.
  /// By `==`, zeros of both signs would be the same, and NaN would not be itself.
  package var identity: (op: Op, bits: UInt64?) {
    if case .full(let shape, let dtype, let value) = self {
      return (.full(shape, dtype, 0), value.bitPattern)
    }
    if case .pad(let before, let after, let value) = self {
      return (.pad(before: before, after: after, value: 0), value.bitPattern)
    }
    return (self, nil)
  }
}
