import StrataCore

/// The gradients of a loss with respect to some tensors, in their order (`torch.autograd.grad`).
///
/// The result is made of ordinary nodes: nothing is computed here, and evaluating the gradients together with
/// the loss is one run. A tensor that the loss does not depend on gets zeros.
///
/// - Parameters:
///   - loss: A floating-point tensor of one element that has not been evaluated yet: a value has no history.
///   - targets: Parameters' tensors, inputs or intermediate results.
///   - seed: The gradient of the loss itself where it is not 1; then the loss may have any shape.
public func gradients(of loss: Tensor, wrt targets: [Tensor], seed: Tensor? = nil) -> [Tensor] {
  zip(usedGradients(of: loss, wrt: targets, seed: seed), targets).map { gradient, target in
    gradient ?? Tensor.zerosLike(target)
  }
}

/// The gradients of a loss, nil for a tensor that it does not depend on (`torch.autograd.grad` with
/// `allow_unused`). An optimiser leaves such a parameter as it is.
public func usedGradients(of loss: Tensor, wrt targets: [Tensor], seed: Tensor? = nil) -> [Tensor?] {
  func failed(_ message: String) -> [Tensor?] { targets.map { _ in .mistake(message) } }
  if let error = loss.error { return targets.map { _ in .invalid(error) } }
  guard loss.dtype.isFloatingPoint else {
    return failed("gradients need a floating-point loss, got \(loss.type)")
  }
  guard seed?.type ?? TensorType(loss.shape, loss.dtype) == loss.type else {
    return failed("the seed \(seed?.type.description ?? "") is not of the loss's type \(loss.type)")
  }
  guard seed != nil || loss.shape.elementCount == 1 else {
    return failed("gradients need a loss of one element, got \(loss.shape)")
  }
  guard let history = History(of: loss, towards: targets) else {
    return failed("the loss has been evaluated and has no history: ask for gradients before its value")
  }
  return history.gradients(seed: seed ?? Tensor.onesLike(loss), targets)
}

/// The nodes that lie between some targets and a loss.
private struct History {
  fileprivate struct Entry {
    let node: Node
    let handle: Tensor
    let operands: [Int]
    /// Whether a target lies below the node.
    var isActive: Bool
  }
  private var entries: [Entry] = []
  private var targetEntries: [Int?] = []

  /// The history of a loss, or nil where it has none but could depend on a target.
  init?(of loss: Tensor, towards targets: [Tensor]) {
    let isKnown = GraphArena.locked { () -> Bool in
      guard case .node(let home, let id) = loss.storage.lockedContent else {
        return targets.contains { $0.isSame(as: loss) }
      }
      let (arena, root) = GraphArena.resolve(home, id)
      let reached = arena.reached(from: [root])
      var positions = [Int?](repeating: nil, count: arena.nodes.count)
      entries.reserveCapacity(reached.count)
      for (position, id) in reached.enumerated() {
        let node = arena.nodes[id.index]
        positions[id.index] = position
        let handle = Tensor(storage: TensorStorage(node.type, .node(arena, id)))
        let operands = arena.values[id] == nil ? node.operands.compactMap { positions[$0.index] } : []
        entries.append(Entry(node: node, handle: handle, operands: operands, isActive: false))
      }
      targetEntries = targets.map { $0.storage.knownPlace(in: arena).flatMap { positions[$0.index] } }
      return true
    }
    guard isKnown else { return nil }
    for target in targetEntries { if let target { entries[target].isActive = true } }
    for index in entries.indices where !entries[index].isActive {
      entries[index].isActive = entries[index].operands.contains { entries[$0].isActive }
    }
  }

  func gradients(seed: Tensor, _ targets: [Tensor]) -> [Tensor?] {
    var again = SecondPass()
    let kept = Set(targetEntries)
    var adjoints = [Tensor?](repeating: nil, count: entries.count)
    if !entries.isEmpty { adjoints[entries.count - 1] = seed }
    for index in entries.indices.reversed() where entries[index].isActive {
      guard let gradient = adjoints[index] else { continue }
      if !kept.contains(index) { adjoints[index] = nil }
      let entry = entries[index]
      let (operands, result) = again.handles(of: index, entries)
      let call = GradientCall(
        operands: operands, result: result, gradient: gradient,
        isWanted: entry.operands.map { entries[$0].isActive })
      let parts = ModuleOrigin.$current.withValue(entry.node.origin) { call.gradients(of: entry.node.op) }
      for (operand, part) in zip(entry.operands, parts) where entries[operand].isActive {
        guard let part else { continue }
        adjoints[operand] = adjoints[operand].map { $0 + part } ?? part
      }
    }
    return zip(targetEntries, targets).map { entry, target in
      if let entry, let gradient = adjoints[entry] { return gradient }
      return entries.isEmpty && target.type == seed.type ? seed : nil
    }
  }
}

/// Values of the way forward that are computed again on the way back.
private struct SecondPass {
  private var done: Set<Int> = []
  private var copies: [Int: (operands: [Tensor], result: Tensor)] = [:]

  /// What an operation was applied to and what came out. The first operation of a part that is met on the way
  /// back computes all of the part again; what nobody needs of that, no plan will hold.
  mutating func handles(
    of index: Int, _ entries: [History.Entry]
  ) -> (operands: [Tensor], result: Tensor) {
    let part = entries[index].node.recomputation
    if part != 0, done.insert(part).inserted { compute(part, entries) }
    if let copy = copies[index] { return copy }
    return (entries[index].operands.map { entries[$0].handle }, entries[index].handle)
  }

  private mutating func compute(_ part: Int, _ entries: [History.Entry]) {
    // The factor is data, so that no pass can see that the part is computed twice.
    let one = Tensor(HostTensor([Float(1)], shape: []))
    var outside: [Int: Tensor] = [:]
    for (index, entry) in entries.enumerated() where entry.node.recomputation == part {
      let operands = entry.operands.map { operand -> Tensor in
        if let copy = copies[operand], entries[operand].node.recomputation == part { return copy.result }
        if let known = outside[operand] { return known }
        let handle = entries[operand].handle
        let isValue = entries[operand].node.op.isLeaf || !handle.dtype.isFloatingPoint
        let made = isValue ? handle : handle * one.to(handle.dtype)
        outside[operand] = made
        return made
      }
      let result = ModuleOrigin.$current.withValue(entry.node.origin) {
        Tensor.apply(entry.node.op, operands)
      }
      copies[index] = (operands, result)
    }
  }
}

extension Op {
  /// Whether it is a parameter or a number, and not computed from others.
  fileprivate var isLeaf: Bool {
    if case .variable = self { return true }
    if case .full = self { return true }
    return false
  }
}

extension TensorStorage {
  /// The node that stands for this value in `arena` already; called with the lock held.
  fileprivate func knownPlace(in arena: GraphArena) -> NodeID? {
    switch lockedContent {
    case .value, .placeholder: return arena.leafNodes[ObjectIdentifier(self)]
    case .variable(let variable): return arena.leafNodes[ObjectIdentifier(variable)]
    case .node(let home, let id):
      let place = GraphArena.resolve(home, id)
      return place.arena === arena ? place.id : nil
    case .failed: return nil
    }
  }
}
