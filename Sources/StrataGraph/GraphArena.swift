import StrataCore
import Synchronization

/// Where tensors' nodes live while they wait for evaluation: an append-only array shared by all tensors
/// that were computed from each other. Arenas merge when an operation meets tensors of two of them.
///
/// `@unchecked Sendable` holds because every access to the stored properties happens inside `locked`.
/// The lock is held while nodes are appended or copied, never while anything is computed.
final class GraphArena: @unchecked Sendable {
  enum Leaf {
    case value(HostTensor)
    case variable(Variable)
    case placeholder
  }

  /// An object, for copies of weak references are slow.
  final class Update {
    let variable: Variable
    /// The variable alone keeps what it waits for alive: an arena that did would never be freed.
    private(set) weak var storage: TensorStorage?

    init(variable: Variable, storage: TensorStorage) {
      (self.variable, self.storage) = (variable, storage)
    }
  }

  private static let lock = Mutex(())

  static func locked<Result>(_ body: () -> Result) -> Result {
    lock.withLock { _ in body() }
  }

  var nodes: [Node] = []
  var leaves: [Leaf] = []
  var leafNodes: [ObjectIdentifier: NodeID] = [:]
  var values: [NodeID: HostTensor] = [:]
  var updates: [Update] = []
  /// Where the nodes went when another arena absorbed this one.
  var forward: (arena: GraphArena, offset: Int)?

  /// Appends a leaf, or finds the one that stands for `identity` already.
  func leaf(_ leaf: Leaf, type: TensorType, identity: AnyObject) -> NodeID {
    if let known = leafNodes[ObjectIdentifier(identity)] { return known }
    let slot = leaves.count
    leaves.append(leaf)
    let op: Op =
      switch leaf {
      case .variable: .variable(slot: slot)
      case .value, .placeholder: .input(slot: slot)
      }
    let id = append(Node(op: op, operands: [], type: type))
    leafNodes[ObjectIdentifier(identity)] = id
    keptAlive.append(identity)
    return id
  }
  /// Keeps the objects of `leafNodes` alive, so that no other takes an address of theirs.
  private var keptAlive: [AnyObject] = []

  func append(_ node: Node) -> NodeID {
    nodes.append(node)
    return NodeID(nodes.count - 1)
  }

  /// Moves all of `other` behind this arena's nodes.
  func absorb(_ other: GraphArena) {
    let offset = nodes.count
    let slotOffset = leaves.count
    nodes.reserveCapacity(offset + other.nodes.count)
    // A leaf that both have stays one: the other's users read ours.
    var shared: [NodeID: NodeID] = [:]
    for (identity, id) in other.leafNodes {
      if let known = leafNodes[identity] {
        shared[id] = known
      } else {
        leafNodes[identity] = NodeID(id.index + offset)
      }
    }
    for var node in other.nodes {
      node.operands = node.operands.map { shared[$0] ?? NodeID($0.index + offset) }
      switch node.op.leafSlot {
      case .input(let slot): node.op = .input(slot: slot + slotOffset)
      case .variable(let slot): node.op = .variable(slot: slot + slotOffset)
      case nil: break
      }
      nodes.append(node)
    }
    leaves += other.leaves
    for (id, value) in other.values { values[NodeID(id.index + offset)] = value }
    updates += other.updates
    keptAlive += other.keptAlive
    other.nodes = []
    other.leaves = []
    other.leafNodes = [:]
    other.values = [:]
    other.updates = []
    other.keptAlive = []
    other.forward = (self, offset)
  }

  /// The arena that holds a node now, and the node's place in it.
  static func resolve(_ arena: GraphArena, _ id: NodeID) -> (arena: GraphArena, id: NodeID) {
    var arena = arena
    var index = id.index
    while let forward = arena.forward {
      index += forward.offset
      arena = forward.arena
    }
    return (arena, NodeID(index))
  }
}

extension Op {
  /// The slot of a leaf, or nil for an operation.
  public enum LeafSlot: Sendable, Hashable {
    /// A value given at evaluation.
    case input(Int)
    /// A variable.
    case variable(Int)

    /// The number of the slot.
    package var index: Int {
      switch self {
      case .input(let slot), .variable(let slot): slot
      }
    }
  }

  /// The slot of a leaf, or nil for an operation.
  public var leafSlot: LeafSlot? {
    if case .input(let slot) = self { return .input(slot) }
    if case .variable(let slot) = self { return .variable(slot) }
    return nil
  }
}

extension Tensor {
  /// What holds the tensor's node, so that tests can tell whether two tensors share it and whether it is freed.
  package var home: AnyObject? {
    GraphArena.locked {
      guard case .node(let arena, let id) = storage.lockedContent else { return nil }
      return GraphArena.resolve(arena, id).arena
    }
  }
}
