import StrataCore
import StrataGraph
import StrataKernels
import StrataPasses

extension Lowering {
  /// Lowers operations on single elements to one kernel, which runs all of them in one pass over memory.
  mutating func lowerElementwise(_ group: ElementwiseGroup) throws(StrataError) {
    let type = plan.graph.nodes[group.members[0]].type
    let members = Set(group.members)
    let kept = group.members.filter { elementwise.isRead($0, outside: members) }
    let layout = try commonLayout(of: group, members, kept)

    var kernel = ElementwiseKernel(
      isa: options.instructionSet.rawValue, threads: Int32(threads), columns: layout.byteCount / 4)
    if !group.products.isEmpty { (kernel.rows, kernel.columns) = (type.shape[0], type.shape[1]) }
    var places: [NodeID: Int32] = [:]
    var memory: [SlotID] = []
    /// Operands that lie in their own memory and are not needed afterwards, one in each storage.
    var free: [Int: SlotID] = [:]
    for member in group.members {
      for id in plan.graph.nodes[member].operands where !members.contains(id.index) && places[id] == nil {
        if group.products.contains(id.index), let factors = plan.graph.factors(of: plan.graph[id]) {
          places[id] = Int32(kernel.operands.count)
          kernel.operands.append(
            strata_operand(
              kind: Int32(STRATA_PRODUCT), first: Int32(memory.count), second: Int32(memory.count + 1),
              depth: Int32(factors.depth)))
          memory += [try plainSlot(of: factors.left), try plainSlot(of: factors.right)]
          continue
        }
        let isScalar = plan.graph[id].type != type
        places[id] = Int32(kernel.operands.count)
        let own = slot(of: id)
        let read = isScalar ? try plainSlot(of: id) : try reorder(own, to: layout)
        kernel.operands.append(
          strata_operand(
            kind: Int32(isScalar ? STRATA_NUMBER : STRATA_ELEMENTS), first: Int32(memory.count), second: 0,
            depth: 0))
        memory.append(read)
        if !isScalar, read == own, let storage = freeStorage(of: own, after: id, group) {
          free[storage] = own
        }
      }
    }
    for (number, member) in group.members.enumerated() {
      let node = plan.graph.nodes[member]
      guard let instruction = ElementwiseInstruction(node.op) else {
        throw StrataError(.engine, "\(node.op.name) does not work on single elements")
      }
      let operands = node.operands.map { places[$0] ?? 0 }
      kernel.instructions.append(
        strata_instruction(
          operation: Int32(instruction.operation), first: operands[0], second: operands.last ?? operands[0],
          low: instruction.low, high: instruction.high))
      places[NodeID(member)] = Int32(kernel.operands.count + number)
    }
    kernel.firstOutput = memory.count
    for member in kept {
      let isResult = elementwise.lastReads[member] == ElementwiseGroups.never
      let target: SlotID
      if !isResult, let storage = free.keys.min(), let place = free.removeValue(forKey: storage) {
        target = makeAlias(of: place, type, layout)
      } else {
        target = makeSlot(type, layout)
      }
      kernel.outputs.append(places[NodeID(member)] ?? 0)
      memory.append(target)
      slots[member] = target
    }
    append(.kernel(kernel, memory))
  }

  /// The layout that most of a group's arrays have. Results of the run are in row-major order, and where oneDNN
  /// pads, nothing may be computed on what it pads with.
  private func commonLayout(
    of group: ElementwiseGroup, _ members: Set<Int>, _ kept: [Int]
  ) throws(StrataError) -> Layout {
    let type = plan.graph.nodes[group.members[0]].type
    let plain = try Layout.plain(type.shape)
    if !group.products.isEmpty { return plain }
    if kept.contains(where: { elementwise.lastReads[$0] == ElementwiseGroups.never }) { return plain }
    for member in group.members {
      for id in plan.graph.nodes[member].operands
      where !members.contains(id.index) && plan.graph[id].type == type && !group.products.contains(id.index) {
        if let own = program.slots[slot(of: id)].layout, own.byteCount == type.byteCount, !(own == plain) {
          return own
        }
      }
    }
    return plain
  }

  /// The storage of a value, where the group that reads it may write over it.
  private func freeStorage(of slot: SlotID, after id: NodeID, _ group: ElementwiseGroup) -> Int? {
    let own = program.slots[slot]
    guard case .workspace(let storage) = own.home, own.byteOffset == 0, group.products.isEmpty,
      program.storages[storage].byteCount == own.type.byteCount,
      elementwise.lastReads[id.index] <= elementwise.moment(of: group.members[0]),
      !isReadLater(storage, than: group.members[0], besides: id)
    else { return nil }
    return storage
  }
}

/// Runs a group: operands, then results.
struct ElementwiseKernel: Kernel {
  let isa: Int32
  let threads: Int32
  var rows = 1
  var columns: Int
  var operands: [strata_operand] = []
  var instructions: [strata_instruction] = []
  var outputs: [Int32] = []
  var firstOutput = 0

  init(isa: Int32, threads: Int32, columns: Int) {
    self.isa = isa
    self.threads = threads
    self.columns = columns
  }

  var name: String { "elementwise:\(instructions.count)" }

  /// Elements are read before results are written in their place; a product reads others too.
  func mayOverwrite(_ position: Int) -> Bool {
    operands.contains { $0.kind == STRATA_ELEMENTS && $0.first == position }
      && !operands.contains { $0.kind == STRATA_PRODUCT && ($0.first == position || $0.second == position) }
  }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    operands.withUnsafeBufferPointer { operands in
      instructions.withUnsafeBufferPointer { instructions in
        outputs.withUnsafeBufferPointer { outputs in
          var program = strata_elementwise(
            isa: isa, threads: threads, rows: Int64(rows), columns: Int64(columns),
            operand_count: Int32(operands.count), instruction_count: Int32(instructions.count),
            output_count: Int32(outputs.count), operands: operands.baseAddress,
            instructions: instructions.baseAddress, outputs: outputs.baseAddress,
            first_output: Int32(firstOutput))
          let memory: [UnsafeMutablePointer<Float>?] = slots.map { $0.assumingMemoryBound(to: Float.self) }
          memory.withUnsafeBufferPointer { strata_elementwise_run(&program, $0.baseAddress) }
        }
      }
    }
  }
}
