import COneDNN
import StrataCore
import StrataGraph
import StrataKernels
import StrataPasses
import StrataRuntime
import Synchronization

/// A program with the memory that its runs share: prepared weights and a pool of workspaces.
final class OneDNNExecutable: Executable {
  let program: Program
  private let memory: MemoryPlan
  private let threads: Int
  /// What becomes of the memory of prepared values while they are made.
  private let preparation: PreparationPlan
  /// When leaves and results may share memory.
  private let lives: ResultLives
  private let pool = Mutex<[Workspace]>([])
  private let prepared = Mutex<[Prepared]>([])
  /// Runs so far.
  private let runs = Atomic<Int>(0)
  /// After so many runs memory is worth a better place.
  private static let settlingRun = 20

  /// Sets of prepared values kept at once: one for each model of the same structure in use.
  private static let preparedCapacity = 4

  init(
    _ plan: Plan, _ options: KernelOptions, threads: Int, orders: PassedOrders = PassedOrders()
  ) throws(StrataError) {
    strata_set_threads(Int32(threads))
    let program = try Lowering.lower(plan, options, threads: threads, orders: orders)
    self.program = program
    self.threads = threads
    memory = MemoryPlan(
      program.storages.map { MemoryPlan.Request(size: $0.byteCount, first: $0.first, last: $0.last) })
    preparation = PreparationPlan(program)
    lives = ResultLives(program)
  }

  func canRenew(leaf: Int, as result: Int) -> Bool { lives.canRenew(leaf: leaf, as: result) }

  var workspaceByteCount: Int? { memory.byteCount }

  func run(_ leaves: [LeafValue]) throws(StrataError) -> [HostTensor] { try run(leaves, renewing: [:]) }

  func run(_ leaves: [LeafValue], renewing: [Int: Int]) throws(StrataError) -> [HostTensor] {
    let results = results(leaves, renewing)
    try run(leaves, into: results)
    return results
  }

  /// Runs the plan and writes its results where the caller has memory for them.
  func run(_ leaves: [LeafValue], into results: [HostTensor]) throws(StrataError) {
    try run(leaves, into: results) { (workspace: Workspace) throws(StrataError) in
      for (index, step) in program.steps.enumerated() { try workspace.perform(step, main: index) }
    }
  }

  func profile(
    _ leaves: [LeafValue]
  ) throws(StrataError) -> (results: [HostTensor], steps: [StepTiming]) {
    let results = results(leaves, [:])
    return (results, try profile(leaves, into: results))
  }

  /// Measures a run that writes its results where the caller has memory for them.
  func profile(_ leaves: [LeafValue], into results: [HostTensor]) throws(StrataError) -> [StepTiming] {
    var steps: [StepTiming] = []
    steps.reserveCapacity(program.steps.count)
    try run(leaves, into: results) { (workspace: Workspace) throws(StrataError) in
      let clock = ContinuousClock()
      let origin = clock.now
      for (index, step) in program.steps.enumerated() {
        let start = clock.now
        try workspace.perform(step, main: index)
        let end = clock.now
        let (kind, implementation) = step.action.label
        steps.append(
          StepTiming(
            node: step.node, kind: kind, implementation: implementation, start: start - origin,
            duration: end - start))
      }
    }
    return steps
  }

  private func run(
    _ leaves: [LeafValue], into results: [HostTensor], perform: (Workspace) throws(StrataError) -> Void
  ) throws(StrataError) {
    for (index, leaf) in program.passedThrough where results[index].pointer != leaves[leaf].value.pointer {
      results[index].pointer.copyMemory(
        from: leaves[leaf].value.pointer, byteCount: results[index].byteCount)
    }
    strata_set_threads(Int32(threads))
    if runs.add(1, ordering: .relaxed).newValue == OneDNNExecutable.settlingRun { BlockPool.shared.settle() }
    let workspace = try idleWorkspace()
    defer {
      workspace.release()
      pool.withLock { $0.append(workspace) }
    }
    let prepared = try preparedValues(leaves, workspace)
    try workspace.bind(leaves: leaves, prepared: prepared, results: results)
    try perform(workspace)
  }

  /// Memory for the results: their own, or a leaf's.
  private func results(_ leaves: [LeafValue], _ renewing: [Int: Int]) -> [HostTensor] {
    program.results.enumerated().map { index, type in
      if let leaf = program.passedThrough[index] { return leaves[leaf].value.reshaped(type.shape) }
      if let leaf = renewing[index] { return leaves[leaf].value }
      return HostTensor(dtype: type.dtype, shape: type.shape, buffer: Buffer(byteCount: type.byteCount))
    }
  }

  private func idleWorkspace() throws(StrataError) -> Workspace {
    if let idle = pool.withLock({ $0.popLast() }) { return idle }
    return try Workspace(program, memory)
  }

  /// Values that depend on variables alone: those made before where no variable has changed since.
  private func preparedValues(
    _ leaves: [LeafValue], _ workspace: Workspace
  ) throws(StrataError) -> Prepared {
    let identities = preparation.leaves.map { leaves[$0].identity }
    if program.preparation.isEmpty { return Prepared(identities: identities, buffers: [:]) }
    let known = prepared.withLock { entries in entries.first { $0.identities == identities } }
    if let known { return known }
    try workspace.bind(leaves: leaves, prepared: Prepared(identities: identities, buffers: [:]), results: [])
    let passing = workspace.block(of: preparation.passing.byteCount)
    var buffers: [SlotID: Buffer] = [:]
    for (index, step) in program.preparation.enumerated() {
      for value in preparation.begins[index] {
        let buffer: Buffer
        if let offset = value.offset {
          buffer = Buffer(pointer: passing.pointer + offset, byteCount: value.byteCount, owner: passing)
        } else {
          buffer = Buffer(byteCount: value.byteCount)
          buffers[value.slot] = buffer
        }
        for view in value.views { workspace.bind(view, to: buffer) }
      }
      try workspace.perform(step, main: nil)
      for leaf in preparation.readLeaves[index] { leaves[leaf].value.dropPages() }
    }
    let made = Prepared(identities: identities, buffers: buffers)
    prepared.withLock { entries in
      // Values of the same variables with older numbers will not be asked for again.
      let variables = identities.map { $0?.variable }
      entries.removeAll { $0.identities.map { $0?.variable } == variables }
      if entries.count >= OneDNNExecutable.preparedCapacity { entries.removeFirst() }
      entries.append(made)
    }
    return made
  }
}

