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
      var arenas: [ObjectIdentifier: GraphArena] = [:]
      var finished: Set<ObjectIdentifier> = []
      for (tensor, value) in zip(targets + updates, results) {
        guard case .node(let arena, let id) = tensor.storage.lockedContent else { continue }
        let home = GraphArena.resolve(arena, id)
        home.arena.values[home.id] = value
        arenas[ObjectIdentifier(home.arena)] = home.arena
        finished.insert(ObjectIdentifier(tensor.storage))
        tensor.storage.resolve(to: value)
      }
      for arena in arenas.values {
        arena.updates.removeAll { $0.storage.map { finished.contains(ObjectIdentifier($0)) } ?? true }
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
    var isNeeded: [NodeID: Bool] = [:]
    var waiting = outputs + stateUpdates
    while let id = waiting.popLast() {
      if isNeeded.updateValue(true, forKey: id) != nil { continue }
      if values[id] == nil { waiting += nodes[id.index].operands }
    }
    var graph = Graph()
    graph.nodes.reserveCapacity(isNeeded.count)
    var sources: [Trace.Source] = []
    var renumbered: [NodeID: NodeID] = [:]
    renumbered.reserveCapacity(isNeeded.count)
    for id in isNeeded.keys.sorted() {
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
          node.operands = node.operands.map { renumbered[$0] ?? $0 }
        }
      }
      graph.nodes.append(node)
      renumbered[id] = NodeID(graph.nodes.count - 1)
    }
    graph.outputs = outputs.map { renumbered[$0] ?? $0 }
    graph.stateUpdates = stateUpdates.map { renumbered[$0] ?? $0 }
    return (graph, sources)
  }
}
