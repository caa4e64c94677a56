import COneDNN
import StrataCore
import StrataGraph
import StrataPasses
import StrataRuntime

/// The memory of one run: a block for intermediate values and oneDNN's handles on every slot.
///
/// `@unchecked Sendable` holds because a workspace leaves the pool for one run and returns after it.
final class Workspace: @unchecked Sendable {
  private let program: Program
  private let block: Buffer
  private let stream: dnnl_stream_t
  private var memories: [dnnl_memory_t?]
  private var addresses: [UnsafeMutableRawPointer?]
  private var arguments: [[dnnl_exec_arg_t]] = []
  /// What the addresses point into, kept alive during a run.
  private var owners: [Buffer] = []

  init(_ program: Program, _ plan: MemoryPlan) throws(StrataError) {
    self.program = program
    block = Buffer(byteCount: plan.byteCount)
    let engine = try Device.shared().handle
    var stream: dnnl_stream_t?
    try check(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags.rawValue), "a stream")
    guard let stream else { throw StrataError(.engine, "oneDNN gave no stream") }
    self.stream = stream
    memories = Array(repeating: nil, count: program.slots.count)
    addresses = Array(repeating: nil, count: program.slots.count)
    for (index, slot) in program.slots.enumerated() {
      if let layout = slot.layout {
        try check(dnnl_memory_create(&memories[index], layout.handle, engine, nil), "memory for \(slot.type)")
      }
      if case .workspace(let storage) = slot.home, storage < plan.offsets.count {
        setAddress(block.pointer + plan.offsets[storage], of: index)
      }
    }
    for step in program.steps { arguments.append(handles(step)) }
  }

  deinit {
    for memory in memories { dnnl_memory_destroy(memory) }
    dnnl_stream_destroy(stream)
  }

  /// Points the slots outside the block at this run's values.
  func bind(leaves: [LeafValue], prepared: Prepared, results: [HostTensor]) throws(StrataError) {
    owners = leaves.map(\.value.buffer) + results.map(\.buffer) + prepared.buffers.values
    for (index, slot) in program.slots.enumerated() {
      switch slot.home {
      case .workspace: continue
      case .leaf(let leaf): setAddress(leaves[leaf].value.pointer, of: index)
      case .result(let result):
        if result < results.count { setAddress(results[result].pointer, of: index) }
      case .prepared:
        if let buffer = prepared.buffers[program.owners[index] ?? index] {
          setAddress(buffer.pointer, of: index)
        }
      }
    }
  }

  /// Memory of so many bytes that no step has use for before the main ones: the workspace's own where it is large enough.
  func block(of byteCount: Int) -> Buffer {
    byteCount <= block.byteCount ? block : Buffer(byteCount: byteCount)
  }

  /// Points a slot at memory that the caller keeps alive until the workspace has done its last step on it.
  func bind(_ slot: SlotID, to buffer: Buffer) { setAddress(buffer.pointer, of: slot) }

  private func setAddress(_ address: UnsafeMutableRawPointer, of slot: SlotID) {
    let address = address + program.slots[slot].byteOffset
    guard addresses[slot] != address else { return }
    addresses[slot] = address
    if let memory = memories[slot] { dnnl_memory_set_data_handle(memory, address) }
  }

  private func handles(_ step: Step) -> [dnnl_exec_arg_t] {
    guard case .primitive(_, let arguments) = step.action else { return [] }
    return arguments.map { dnnl_exec_arg_t(arg: $0.argument, memory: memories[$0.slot]) }
  }

  /// Lets go of what a run was given, so that an idle workspace keeps no network's weights in memory.
  func release() { owners = [] }

  /// Runs one step; `main` is its index among the main steps, whose argument lists are made in advance.
  func perform(_ step: Step, main: Int?) throws(StrataError) {
    do throws(StrataError) {
      try perform(step.action, arguments: main.map { arguments[$0] } ?? handles(step))
    } catch {
      throw program.origins[step.node].labelling(error)
    }
  }

  private func perform(_ action: Step.Action, arguments: [dnnl_exec_arg_t]) throws(StrataError) {
    switch action {
    case .primitive(let primitive, _):
      let status = dnnl_primitive_execute(primitive.handle, stream, Int32(arguments.count), arguments)
      try check(status, "to run \(primitive.implementation)")
    case .reference(.crossRank(.collect(let part, let shape, .float32)), _, let result):
      let values = try address(of: result).assumingMemoryBound(to: Float.self)
      try ReferenceKernels.collect(
        part, into: UnsafeMutableBufferPointer(start: values, count: shape.elementCount))
    case .reference(let op, let operands, let result):
      var values: [HostTensor] = []
      for operand in operands { values.append(try tensor(operand)) }
      let value = try ReferenceKernels.evaluate(op, values, program.slots[result].type)
      try address(of: result).copyMemory(from: value.pointer, byteCount: value.byteCount)
    case .kernel(let kernel, let slots):
      var addresses: [UnsafeMutableRawPointer] = []
      addresses.reserveCapacity(slots.count)
      for slot in slots { addresses.append(try address(of: slot)) }
      kernel.run(addresses)
    case .copy(let source, let target):
      try address(of: target).copyMemory(
        from: try address(of: source), byteCount: program.slots[target].type.byteCount)
    }
  }

  private func address(of slot: SlotID) throws(StrataError) -> UnsafeMutableRawPointer {
    guard let address = addresses[slot] else {
      throw StrataError(.engine, "a value of \(program.slots[slot].type) has no memory")
    }
    return address
  }

  /// A view of a row-major slot.
  private func tensor(_ slot: SlotID) throws(StrataError) -> HostTensor {
    let type = program.slots[slot].type
    let buffer = Buffer(pointer: try address(of: slot), byteCount: type.byteCount, owner: self)
    return HostTensor(dtype: type.dtype, shape: type.shape, buffer: buffer)
  }
}