/// Where prepared values lie. What lies between variables and what main steps read passes: it shares one block, so that
/// the next value finds it in the processor's cache.
private struct PreparationPlan {
  /// A value and all slots that look at it; its place in the block if it passes.
  struct Value {
    let slot: SlotID
    let byteCount: Int
    let views: [SlotID]
    let offset: Int?
  }

  /// The values that a step is the first to touch.
  private(set) var begins: [[Value]]
  /// The leaves that prepared values come from.
  let leaves: [Int]
  /// The leaves that a step is the last to read.
  private(set) var readLeaves: [[Int]]
  /// The block of the values that pass.
  let passing: MemoryPlan

  init(_ program: Program) {
    begins = Array(repeating: [], count: program.preparation.count)
    readLeaves = Array(repeating: [], count: program.preparation.count)
    func leavesRead(_ step: Step) -> [Int] {
      step.action.slots.compactMap { slot in
        if case .leaf(let leaf) = program.slots[slot].home { leaf } else { nil }
      }
    }
    func owners(_ step: Step) -> [SlotID] {
      step.action.slots.compactMap { slot in
        if case .prepared = program.slots[slot].home { program.owners[slot] ?? slot } else { nil }
      }
    }
    let keptLeaves = Set(program.steps.flatMap(leavesRead))
    let kept = Set(program.steps.flatMap(owners))
    var lastReads: [Int: Int] = [:]
    var lives: [SlotID: (first: Int, last: Int)] = [:]
    for (index, step) in program.preparation.enumerated() {
      for leaf in leavesRead(step) { lastReads[leaf] = index }
      for slot in owners(step) { lives[slot] = (lives[slot]?.first ?? index, index) }
    }
    leaves = lastReads.keys.sorted()
    for (leaf, index) in lastReads where !keptLeaves.contains(leaf) { readLeaves[index].append(leaf) }
    var views: [SlotID: [SlotID]] = [:]
    for (slot, value) in program.slots.enumerated() {
      if case .prepared = value.home { views[program.owners[slot] ?? slot, default: []].append(slot) }
    }
    let ending = lives.keys.filter { !kept.contains($0) }.sorted()
    passing = MemoryPlan(
      ending.map { slot in
        let life = lives[slot] ?? (0, 0)
        return MemoryPlan.Request(size: program.slots[slot].byteCount, first: life.first, last: life.last)
      })
    let offsets = Dictionary(uniqueKeysWithValues: zip(ending, passing.offsets))
    for (slot, life) in lives {
      begins[life.first].append(
        Value(
          slot: slot, byteCount: program.slots[slot].byteCount, views: views[slot] ?? [],
          offset: offsets[slot]))
    }
  }
}

/// When the leaves of a program are read for the last time, and its results written for the first: a step reads at
/// twice its index and writes after that.
private struct ResultLives {
  private var lastRead: [Int: Int] = [:]
  private var firstWrite: [Int: Int] = [:]
  /// Leaves that are results as they are.
  private var passed: Set<Int>
  /// The last step that the data may let fail.
  private var lastFailure = -1

  init(_ program: Program) {
    passed = Set(program.passedThrough.values)
    for (index, step) in program.steps.enumerated() {
      for (position, slot) in step.action.slots.enumerated() {
        switch program.slots[slot].home {
        case .leaf(let leaf):
          var isOverwritable = false
          if case .kernel(let kernel, _) = step.action { isOverwritable = kernel.mayOverwrite(position) }
          lastRead[leaf] = max(lastRead[leaf] ?? 0, 2 * index + (isOverwritable ? 0 : 1))
        case .result(let result): firstWrite[result] = firstWrite[result] ?? 2 * index + 1
        case .workspace, .prepared: continue
        }
      }
      if case .reference(let op, _, _) = step.action, op.mayFail { lastFailure = 2 * index + 1 }
    }
  }

  func canRenew(leaf: Int, as result: Int) -> Bool {
    guard let write = firstWrite[result], !passed.contains(leaf) else { return false }
    return write > lastFailure && lastRead[leaf] ?? 0 < write
  }
}

extension Op {
  /// Whether operands of the right shapes may yet be wrong: indices beyond an axis.
  fileprivate var mayFail: Bool {
    if case .indexSelect = self { return true }
    if case .indexAdd = self { return true }
    return false
  }
}

/// The memory of values that depend on variables alone.
final class Prepared: Sendable {
  let identities: [VariableIdentity?]
  let buffers: [SlotID: Buffer]

  init(identities: [VariableIdentity?], buffers: [SlotID: Buffer]) {
    self.identities = identities
    self.buffers = buffers
  }
}

extension Step.Action {
  /// What a profile calls the step.
  fileprivate var label: (kind: StepTiming.Kind, implementation: String) {
    switch self {
    case .primitive(let primitive, _): (primitive.isReorder ? .reorder : .operation, primitive.implementation)
    case .reference: (.operation, "reference")
    case .kernel(let kernel, _): (.operation, kernel.name)
    case .copy: (.copy, "memcpy")
    }
  }
}
