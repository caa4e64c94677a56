import StrataCore

/// The graph behind some tensors, cut out of their arena, with what its leaves stand for.
public struct Trace: Sendable {
  /// A leaf's source.
  public enum Source: Sendable {
    /// Numbers.
    case value(HostTensor)
    /// A variable's value at the time of the run.
    case variable(Variable)
    /// Nothing: the graph can be analysed but not run.
    case placeholder
  }

  /// The operations, leaf slots counted from 0 in order of appearance.
  public let graph: Graph
  /// What each leaf slot stands for.
  public let sources: [Source]
  /// The variables that `graph.stateUpdates` renew, in the same order.
  public let updatedVariables: [Variable]
  private let variableLeaves: [ObjectIdentifier: Int]
  private let targets: [Tensor]
  private let updates: [Tensor]

  /// Cuts out the graph of `tensors`, which must be valid, and of the state updates that wait in it and in that of
  /// `companions`, which are no results themselves.
  public init(of tensors: [Tensor], along companions: [Tensor] = []) {
    (graph, sources, updatedVariables, updates) = GraphArena.locked {
      let (arena, allIDs) = Tensor.placed(tensors + companions)
      let ids = Array(allIDs.prefix(tensors.count))
      let pending = arena.updates.compactMap { update in
        update.storage.map { (variable: update.variable, tensor: Tensor(storage: $0)) }
      }
      let updateIDs = pending.map { $0.tensor.storage.place(in: arena) }
      let (graph, sources) = arena.extract(outputs: ids, stateUpdates: updateIDs)
      return (graph, sources, pending.map(\.variable), pending.map(\.tensor))
    }
    targets = tensors
    var variableLeaves: [ObjectIdentifier: Int] = [:]
    for (leaf, source) in sources.enumerated() {
      if case .variable(let variable) = source { variableLeaves[ObjectIdentifier(variable)] = leaf }
    }
    self.variableLeaves = variableLeaves
  }

  /// The leaf slot that stands for a variable's present value, if it is read.
  package func leaf(of variable: Variable) -> Int? { variableLeaves[ObjectIdentifier(variable)] }

  /// Hands the results of a run, in the order of `graph.results`, to the tensors and variables.
  public func finish(_ results: [HostTensor]) {
    GraphArena.locked {
      var homes: [GraphArena] = []
      var done: Set<ObjectIdentifier> = []
      for (tensor, value) in zip(targets + updates, results) {
        guard case .node(let arena, let id) = tensor.storage.lockedContent else { continue }
        let home = GraphArena.resolve(arena, id)
        home.arena.values[home.id] = value
        tensor.storage.resolve(to: value)
        done.insert(ObjectIdentifier(tensor.storage))
        if !homes.contains(where: { $0 === home.arena }) { homes.append(home.arena) }
      }
      for home in homes {
        home.updates.removeAll { $0.storage.map { done.contains(ObjectIdentifier($0)) } ?? true }
      }
    }
    for (index, variable) in updatedVariables.enumerated() {
      variable.finishUpdate(results[targets.count + index], of: updates[index])
    }
  }
}

extension GraphArena {
  /// Copies what `outputs` and `stateUpdates` need, renumbered; computed values become leaves.
  func extract(outputs: [NodeID], stateUpdates: [NodeID]) -> (Graph, [Trace.Source]) {
    let needed = reached(from: outputs + stateUpdates)
    var graph = Graph()
    graph.nodes.reserveCapacity(needed.count)
    var sources: [Trace.Source] = []
    var renumbered = [NodeID](repeating: NodeID(0), count: nodes.count)
    for id in needed {
      var node = nodes[id.index]
      let slot = sources.count
      if let value = values[id] {
        sources.append(.value(value))
        node = Node(op: .input(slot: slot), operands: [], type: node.type)
      } else {
        switch node.op.leafSlot {
        case .input(let old):
          if case .value(let value) = leaves[old] {
            sources.append(.value(value))
          } else {
            sources.append(.placeholder)
          }
          node.op = .input(slot: slot)
        case .variable(let old):
          if case .variable(let variable) = leaves[old] { sources.append(.variable(variable)) }
          node.op = .variable(slot: slot)
        case nil:
          node.operands = node.operands.map { renumbered[$0.index] }
        }
      }
      graph.nodes.append(node)
      renumbered[id.index] = NodeID(graph.nodes.count - 1)
    }
    graph.outputs = outputs.map { renumbered[$0.index] }
    graph.stateUpdates = stateUpdates.map { renumbered[$0.index] }
    return (graph, sources)
  }

  /// The nodes that some depend on, these included, in order; what lies behind values is not needed.
  func reached(from targets: [NodeID]) -> [NodeID] {
    var isReached = [Bool](repeating: false, count: nodes.count)
    var waiting = targets
    var first = nodes.count
    while let id = waiting.popLast() {
      if isReached[id.index] { continue }
      isReached[id.index] = true
      first = min(first, id.index)
      if values[id] == nil { waiting += nodes[id.index].operands }
    }
    return (first..<nodes.count).filter { isReached[$0] }.map { NodeID($0) }
  }
}
