import COneDNN
import StrataCore
import StrataGraph
import StrataPasses

/// A primitive that gives the gradients of several operands at once: a node for each names it by this key.
struct GradientKey: Hashable {
  enum Kind: Hashable {
    case convolution(Convolution, weights: Shape)
    case batchNorm(epsilon: Double, isAffine: Bool)
  }
  let kind: Kind
  let operands: [NodeID]
}

extension Lowering {
  // MARK: Convolution

  mutating func lowerImageGradient(_ node: Node, _ settings: Convolution, _ image: Shape) throws(StrataError)
    -> SlotID
  {
    if let result = try lowerWinogradGradient(node) { return result }
    if let result = try lowerGradientSum(node) { return result }
    let gradient = slot(of: node.operands[0])
    let upstream = program.slots[gradient].type.shape
    let (weights, weightShape) = try groupedWeights(node.operands[1], settings)
    let window = ConvolutionWindow(image, plan.graph[node.operands[1]].type.shape, settings, upstream)
    let attributes = try Attributes()
    let primitive = try convolution(
      "the image gradient of a convolution of \(image)", image, weightShape, upstream
    ) { wanted, description, engine in
      var hint: dnnl_primitive_desc_t?
      var status = dnnl_convolution_forward_primitive_desc_create(
        &hint, engine, dnnl_forward_training, dnnl_convolution_direct, wanted.image.handle,
        wanted.weights.handle, nil, wanted.result.handle, window.strides, window.dilation, window.before,
        window.after,
        attributes.handle)
      guard status == dnnl_success else { return status }
      status = dnnl_convolution_backward_data_primitive_desc_create(
        &description, engine, dnnl_convolution_direct, wanted.image.handle, wanted.weights.handle,
        wanted.result.handle, window.strides, window.dilation, window.before, window.after, hint,
        attributes.handle)
      dnnl_primitive_desc_destroy(hint)
      return status
    }
    let input = try reorder(gradient, to: try primitive.layout(dnnl_query_diff_dst_md, dims: upstream.sizes))
    let kernel = try reorder(
      weights, to: try primitive.layout(dnnl_query_weights_md, dims: weightShape.sizes))
    let result = makeSlot(node.type, try primitive.layout(dnnl_query_diff_src_md, dims: image.sizes))
    try append(
      primitive,
      [
        (argument: DNNL_ARG_DIFF_DST, slot: input), (argument: DNNL_ARG_WEIGHTS, slot: kernel),
        (argument: DNNL_ARG_DIFF_SRC, slot: result),
      ])
    return result
  }

  /// Lowers the gradients for weights and bias together, whichever is asked for first.
  mutating func lowerWeightGradient(
    _ node: Node, _ settings: Convolution, _ weights: Shape, wantsBias: Bool
  ) throws(StrataError) -> SlotID {
    let key = GradientKey(kind: .convolution(settings, weights: weights), operands: node.operands)
    if let known = gradientParts[key]?[wantsBias ? 1 : 0] { return known }
    let hasBias = wantsBias || biasGradients.contains(key)
    if let parts = try lowerWinogradWeightGradient(node, settings, weights, hasBias: hasBias) {
      gradientParts[key] = parts
      share(parts)
      return parts[wantsBias ? 1 : 0]
    }
    if !hasBias, let result = try lowerSparseWeightGradient(node, settings, weights) {
      gradientParts[key] = [result, result]
      share([result])
      return result
    }
    let (source, gradient) = (slot(of: node.operands[0]), slot(of: node.operands[1]))
    let (image, upstream) = (program.slots[source].type.shape, program.slots[gradient].type.shape)
    let grouped = settings.grouped(weights)
    let window = ConvolutionWindow(image, weights, settings, upstream)
    // Stored as parameters are, whatever the images.
    let sums = try Layout.any(grouped)
    let biasLayout = hasBias ? try Layout.plain([weights[0]]) : nil
    let attributes = try Attributes()
    let primitive = try convolution(
      "the weight gradient of a convolution of \(image)", image, grouped, upstream
    ) { wanted, description, engine in
      var hint: dnnl_primitive_desc_t?
      var status = dnnl_convolution_forward_primitive_desc_create(
        &hint, engine, dnnl_forward_training, dnnl_convolution_direct, wanted.image.handle,
        wanted.weights.handle, biasLayout?.handle, wanted.result.handle, window.strides, window.dilation,
        window.before, window.after, attributes.handle)
      guard status == dnnl_success else { return status }
      status = dnnl_convolution_backward_weights_primitive_desc_create(
        &description, engine, dnnl_convolution_direct, wanted.image.handle, sums.handle,
        biasLayout?.handle, wanted.result.handle, window.strides, window.dilation, window.before,
        window.after, hint, attributes.handle)
      dnnl_primitive_desc_destroy(hint)
      return status
    }
    let x = try reorder(source, to: try primitive.layout(dnnl_query_src_md, dims: image.sizes))
    let g = try reorder(gradient, to: try primitive.layout(dnnl_query_diff_dst_md, dims: upstream.sizes))
    let result = makeSlot(
      TensorType(grouped, .float32), try primitive.layout(dnnl_query_diff_weights_md, dims: grouped.sizes))
    var arguments = [
      (argument: DNNL_ARG_SRC, slot: x), (argument: DNNL_ARG_DIFF_DST, slot: g),
      (argument: DNNL_ARG_DIFF_WEIGHTS, slot: result),
    ]
    var bias = result
    if let biasLayout {
      bias = makeSlot(TensorType([weights[0]], .float32), biasLayout)
      arguments.append((argument: DNNL_ARG_DIFF_BIAS, slot: bias))
    }
    try append(primitive, arguments)
    let kernel: SlotID
    if grouped == weights {
      kernel = try orderedGradient(result)
    } else {
      let plain = try reorder(result, to: try Layout.plain(grouped))
      kernel = makeAlias(of: plain, TensorType(weights, .float32), try Layout.plain(weights))
    }
    gradientParts[key] = [kernel, bias]
    share([kernel, bias])
    return wantsBias ? bias : kernel
  }

