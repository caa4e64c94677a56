import COneDNN
import StrataCore
import StrataGraph
import StrataPasses

/// Turns a plan into a program: chooses primitives, lets them choose layouts, and carries those layouts from
/// operation to operation. Values are reordered only where the next operation wants another layout.
struct Lowering {
  let plan: Plan
  let options: KernelOptions
  let threads: Int
  let rules: KernelRules
  let quantisation: QuantisationRules
  var program = Program()
  /// The slot that holds each node's value.
  var slots: [SlotID?]
  /// Reordered copies of slots, so that none is made twice.
  private(set) var reordered: [SlotID: [SlotID]] = [:]
  /// The slots whose numbers are integers of 8 bits, and what these stand for.
  var byteScales: [SlotID: ByteScale] = [:]
  /// Single numbers that primitives are given, by their bits.
  private var numbers: [UInt32: SlotID] = [:]
  /// The node that is being lowered.
  var node = 0

  /// Views of values with their last two axes exchanged, which matrix products read as they are.
  var transposed: Set<SlotID> = []
  /// Gradients that one primitive gave together.
  var gradientParts: [GradientKey: [SlotID]] = [:]
  /// The winners of max poolings, and which poolings' winners will be asked for.
  var poolWorkspaces: [PoolKey: PoolWorkspace] = [:]
  private(set) var trainedPools: Set<PoolKey> = []
  /// The results of max poolings that convolutions have done.
  var pooled: [NodeID: SlotID] = [:]
  /// Depthwise convolutions that the next step will do.
  var waiting: [NodeID: WaitingDepthwise] = [:]
  /// Convolutions whose bias needs a gradient.
  private(set) var biasGradients: Set<GradientKey> = []
  /// The batch norm that uses a node's batch moments, and its value once both are computed.
  private(set) var normalisations: [NodeID: NodeID] = [:]
  var normalised: [NodeID: SlotID] = [:]
  /// Batch norms that are lowered with their rectifier, and how the way back tells what that kept.
  private(set) var rectifiedNorms = RectifiedNorms()
  var rectifiers: [NodeID: NormRectifier] = [:]
  /// Batch norms that are lowered with the sum and the rectifier behind them.
  private(set) var residualNorms = ResidualNorms()
  /// Image gradients that are lowered with the sum and the rectifier's gradient behind them.
  private(set) var gradientSums = GradientSums()
  /// Operations on single elements that are lowered together.
  private(set) var elementwise: ElementwiseGroups
  /// Storages with values that nodes to come may ask for.
  var sharedStorages: Set<Int> = []
  /// How leaves and results lie that are passed from one plan to the next.
  private let orders: PassedOrders

  init(_ plan: Plan, _ options: KernelOptions, threads: Int, orders: PassedOrders) {
    self.plan = plan
    self.orders = orders
    self.options = options
    self.threads = threads
    rules = KernelRules(plan, options, threads: threads)
    quantisation = QuantisationRules(rules)
    slots = Array(repeating: nil, count: plan.graph.nodes.count)
    elementwise = ElementwiseGroups(plan, except: [], isOn: false, takesImages: true)
    for node in plan.graph.nodes {
      if case .maxPool2dGradient(let pooling) = node.op {
        trainedPools.insert(PoolKey(image: node.operands[0], pooling: pooling))
      } else if case .conv2dBiasGradient(let settings, let weights) = node.op {
        biasGradients.insert(
          GradientKey(kind: .convolution(settings, weights: weights), operands: node.operands))
      }
    }
    normalisations = Lowering.normalisations(of: plan.graph)
    if options.kernels.contains(.rectifiedNorms) {
      rectifiedNorms = RectifiedNorms(plan, normalisations.values)
    }
    residualNorms = rules.residualNorms(normalisations)
    gradientSums = rules.gradientSums()
    elementwise = ElementwiseGroups(
      plan, except: rectifiedNorms.taken.union(residualNorms.taken).union(gradientSums.taken),
      isOn: options.kernels.contains(.elementwise),
      takesImages: options.precision != .bfloat16)
  }

