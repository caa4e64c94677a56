import COneDNN
import StrataCore
import StrataGraph
import StrataKernels
import StrataPasses

extension Lowering {
  mutating func lowerLinear(
    _ node: Node, hasBias: Bool, _ epilogue: Epilogue
  ) throws(StrataError) -> SlotID {
    if let result = try lowerQuantisedLinear(node, hasBias: hasBias, epilogue) { return result }
    let weights = try plainSlot(of: node.operands[1])
    let shape = program.slots[weights].type.shape
    let rows = node.type.shape.elementCount / shape[0]
    let source = try plainView(of: node.operands[0], as: [rows, shape[1]])
    let bias = hasBias ? try plainSlot(of: node.operands[2]) : nil
    let biasLayout = bias.flatMap { program.slots[$0].layout }
    let matrix = TensorType([rows, shape[0]], .float32)
    let layout = try Layout.plain(matrix.shape)
    // Other weights would have to be rounded in every run, which costs more than reading them once as they are.
    let isRounded = options.precision == .bfloat16 && plan.isConstant[node.operands[1].index]
    if !isRounded, options.kernels.contains(.linear), !isPreparing, let bounds = Bounds(epilogue.activation),
      LinearKernel.isFaster(rows: rows)
    {
      let isHalved = options.precision == .float16 && plan.isConstant[node.operands[1].index]
      let job = strata_linear(
        isa: options.instructionSet.rawValue, threads: Int32(threads), rows: Int32(rows),
        channels: Int32(shape[1]), outputs: Int32(shape[0]), halves: isHalved ? 1 : 0, low: bounds.low,
        high: bounds.high)
      let residual =
        try epilogue.addsResidual
        ? plainView(of: node.operands[node.operands.count - 1], as: matrix.shape) : nil
      let result = makeSlot(matrix, layout)
      let kernel = LinearKernel(job: job, hasBias: hasBias, hasResidual: epilogue.addsResidual)
      let values =
        isHalved
        ? prepare(weights, floats: job.halvedByteCount / 4, by: LinearPreparation(job: job)) : weights
      append(.kernel(kernel, [source, values, result] + [bias, residual].compactMap(\.self)))
      return try self.rows(result, as: node)
    }
    var operations: [Attributes.PostOperation] = epilogue.addsResidual ? [.add(layout)] : []
    if let activation = epilogue.activation { operations.append(.eltwise(Eltwise(activation))) }
    let attributes = try Attributes(operations)
    let type = isRounded ? dnnl_bf16 : dnnl_f32
    let layouts = (
      source: try Layout.plain([rows, shape[1]], type),
      weights: isRounded ? try Layout.any(shape, type) : try Layout.plain(shape)
    )
    let primitive = try Primitive("a linear layer of \(shape)") { description, engine in
      dnnl_inner_product_forward_primitive_desc_create(
        &description, engine, dnnl_forward_inference, layouts.source.handle, layouts.weights.handle,
        biasLayout?.handle, layout.handle, attributes.handle)
    }
    let input = try reorder(source, to: layouts.source)
    let kernel = try reorder(weights, to: try primitive.layout(dnnl_query_weights_md, dims: shape.sizes))
    let result = makeSlot(matrix, layout)
    var arguments = [
      (argument: DNNL_ARG_SRC, slot: input), (argument: DNNL_ARG_WEIGHTS, slot: kernel),
      (argument: DNNL_ARG_DST, slot: result),
    ]
    if let bias { arguments.append((argument: DNNL_ARG_BIAS, slot: bias)) }
    if epilogue.addsResidual, let residual = node.operands.last {
      let view = try plainView(of: residual, as: matrix.shape)
      arguments.append((argument: DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE | DNNL_ARG_SRC_1, slot: view))
    }
    try append(primitive, arguments)
    return try self.rows(result, as: node)
  }

  /// The rows that a linear layer gave, under the shape of its node.
  mutating func rows(_ result: SlotID, as node: Node) throws(StrataError) -> SlotID {
    if program.slots[result].type.shape == node.type.shape { return result }
    return makeAlias(of: result, node.type, try Layout.plain(node.type.shape))
  }

  /// A row-major value under another shape of as many elements.
  mutating func plainView(of id: NodeID, as shape: Shape) throws(StrataError) -> SlotID {
    let slot = try plainSlot(of: id)
    if program.slots[slot].type.shape == shape { return slot }
    return makeAlias(of: slot, TensorType(shape, .float32), try Layout.plain(shape), constant: id)
  }

  /// Other distances between the same elements; an operation that wants them in order reorders them.
  mutating func lowerPermutation(_ node: Node, _ axes: [Int]) throws(StrataError) -> SlotID {
    let source = try plainSlot(of: node.operands[0])
    let strides = program.slots[source].type.shape.strides
    let layout = try Layout.make(node.type.shape, strides: axes.map { strides[$0] })
    let view = makeAlias(of: source, node.type, layout)
    if axes.dropLast(2) == Array(0..<axes.count).dropLast(2) { transposed.insert(view) }
    return view
  }

  mutating func lowerMatmul(_ node: Node) throws(StrataError) -> SlotID? {
    let shapes = plan.graph.operandTypes(node).map(\.shape)
    guard shapes.allSatisfy({ $0.rank >= 2 }) else { return nil }
    let rank = node.type.shape.rank
    var slots: [SlotID] = []
    for (operand, shape) in zip(node.operands, shapes) {
      if shape.rank == rank, transposed.contains(slot(of: operand)) {
        slots.append(slot(of: operand))
        continue
      }
      slots.append(
        try plainView(of: operand, as: Shape(Array(repeating: 1, count: rank - shape.rank) + shape.sizes)))
    }
    let layouts = slots.compactMap { program.slots[$0].layout }
    let output = try Layout.plain(node.type.shape)
    let attributes = try Attributes()
    let primitive = try Primitive("a matrix product of \(shapes[0]) and \(shapes[1])") {
      description, engine in
      dnnl_matmul_primitive_desc_create(
        &description, engine, layouts[0].handle, layouts[1].handle, nil, output.handle, attributes.handle)
    }
    let result = makeSlot(node.type, output)
    try append(
      primitive,
      [
        (argument: DNNL_ARG_SRC, slot: slots[0]), (argument: DNNL_ARG_WEIGHTS, slot: slots[1]),
        (argument: DNNL_ARG_DST, slot: result),
      ])
    return result
  }
}