  // MARK: Pooling

  mutating func lowerMaxPoolGradient(_ node: Node, _ pooling: Pooling) throws(StrataError) -> SlotID {
    let image = node.operands[0]
    let key = PoolKey(image: image, pooling: pooling)
    if poolWorkspaces[key] == nil {
      // The pooled image itself was not needed; its winners are.
      let result = try Op.maxPool2d(pooling).resultType([plan.graph[image].type])
      _ = try lowerPooling(
        Node(op: .maxPool2d(pooling), operands: [image], type: result), pooling, dnnl_pooling_max,
        isTraining: true)
    }
    return try lowerPoolGradient(
      node, pooling, dnnl_pooling_max, image: node.type.shape, gradient: node.operands[1],
      workspace: poolWorkspaces[key])
  }

  mutating func lowerAveragePoolGradient(
    _ node: Node, _ pooling: Pooling, _ image: Shape
  ) throws(StrataError) -> SlotID? {
    guard pooling.divisor == nil, !pooling.roundsUp else { return nil }
    let algorithm =
      pooling.countsPadding ? dnnl_pooling_avg_include_padding : dnnl_pooling_avg_exclude_padding
    return try lowerPoolGradient(
      node, pooling, algorithm, image: image, gradient: node.operands[0], workspace: nil)
  }

  mutating func lowerAdaptivePoolGradient(_ node: Node, _ image: Shape) throws(StrataError) -> SlotID? {
    let size = plan.graph[node.operands[0]].type.shape
    guard image[2] % size[2] == 0, image[3] % size[3] == 0 else { return nil }
    let pooling = Pooling(kernel: IntPair(image[2] / size[2], image[3] / size[3]))
    return try lowerPoolGradient(
      node, pooling, dnnl_pooling_avg_exclude_padding, image: image, gradient: node.operands[0],
      workspace: nil)
  }