  static func lower(
    _ plan: Plan, _ options: KernelOptions, threads: Int, orders: PassedOrders = PassedOrders()
  ) throws(StrataError) -> Program {
    var lowering = Lowering(plan, options, threads: threads, orders: orders)
    lowering.program.origins = plan.graph.nodes.map(\.origin)
    // Leaves come first: what is computed together may need one before its place in the order.
    for index in plan.graph.nodes.indices where plan.graph.nodes[index].op.leafSlot != nil {
      lowering.node = index
      try lowering.lowerNode()
    }
    for index in plan.graph.nodes.indices {
      lowering.node = index
      if lowering.slots[index] == nil, lowering.elementwise.groupOf[index] == nil { try lowering.lowerNode() }
      for group in lowering.elementwise.atPosition[index] ?? [] {
        lowering.node = lowering.elementwise.groups[group].members.last ?? index
        try lowering.lowerElementwise(lowering.elementwise.groups[group])
      }
    }
    try lowering.finishResults()
    return lowering.program
  }

  var isPreparing: Bool { plan.isConstant[node] }
  var current: Node { plan.graph.nodes[node] }

  func slot(of id: NodeID) -> SlotID {
    guard let slot = slots[id.index] else { preconditionFailure("\(id) is read before it is computed") }
    return slot
  }

  // MARK: Slots

  /// A new place for a value of the current node.
  mutating func makeSlot(_ type: TensorType, _ layout: Layout?, byteCount: Int? = nil) -> SlotID {
    let size = byteCount ?? layout?.byteCount ?? type.byteCount
    let home: Slot.Home
    if isPreparing {
      home = .prepared
    } else {
      program.storages.append((byteCount: size, first: program.steps.count, last: program.steps.count))
      home = .workspace(storage: program.storages.count - 1)
    }
    program.slots.append(Slot(home: home, type: type, layout: layout, byteCount: size))
    return program.slots.count - 1
  }

  /// A second view of a slot's memory; `constant` names the node whose constant value it may be.
  mutating func makeAlias(
    of slot: SlotID, _ type: TensorType, _ layout: Layout?, constant: NodeID? = nil, byteOffset: Int = 0
  ) -> SlotID {
    let original = program.slots[slot]
    let alias = program.slots.count
    program.slots.append(
      Slot(
        home: original.home, type: type, layout: layout, byteCount: original.byteCount,
        byteOffset: original.byteOffset + byteOffset))
    if case .prepared = original.home { program.owners[alias] = program.owners[slot] ?? slot }
    if let constant, plan.isConstant[constant.index] { constants[alias] = constant.index }
    return alias
  }

  /// Appends a step and extends the lives of the storages it touches.
  mutating func append(_ action: Step.Action) {
    let step = Step(action: action, node: node)
    if isPreparing {
      program.preparation.append(step)
      return
    }
    for slot in action.slots {
      guard case .workspace(let storage) = program.slots[slot].home else { continue }
      program.storages[storage].last = program.steps.count
    }
    program.steps.append(step)
  }

  /// Appends a primitive, with scratch memory where it wants some.
  mutating func append(_ primitive: Primitive, _ arguments: [(argument: Int32, slot: SlotID)])
    throws(StrataError)
  {
    var arguments = arguments
    let scratch = primitive.scratchByteCount
    if scratch > 0 {
      let layout = try primitive.scratchLayout()
      let slot = makeSlot(TensorType([scratch], .uint8), layout, byteCount: scratch)
      arguments.append((argument: DNNL_ARG_SCRATCHPAD, slot: slot))
    }
    append(.primitive(primitive, arguments))
  }

  /// The value of `slot` in `layout`, reordered where it has another; as integers where a scale is given.
  mutating func reorder(
    _ slot: SlotID, to layout: Layout, as scale: ByteScale? = nil
  ) throws(StrataError) -> SlotID {
    guard let own = program.slots[slot].layout else {
      throw StrataError(.engine, "a value of \(program.slots[slot].type) has no layout to change")
    }
    if own == layout, byteScales[slot] == scale { return slot }
    for copy in reordered[slot] ?? [] where byteScales[copy] == scale {
      if let known = program.slots[copy].layout, known == layout { return copy }
    }
    let copy = try copied(slot, to: layout, as: scale)
    reordered[slot, default: []].append(copy)
    return copy
  }

