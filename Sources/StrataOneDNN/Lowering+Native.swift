import COneDNN
import StrataCore
import StrataGraph
import StrataKernels
import StrataPasses

extension Lowering {
  /// Lowers a node of 32-bit floats to oneDNN, or returns nil where the reference kernels serve it.
  mutating func lowerNatively(_ node: Node) throws(StrataError) -> SlotID? {
    switch node.op {
    case .conv2d(let settings, let epilogue): try lowerConvolution(node, settings, epilogue)
    case .linear(let hasBias, let epilogue): try lowerLinear(node, hasBias: hasBias, epilogue)
    case .matmul: try lowerMatmul(node)
    case .maxPool2d(let pooling):
      try lowerPooling(
        node, pooling, dnnl_pooling_max,
        isTraining: trainedPools.contains(PoolKey(image: node.operands[0], pooling: pooling)))
    case .averagePool2d(let pooling): try lowerAveragePooling(node, pooling)
    case .adaptiveAveragePool2d(let size): try lowerAdaptivePooling(node, size)
    case .batchNorm(let epsilon, let isAffine): try lowerBatchNorm(node, epsilon: epsilon, isAffine: isAffine)
    case .layerNorm(let epsilon, let isAffine): try lowerLayerNorm(node, epsilon: epsilon, isAffine: isAffine)
    case .activation(let kind):
      if let norm = rectifiedNorm { slot(of: norm) } else { try lowerEltwise(node, Eltwise(kind)) }
    case .unary(let function):
      if let function = Eltwise(function) { try lowerEltwise(node, function) } else { nil }
    case .binary(let function):
      if let algorithm = function.algorithm { try lowerBinary(node, algorithm) } else { nil }
    case .softmax(let axis, let logarithm):
      try lowerSoftmax(node, axis: axis, logarithm ? dnnl_softmax_log : dnnl_softmax_accurate)
    case .concatenate(let axis): try lowerConcatenation(node, axis: axis)
    case .permute(let axes): try lowerPermutation(node, axes)
    case .batchMoments: try lowerMoments(node)
    case .conv2dImageGradient(let settings, let image): try lowerImageGradient(node, settings, image)
    case .conv2dWeightGradient(let settings, let weights):
      try lowerWeightGradient(node, settings, weights, wantsBias: false)
    case .conv2dBiasGradient(let settings, let weights):
      try lowerWeightGradient(node, settings, weights, wantsBias: true)
    case .activationGradient(let kind): try lowerActivationGradient(node, kind)
    case .maxPool2dGradient(let pooling): try lowerMaxPoolGradient(node, pooling)
    case .averagePool2dGradient(let pooling, let image): try lowerAveragePoolGradient(node, pooling, image)
    case .adaptiveAveragePool2dGradient(let image): try lowerAdaptivePoolGradient(node, image)
    case .batchNormGradient(let part, let epsilon, let isAffine):
      try lowerBatchNormGradient(node, part, epsilon: epsilon, isAffine: isAffine)
    case .input, .variable, .full, .clamp, .select, .cast, .reduce, .argReduce, .topK, .reshape, .broadcast,
      .slice, .unslice, .pad, .indexSelect, .indexAdd, .dropout, .crossRank:
      nil
    }
  }

  // MARK: Convolution