  private mutating func lowerPoolGradient(
    _ node: Node, _ pooling: Pooling, _ algorithm: dnnl_alg_kind_t, image: Shape, gradient: NodeID,
    workspace: PoolWorkspace?
  ) throws(StrataError) -> SlotID {
    let source = slot(of: gradient)
    let upstream = program.slots[source].type.shape
    let overhang = pooling.overhang(image, upstream)
    let imageLayout = if let workspace { workspace.image } else { try Layout.channelsLast(image) }
    let resultLayout = if let workspace { workspace.result } else { try Layout.channelsLast(upstream) }
    let attributes = try Attributes()
    let primitive = try Primitive("the gradient of pooling \(image)") { description, engine in
      var hint: dnnl_primitive_desc_t?
      var status = dnnl_pooling_forward_primitive_desc_create(
        &hint, engine, dnnl_forward_training, algorithm, imageLayout.handle, resultLayout.handle,
        pooling.stride.dims, pooling.kernel.dims, pooling.gaps.dims, pooling.padding.dims,
        overhang.dims, attributes.handle)
      guard status == dnnl_success else { return status }
      status = dnnl_pooling_backward_primitive_desc_create(
        &description, engine, algorithm, imageLayout.handle, resultLayout.handle, pooling.stride.dims,
        pooling.kernel.dims, pooling.gaps.dims, pooling.padding.dims, overhang.dims, hint, attributes.handle)
      dnnl_primitive_desc_destroy(hint)
      return status
    }
    let input = try reorder(source, to: try primitive.layout(dnnl_query_diff_dst_md, dims: upstream.sizes))
    let result = makeSlot(node.type, try primitive.layout(dnnl_query_diff_src_md, dims: image.sizes))
    var arguments = [(argument: DNNL_ARG_DIFF_DST, slot: input), (argument: DNNL_ARG_DIFF_SRC, slot: result)]
    if let slot = workspace?.slot { arguments.append((argument: DNNL_ARG_WORKSPACE, slot: slot)) }
    try append(primitive, arguments)
    return result
  }

  // MARK: Element by element

  mutating func lowerActivationGradient(_ node: Node, _ activation: Activation) throws(StrataError) -> SlotID
  {
    // Batch norm's own gradient knows what was kept.
    if let norm = rectifiedNorms.gradients[NodeID(self.node)], rectifiers[norm] != nil {
      return slot(of: node.operands[1])
    }
    let function = activation == .relu6 ? Eltwise.strictClip(0, 6) : Eltwise(activation)
    let source = slot(of: node.operands[0])
    let layout = try layout(of: source)
    let gradient = try reorder(slot(of: node.operands[1]), to: layout)
    let attributes = try Attributes()
    let primitive = try Primitive("the gradient of an activation of \(node.type)") { description, engine in
      var hint: dnnl_primitive_desc_t?
      var status = dnnl_eltwise_forward_primitive_desc_create(
        &hint, engine, dnnl_forward_training, function.kind, layout.handle, layout.handle, function.alpha,
        function.beta, attributes.handle)
      guard status == dnnl_success else { return status }
      status = dnnl_eltwise_backward_primitive_desc_create(
        &description, engine, function.kind, layout.handle, layout.handle, layout.handle, function.alpha,
        function.beta, hint, attributes.handle)
      dnnl_primitive_desc_destroy(hint)
      return status
    }
    let result = makeSlot(node.type, layout)
    try append(
      primitive,
      [
        (argument: DNNL_ARG_SRC, slot: source), (argument: DNNL_ARG_DIFF_DST, slot: gradient),
        (argument: DNNL_ARG_DIFF_SRC, slot: result),
      ])
    return result
  }

  // MARK: Batch norm

  /// Computes a batch's moments and, in the same pass over it, the normalisation that uses them.
  mutating func lowerMoments(_ node: Node) throws(StrataError) -> SlotID? {
    if let moments = try lowerResidualNorm(node) { return moments }
    guard !isPreparing, let normID = normalisations[NodeID(self.node)] else { return nil }
    let norm = plan.graph[normID]
    guard case .batchNorm(let epsilon, let isAffine) = norm.op else { return nil }
    let affine = norm.operands.dropFirst(3)
    guard affine.allSatisfy({ slots[$0.index] != nil }) else { return nil }
    let isRectified = rectifiedNorms.rectifiers[normID] != nil
    if let moments = try lowerNorm(node, normID, isRectified: isRectified) { return moments }
    let source = slot(of: node.operands[0])
    let layout = try layout(of: source)
    var flags = isAffine ? dnnl_use_scale.rawValue | dnnl_use_shift.rawValue : 0
    if isRectified { flags |= dnnl_fuse_norm_relu.rawValue }
    let attributes = try Attributes()
    let primitive = try Primitive("batch norm of \(norm.type)") { description, engine in
      dnnl_batch_normalization_forward_primitive_desc_create(
        &description, engine, dnnl_forward_training, layout.handle, layout.handle, Float(epsilon), flags,
        attributes.handle)
    }
    let channels: Shape = [norm.type.shape[1]]
    let moments = makeSlot(node.type, try Layout.plain(node.type.shape))
    let row = TensorType(channels, .float32)
    let mean = makeAlias(of: moments, row, try Layout.plain(channels))
    let variance = makeAlias(of: moments, row, try Layout.plain(channels), byteOffset: row.byteCount)
    let result = makeSlot(norm.type, layout)
    var arguments = [
      (argument: DNNL_ARG_SRC, slot: source), (argument: DNNL_ARG_DST, slot: result),
      (argument: DNNL_ARG_MEAN, slot: mean), (argument: DNNL_ARG_VARIANCE, slot: variance),
    ]
    for (name, operand) in zip([DNNL_ARG_SCALE, DNNL_ARG_SHIFT], affine) {
      arguments.append((argument: name, slot: try plainSlot(of: operand)))
    }
    if isRectified {
      let bits = try primitive.layout(dnnl_query_workspace_md, dims: [])
      let slot = makeSlot(TensorType([bits.byteCount], .uint8), bits)
      arguments.append((argument: DNNL_ARG_WORKSPACE, slot: slot))
      rectifiers[normID] = .bits(slot)
    }
    try append(primitive, arguments)
    normalised[normID] = result
    return moments
  }