  /// A fresh copy of `slot` in `layout`, which may be its own.
  mutating func copied(
    _ slot: SlotID, to layout: Layout, as scale: ByteScale? = nil
  ) throws(StrataError) -> SlotID {
    // A constant's copy is made once, whoever asks for it.
    let node = self.node
    if let origin = constantNode(of: slot) { self.node = origin }
    defer { self.node = node }
    let source = program.slots[slot]
    let target = makeSlot(source.type, layout)
    byteScales[target] = scale
    let factor = (byteScales[slot]?.scale ?? 1) / (scale?.scale ?? 1)
    let attributes = try Attributes(scales: factor == 1 ? [:] : [DNNL_ARG_FROM: 0])
    let primitive = try Primitive("a reorder of \(source.type)") { description, engine in
      dnnl_reorder_primitive_desc_create(
        &description, source.layout?.handle, engine, layout.handle, engine, attributes.handle)
    }
    if isPreparing { constants[target] = self.node }
    var arguments = [(argument: DNNL_ARG_FROM, slot: slot), (argument: DNNL_ARG_TO, slot: target)]
    if factor != 1 {
      arguments.append((argument: DNNL_ARG_ATTR_SCALES | DNNL_ARG_FROM, slot: try number(factor)))
    }
    try append(primitive, arguments)
    return target
  }

  /// A number that a primitive is given in memory.
  mutating func number(_ value: Float) throws(StrataError) -> SlotID {
    if let known = numbers[value.bitPattern] { return known }
    let layout = try Layout.plain([1])
    program.slots.append(
      Slot(home: .prepared, type: TensorType([1], .float32), layout: layout, byteCount: layout.byteCount))
    let slot = program.slots.count - 1
    program.preparation.append(Step(action: .kernel(NumberKernel(value: value), [slot]), node: node))
    numbers[value.bitPattern] = slot
    return slot
  }

  /// The node of a variable or of something computed from variables alone that lives in `slot`.
  private func constantNode(of slot: SlotID) -> Int? {
    switch program.slots[slot].home {
    case .prepared, .leaf: constants[slot]
    case .workspace, .result: nil
    }
  }
  /// The constant node whose value a slot holds.
  private var constants: [SlotID: Int] = [:]

  /// Makes something out of a constant once, as a part of the preparation; `slot` must hold that constant.
  mutating func prepare(
    _ slot: SlotID, floats count: Int, by kernel: any Kernel
  ) -> SlotID {
    prepare(slot, [(type: TensorType([count], .float32), layout: nil)], by: kernel)[0]
  }

  /// Makes several things out of a constant.
  mutating func prepare(
    _ slot: SlotID, _ results: [(type: TensorType, layout: Layout?)], by kernel: any Kernel
  ) -> [SlotID] {
    let node = self.node
    if let origin = constantNode(of: slot) { self.node = origin }
    defer { self.node = node }
    let targets = results.map { makeSlot($0.type, $0.layout) }
    for target in targets { constants[target] = self.node }
    append(.kernel(kernel, [slot] + targets))
    return targets
  }

  /// The value of a node in row-major order.
  mutating func plainSlot(of id: NodeID) throws(StrataError) -> SlotID {
    let slot = slot(of: id)
    guard program.slots[slot].layout != nil else { return slot }
    return try reorder(slot, to: try Layout.plain(program.slots[slot].type.shape))
  }

  /// Whether a value is in row-major order.
  func isPlain(_ slot: SlotID) throws(StrataError) -> Bool {
    guard let layout = program.slots[slot].layout else { return true }
    return layout == (try Layout.plain(program.slots[slot].type.shape))
  }

  // MARK: Nodes

  /// Whether oneDNN can see a value: 32-bit floats, not empty, not more axes than it knows.
  static func isNative(_ type: TensorType) -> Bool {
    type.dtype == .float32 && type.shape.elementCount > 0 && type.shape.rank <= 6
  }