  private mutating func lowerConvolution(
    _ node: Node, _ settings: Convolution, _ epilogue: Epilogue
  ) throws(StrataError) -> SlotID {
    if let result = try lowerQuantised(node, settings, epilogue) { return result }
    if let result = try lowerWinograd(node, settings, epilogue) { return result }
    if let result = try lowerPointwise(node, settings, epilogue) { return result }
    if let result = try lowerStem(node, settings) { return result }
    let source = slot(of: node.operands[0])
    let sourceShape = program.slots[source].type.shape
    let (weights, weightShape) = try groupedWeights(node.operands[1], settings)
    let output = node.type.shape
    let bias = settings.hasBias ? try plainSlot(of: node.operands[2]) : nil
    let biasLayout = bias.flatMap { program.slots[$0].layout }
    let window = ConvolutionWindow(sourceShape, plan.graph[node.operands[1]].type.shape, settings, output)
    var operations: [Attributes.PostOperation] = epilogue.addsResidual ? [.sum()] : []
    if let activation = epilogue.activation { operations.append(.eltwise(Eltwise(activation))) }
    let attributes = try Attributes(operations)
    let primitive = try convolution(
      "a convolution of \(sourceShape) to \(output)", sourceShape, weightShape, output
    ) { wanted, description, engine in
      dnnl_convolution_forward_primitive_desc_create(
        &description, engine, dnnl_forward_inference, dnnl_convolution_direct, wanted.image.handle,
        wanted.weights.handle, biasLayout?.handle, wanted.result.handle, window.strides, window.dilation,
        window.before, window.after, attributes.handle)
    }
    let sourceLayout = try primitive.layout(dnnl_query_src_md, dims: sourceShape.sizes)
    let weightLayout = try primitive.layout(dnnl_query_weights_md, dims: weightShape.sizes)
    let outputLayout = try primitive.layout(dnnl_query_dst_md, dims: output.sizes)
    let input = try reorder(source, to: sourceLayout)
    let kernel = try reorder(weights, to: weightLayout)
    let result =
      epilogue.addsResidual
      ? try residualTarget(node, outputLayout, readAlso: input) : makeSlot(node.type, outputLayout)
    var arguments = [
      (argument: DNNL_ARG_SRC, slot: input), (argument: DNNL_ARG_WEIGHTS, slot: kernel),
      (argument: DNNL_ARG_DST, slot: result),
    ]
    if let bias { arguments.append((argument: DNNL_ARG_BIAS, slot: bias)) }
    try append(primitive, arguments)
    return result
  }

  /// Weights in row-major order; with groups, as `[groups, out / groups, in / groups, kh, kw]`.
  mutating func groupedWeights(_ id: NodeID, _ settings: Convolution) throws(StrataError) -> (SlotID, Shape) {
    let weights = try plainSlot(of: id)
    let shape = settings.grouped(plan.graph[id].type.shape)
    if settings.groups == 1 { return (weights, shape) }
    let type = TensorType(shape, .float32)
    return (makeAlias(of: weights, type, try Layout.plain(shape), constant: id), shape)
  }

  /// The memory that holds the residual, to which a primitive adds its result: the residual's own where nobody
  /// reads it afterwards, else a copy.
  private mutating func residualTarget(
    _ node: Node, _ layout: Layout, readAlso input: SlotID
  ) throws(StrataError) -> SlotID {
    if let place = residualPlace(node, layout, readAlso: input) { return place }
    return try copied(slot(of: node.operands[node.operands.count - 1]), to: layout)
  }

  /// The residual's own memory, for the result, where nobody reads it afterwards and it lies as the result is to, or
  /// as `residual`, of the same places, says.
  mutating func residualPlace(
    _ node: Node, _ layout: Layout, readAlso input: SlotID, residual expected: Layout? = nil
  ) -> SlotID? {
    let id = node.operands[node.operands.count - 1]
    let residual = slot(of: id)
    let own = program.slots[residual]
    if let storage = storage(of: residual), let ownLayout = own.layout,
      ownLayout == expected ?? layout,
      storage != self.storage(of: input),
      elementwise.lastReads[id.index] == elementwise.moment(of: self.node),
      !isReadLater(storage, than: self.node, besides: id)
    {
      return makeAlias(of: residual, node.type, layout)
    }
    return nil
  }

  func storage(of slot: SlotID) -> Int? {
    if case .workspace(let storage) = program.slots[slot].home { storage } else { nil }
  }

  /// Whether a node after another reads a value that lies in a storage, or that has a copy there in another layout.
  /// One that was summed up in it and has no reader left does not count, or every second block of a residual
  /// network would copy its input.
  func isReadLater(_ storage: Int, than node: Int, besides id: NodeID) -> Bool {
    if sharedStorages.contains(storage) { return true }
    let moment = elementwise.moment(of: node)
    return slots.enumerated().contains { index, slot in
      guard let slot, elementwise.lastReads[index] > moment else { return false }
      return index != id.index && self.storage(of: slot) == storage || hasCopy(of: slot, in: storage)
    }
  }

  private func hasCopy(of slot: SlotID, in storage: Int) -> Bool {
    reordered[slot]?.contains { self.storage(of: $0) == storage || hasCopy(of: $0, in: storage) } ?? false
  }

  // MARK: Pooling