  mutating func lowerBatchNormGradient(
    _ node: Node, _ part: BatchNormPart, epsilon: Double, isAffine: Bool
  ) throws(StrataError) -> SlotID {
    let key = GradientKey(kind: .batchNorm(epsilon: epsilon, isAffine: isAffine), operands: node.operands)
    let position = BatchNormPart.allCases.firstIndex(of: part) ?? 0
    if let known = gradientParts[key]?[position] { return known }
    if let parts = try lowerNormGradient(node, epsilon: epsilon, isAffine: isAffine) {
      gradientParts[key] = parts
      share(parts)
      return parts[position]
    }
    let source = slot(of: node.operands[0])
    let layout = try layout(of: source)
    let shape = program.slots[source].type.shape
    let gradient = try reorder(slot(of: node.operands[1]), to: layout)
    // Scale and shift are asked for in any case: the sums are needed for the image too.
    var flags = isAffine ? dnnl_use_scale.rawValue | dnnl_use_shift.rawValue : 0
    let rectifier = rectifiedNorms.gradients[node.operands[1]].flatMap { rectifiers[$0] }
    let bits: SlotID? = if case .bits(let slot) = rectifier { slot } else { nil }
    if bits != nil { flags |= dnnl_fuse_norm_relu.rawValue }
    let attributes = try Attributes()
    let primitive = try Primitive("the gradient of batch norm of \(shape)") { description, engine in
      var hint: dnnl_primitive_desc_t?
      var status = dnnl_batch_normalization_forward_primitive_desc_create(
        &hint, engine, dnnl_forward_training, layout.handle, layout.handle, Float(epsilon), flags,
        attributes.handle)
      guard status == dnnl_success else { return status }
      status = dnnl_batch_normalization_backward_primitive_desc_create(
        &description, engine, isAffine ? dnnl_backward : dnnl_backward_data, layout.handle, layout.handle,
        layout.handle, Float(epsilon), flags, hint, attributes.handle)
      dnnl_primitive_desc_destroy(hint)
      return status
    }
    let image = makeSlot(TensorType(shape, .float32), layout)
    var parts = [image]
    var arguments = [
      (argument: DNNL_ARG_SRC, slot: source), (argument: DNNL_ARG_DIFF_DST, slot: gradient),
      (argument: DNNL_ARG_MEAN, slot: try plainSlot(of: node.operands[2])),
      (argument: DNNL_ARG_VARIANCE, slot: try plainSlot(of: node.operands[3])),
      (argument: DNNL_ARG_DIFF_SRC, slot: image),
    ]
    if isAffine {
      arguments.append((argument: DNNL_ARG_SCALE, slot: try plainSlot(of: node.operands[4])))
      let channels: Shape = [shape[1]]
      for name in [DNNL_ARG_DIFF_SCALE, DNNL_ARG_DIFF_SHIFT] {
        let slot = makeSlot(TensorType(channels, .float32), try Layout.plain(channels))
        arguments.append((argument: name, slot: slot))
        parts.append(slot)
      }
    }
    if let bits { arguments.append((argument: DNNL_ARG_WORKSPACE, slot: bits)) }
    try append(primitive, arguments)
    gradientParts[key] = parts
    share(parts)
    return parts[position]
  }
}