  private mutating func lowerNode() throws(StrataError) {
    let node = current
    switch node.op.leafSlot {
    case .input(let leaf), .variable(let leaf):
      let order = orders.leaves[leaf] ?? .plain
      let layout = Lowering.isNative(node.type) ? try order.layout(node.type.shape) : nil
      program.slots.append(
        Slot(home: .leaf(leaf), type: node.type, layout: layout, byteCount: node.type.byteCount))
      slots[self.node] = program.slots.count - 1
    case nil:
      let types = plan.graph.operandTypes(node)
      let isNative = Lowering.isNative(node.type) && types.allSatisfy(Lowering.isNative)
      if let done = pooled[NodeID(self.node)] {
        slots[self.node] = done
      } else if leaveToPointwise() {
        return
      } else if isNative, let slot = try lowerNatively(node) {
        slots[self.node] = slot
      } else {
        slots[self.node] = try lowerToReference(node)
      }
    }
    if isPreparing, let slot = slots[self.node] { constants[slot] = self.node }
  }

  private mutating func lowerToReference(_ node: Node) throws(StrataError) -> SlotID {
    if let result = try lowerDropout(node) { return result }
    if case .reshape = node.op {
      let slot = try plainSlot(of: node.operands[0])
      let layout = Lowering.isNative(node.type) ? try Layout.plain(node.type.shape) : nil
      return makeAlias(of: slot, node.type, layout)
    }
    var operands: [SlotID] = []
    for operand in node.operands { operands.append(try plainSlot(of: operand)) }
    let layout = Lowering.isNative(node.type) ? try Layout.plain(node.type.shape) : nil
    let result = makeSlot(node.type, layout)
    append(.reference(node.op, operands: operands, result: result))
    return result
  }

  /// The order of a value that may be handed out as it is.
  private func order(of slot: SlotID) throws(StrataError) -> ImageOrder? {
    guard orders.keepsResults, let layout = program.slots[slot].layout else {
      return try isPlain(slot) ? .plain : nil
    }
    return try ImageOrder(layout, of: program.slots[slot].type.shape)
  }

  /// Gives every result memory of its own, in row-major order where no other may be kept.
  private mutating func finishResults() throws(StrataError) {
    var storageUsers: [Int: Int] = [:]
    for slot in program.slots {
      if case .workspace(let storage) = slot.home { storageUsers[storage, default: 0] += 1 }
    }
    for (index, result) in plan.graph.results.enumerated() {
      program.results.append(plan.graph[result].type)
      let slot = slot(of: result)
      // A leaf in another order of axes is not the leaf.
      if case .leaf(let leaf) = program.slots[slot].home, try isPlain(slot) {
        program.passedThrough[index] = leaf
        program.resultOrders.append(.plain)
        continue
      }
      let order = try order(of: slot)
      program.resultOrders.append(order ?? .plain)
      node = result.index
      let source = order == nil ? try plainSlot(of: result) : slot
      // Storages that were made for results have one user.
      if case .workspace(let storage) = program.slots[source].home, storageUsers[storage] ?? 1 == 1 {
        program.slots[source].home = .result(index)
        program.storages[storage].byteCount = 0
        continue
      }
      let type = program.slots[source].type
      program.slots.append(
        Slot(
          home: .result(index), type: type, layout: program.slots[source].layout, byteCount: type.byteCount))
      let copy = Step.Action.copy(from: source, to: program.slots.count - 1)
      // Results are made by main steps even where the value is a constant.
      if case .workspace(let storage) = program.slots[source].home {
        program.storages[storage].last = program.steps.count
      }
      program.steps.append(Step(action: copy, node: node))
    }
  }
}

/// How values lie that are passed from one plan to the next.
struct PassedOrders {
  /// Leaves that do not lie row by row.
  var leaves: [Int: ImageOrder] = [:]
  /// Whether results may lie as they are computed.
  var keepsResults = false
}

extension Step.Action {
  var slots: [SlotID] {
    switch self {
    case .primitive(_, let arguments): arguments.map(\.slot)
    case .reference(_, let operands, let result): operands + [result]
    case .kernel(_, let slots): slots
    case .copy(let source, let target): [source, target]
    }
  }
}