  /// Lowers pooling; in training the places of the winners are kept for the gradient.
  mutating func lowerPooling(
    _ node: Node, _ pooling: Pooling, _ algorithm: dnnl_alg_kind_t, isTraining: Bool = false
  ) throws(StrataError) -> SlotID {
    var source = slot(of: node.operands[0])
    // The largest of some integers is one of them, their mean is not.
    if algorithm != dnnl_pooling_max, byteScales[source] != nil {
      source = try plainSlot(of: node.operands[0])
    }
    let image = program.slots[source].type.shape
    let output = node.type.shape
    let overhang = pooling.overhang(image, output)
    let sourceLayout = try layout(of: source)
    let wanted = try Layout.any(output, sourceLayout.storedType)
    let attributes = try Attributes()
    let primitive = try Primitive("pooling of \(image) to \(output)") { description, engine in
      dnnl_pooling_forward_primitive_desc_create(
        &description, engine, isTraining ? dnnl_forward_training : dnnl_forward_inference, algorithm,
        sourceLayout.handle, wanted.handle, pooling.stride.dims, pooling.kernel.dims, pooling.gaps.dims,
        pooling.padding.dims, overhang.dims, attributes.handle)
    }
    let resultLayout = try primitive.layout(dnnl_query_dst_md, dims: output.sizes)
    let result = makeSlot(node.type, resultLayout)
    byteScales[result] = byteScales[source]
    var arguments = [(argument: DNNL_ARG_SRC, slot: source), (argument: DNNL_ARG_DST, slot: result)]
    if isTraining {
      let winners = try primitive.layout(dnnl_query_workspace_md, dims: output.sizes)
      let slot = makeSlot(TensorType([winners.byteCount], .uint8), winners)
      arguments.append((argument: DNNL_ARG_WORKSPACE, slot: slot))
      poolWorkspaces[PoolKey(image: node.operands[0], pooling: pooling)] = PoolWorkspace(
        slot: slot, image: sourceLayout, result: resultLayout)
    }
    try append(primitive, arguments)
    return result
  }

  private mutating func lowerAveragePooling(_ node: Node, _ pooling: Pooling) throws(StrataError) -> SlotID? {
    // oneDNN divides differently where a window hangs over the padded border, and knows no other divisor.
    guard pooling.divisor == nil, !pooling.roundsUp else { return nil }
    return try lowerPooling(
      node, pooling,
      pooling.countsPadding ? dnnl_pooling_avg_include_padding : dnnl_pooling_avg_exclude_padding)
  }

  private mutating func lowerAdaptivePooling(_ node: Node, _ size: IntPair) throws(StrataError) -> SlotID? {
    let image = plan.graph[node.operands[0]].type.shape
    guard image[2] % size.height == 0, image[3] % size.width == 0 else { return nil }
    let window = IntPair(image[2] / size.height, image[3] / size.width)
    return try lowerPooling(node, Pooling(kernel: window), dnnl_pooling_avg_exclude_padding)
  }

  // MARK: Element by element

  func layout(of slot: SlotID) throws(StrataError) -> Layout {
    guard let layout = program.slots[slot].layout else {
      throw StrataError(.engine, "a value of \(program.slots[slot].type) has no layout")
    }
    return layout
  }

  private mutating func lowerEltwise(_ node: Node, _ function: Eltwise) throws(StrataError) -> SlotID {
    let source = slot(of: node.operands[0])
    let layout = try layout(of: source)
    let attributes = try Attributes()
    let primitive = try Primitive("an activation of \(node.type)") { description, engine in
      dnnl_eltwise_forward_primitive_desc_create(
        &description, engine, dnnl_forward_inference, function.kind, layout.handle, layout.handle,
        function.alpha,
        function.beta, attributes.handle)
    }
    let result = makeSlot(node.type, layout)
    try append(primitive, [(argument: DNNL_ARG_SRC, slot: source), (argument: DNNL_ARG_DST, slot: result)])
    return result
  }

  private mutating func lowerBinary(_ node: Node, _ algorithm: dnnl_alg_kind_t) throws(StrataError) -> SlotID?
  {
    let shapes = plan.graph.operandTypes(node).map(\.shape)
    guard shapes[0] == node.type.shape else { return nil }
    let first = slot(of: node.operands[0])
    let layout = try layout(of: first)
    let second: SlotID
    if shapes[1] == shapes[0] {
      second = try reorder(slot(of: node.operands[1]), to: layout)
    } else {
      let padded = Shape(Array(repeating: 1, count: node.type.shape.rank - shapes[1].rank) + shapes[1].sizes)
      second = try plainView(of: node.operands[1], as: padded)
      if let scaled = try lowerRowScaling(node, algorithm, first, second) { return scaled }
    }
    let secondLayout = try self.layout(of: second)
    let attributes = try Attributes()
    let primitive = try Primitive("arithmetic on \(node.type)") { description, engine in
      dnnl_binary_primitive_desc_create(
        &description, engine, algorithm, layout.handle, secondLayout.handle, layout.handle, attributes.handle)
    }
    // oneDNN's own fallback is far slower than ours.
    if !primitive.isFast { return nil }
    let result = makeSlot(node.type, layout)
    try append(
      primitive,
      [
        (argument: DNNL_ARG_SRC_0, slot: first), (argument: DNNL_ARG_SRC_1, slot: second),
        (argument: DNNL_ARG_DST, slot: result),
      ])
    return result
  }

  private mutating func lowerSoftmax(
    _ node: Node, axis: Int, _ algorithm: dnnl_alg_kind_t
  ) throws(StrataError) -> SlotID {
    let source = try plainSlot(of: node.operands[0])
    let layout = try layout(of: source)
    let attributes = try Attributes()
    let primitive = try Primitive("a softmax of \(node.type)") { description, engine in
      dnnl_softmax_forward_primitive_desc_create(
        &description, engine, dnnl_forward_inference, algorithm, layout.handle, layout.handle, Int32(axis),
        attributes.handle)
    }
    let result = makeSlot(node.type, layout)
    try append(primitive, [(argument: DNNL_ARG_SRC, slot: source), (argument: DNNL_ARG_DST, slot: result)])
    return result
  }

  private mutating func lowerConcatenation(_ node: Node, axis: Int) throws(StrataError) -> SlotID {
    var sources = node.operands.map(slot(of:))
    var layouts: [Layout] = []
    for source in sources { layouts.append(try layout(of: source)) }
    // All must be stored in one type.
    if Set(layouts.map(\.storedType.rawValue)).count > 1 {
      for (index, operand) in node.operands.enumerated() {
        sources[index] = try plainSlot(of: operand)
        layouts[index] = try layout(of: sources[index])
      }
    }
    let attributes = try Attributes()
    let primitive = try Primitive("a concatenation to \(node.type)") { description, engine in
      let handles: [const_dnnl_memory_desc_t?] = layouts.map(\.handle)
      return dnnl_concat_primitive_desc_create(
        &description, engine, nil, Int32(handles.count), Int32(axis), handles, attributes.handle)
    }
    let result = makeSlot(node.type, try primitive.layout(dnnl_query_dst_md, dims: node.type.shape.sizes))
    var arguments = [(argument: DNNL_ARG_DST, slot: result)]
    for (index, source) in sources.enumerated() {
      arguments.append((argument: DNNL_ARG_MULTIPLE_SRC + Int32(index), slot: source))
    }
    try append(primitive, arguments)
    return result
  }

  private mutating func lowerBatchNorm(
    _ node: Node, epsilon: Double, isAffine: Bool
  ) throws(StrataError) -> SlotID {
    if let known = normalised[NodeID(self.node)] { return known }
    let source = slot(of: node.operands[0])
    let layout = try layout(of: source)
    var flags = dnnl_use_global_stats.rawValue
    if isAffine { flags |= dnnl_use_scale.rawValue | dnnl_use_shift.rawValue }
    let attributes = try Attributes()
    let primitive = try Primitive("batch norm of \(node.type)") { description, engine in
      dnnl_batch_normalization_forward_primitive_desc_create(
        &description, engine, dnnl_forward_inference, layout.handle, layout.handle, Float(epsilon), flags,
        attributes.handle)
    }
    let result = makeSlot(node.type, layout)
    let names = [DNNL_ARG_MEAN, DNNL_ARG_VARIANCE, DNNL_ARG_SCALE, DNNL_ARG_SHIFT]
    var arguments = [(argument: DNNL_ARG_SRC, slot: source), (argument: DNNL_ARG_DST, slot: result)]
    for (name, operand) in zip(names, node.operands.dropFirst()) {
      arguments.append((argument: name, slot: try plainSlot(of: operand)))
    }
    try append(primitive, arguments)
    return result
  }
}
