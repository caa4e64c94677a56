import COneDNN
import StrataCore
import StrataGraph
import StrataKernels
import StrataPasses

/// A depthwise convolution that waits for the pointwise one after it, which will do both.
struct WaitingDepthwise {
  let node: Node
  let settings: Convolution
  let bounds: Bounds
}

extension Lowering {
  /// Whether a depthwise convolution is left to the pointwise one that follows.
  mutating func leaveToPointwise() -> Bool {
    guard let (depthwise, _) = rules.depthwise(node) else { return false }
    waiting[NodeID(node)] = depthwise
    return true
  }

  /// Lowers a 1×1 convolution, with the depthwise one before it where that waits, or one whose windows are packed as
  /// pixels; nil where oneDNN has to.
  mutating func lowerPointwise(
    _ node: Node, _ settings: Convolution, _ epilogue: Epilogue
  ) throws(StrataError) -> SlotID? {
    let depthwise = waiting[node.operands[0]]
    guard var job = rules.pointwise(self.node, after: depthwise) else { return nil }
    let first = depthwise?.node ?? node
    let image = plan.graph[first.operands[0]].type.shape
    var from = slot(of: first.operands[0])
    if !rules.trains || depthwise != nil { from = try reorder(from, to: Layout.channelsLast(image)) }
    let images = try together(from, node.type.shape)
    let (source, layout) = (images.source, images.layout)
    (job.source, job.result) = images.distances
    let weights = prepare(
      try plainSlot(of: node.operands[1]), floats: job.preparedCount,
      by: PointwisePreparation(job: job, isDepthwise: false))
    var slots = [source, weights]
    if let depthwise {
      slots.append(
        prepare(
          try plainSlot(of: depthwise.node.operands[1]), floats: 9 * image[1],
          by: PointwisePreparation(job: job, isDepthwise: true)))
      if depthwise.settings.hasBias { slots.append(try plainSlot(of: depthwise.node.operands[2])) }
    }
    if settings.hasBias { slots.append(try plainSlot(of: node.operands[2])) }
    if epilogue.addsResidual {
      slots.append(try reorder(slot(of: node.operands[node.operands.count - 1]), to: layout))
    }
    slots.append(makeSlot(TensorType([job.scratchByteCount], .uint8), nil))
    let place = epilogue.addsResidual ? residualPlace(node, layout, readAlso: source) : nil
    let result = place ?? makeSlot(node.type, layout)
    slots.append(result)
    let kernel = PointwiseKernel(
      job: job, hasDepthwiseBias: depthwise?.settings.hasBias ?? false, hasBias: settings.hasBias,
      hasResidual: epilogue.addsResidual, isRectified: false)
    append(.kernel(kernel, slots))
    return result
  }

  /// Lowers the image gradient of a 1×1 convolution with what is added to it and the rectifier's gradient behind; nil
  /// where oneDNN's is needed.
  mutating func lowerGradientSum(_ node: Node) throws(StrataError) -> SlotID? {
    guard let tail = gradientSums.tails[NodeID(self.node)], var job = rules.pointwiseGradient(self.node),
      slots[tail.other.index] != nil
    else { return nil }
    let layout = try Layout.blocked(node.type.shape)
    let upstream = try blocked(node.operands[0])
    (job.source, job.result) = (try self.layout(of: upstream).distances(), try layout.distances())
    let weights = prepare(
      try plainSlot(of: node.operands[1]), floats: job.preparedCount,
      by: PointwisePreparation(job: job, isDepthwise: false))
    let (other, rectified) = (try blocked(tail.other), try blocked(tail.rectified))
    let scratch = makeSlot(TensorType([job.scratchByteCount], .uint8), nil)
    let overwrites = mayOverwrite(tail.other, other, reading: [upstream, rectified]) { $0 == tail.sum.index }
    let result = overwrites ? makeAlias(of: other, node.type, layout) : makeSlot(node.type, layout)
    let kernel = PointwiseKernel(
      job: job, hasDepthwiseBias: false, hasBias: false, hasResidual: true, isRectified: true)
    append(.kernel(kernel, [upstream, weights, other, rectified, scratch, result]))
    for node in [tail.sum, tail.step] { slots[node.index] = result }
    return result
  }

  /// Lowers the gradient of weights that multiply a rectifier's results, half of which are zeros; nil where oneDNN has to.
  mutating func lowerSparseWeightGradient(
    _ node: Node, _ settings: Convolution, _ weights: Shape
  ) throws(StrataError) -> SlotID? {
    guard var job = rules.sparseWeightGradient(self.node, settings, weights) else { return nil }
    let (source, upstream) = (try blocked(node.operands[0]), try blocked(node.operands[1]))
    (job.source, job.result) = (try layout(of: source).distances(), try layout(of: upstream).distances())
    let scratch = makeSlot(TensorType([job.gradientScratchByteCount], .uint8), nil)
    let result = makeSlot(TensorType(weights, .float32), try Layout.plain(weights))
    append(.kernel(SparseWeightGradient(job: job), [source, upstream, scratch, result]))
    return result
  }

  /// An image in blocks of 16 channels.
  private mutating func blocked(_ id: NodeID) throws(StrataError) -> SlotID {
    try reorder(slot(of: id), to: Layout.blocked(plan.graph[id].type.shape))
  }

  /// The gradient of 1×1 weights in row-major order where it lies in squares, which oneDNN is slow to change; else as it
  /// is.
  mutating func orderedGradient(_ slot: SlotID) throws(StrataError) -> SlotID {
    let type = program.slots[slot].type
    guard options.kernels.contains(.trainingLayouts), type.shape.count == 4, type.shape[0] % 16 == 0,
      type.shape[1] % 16 == 0, type.shape[2] == 1, type.shape[3] == 1,
      try layout(of: slot) == Layout.tagged(type.shape, dnnl_ABcd16b16a)
    else { return slot }
    var job = strata_pointwise()
    (job.isa, job.threads) = (options.instructionSet.rawValue, Int32(rules.threads))
    (job.outputs, job.channels, job.kernel) = (Int32(type.shape[0]), Int32(type.shape[1]), 1)
    let result = makeSlot(type, try Layout.plain(type.shape))
    append(.kernel(GradientOrdering(job: job), [slot, result]))
    return result
  }
}

/// Computes a weight gradient: image, upstream gradient, scratch and result.
private struct SparseWeightGradient: Kernel {
  let job: strata_pointwise
  var name: String { "sparse:gradient" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    withUnsafePointer(to: job) {
      strata_pointwise_gradient($0, slots.floats(0), slots.floats(1), slots.floats(2), slots.floats(3))
    }
  }
}

/// Brings the gradient of 1×1 weights into row-major order.
private struct GradientOrdering: Kernel {
  let job: strata_pointwise
  var name: String { "pointwise:gradient" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    withUnsafePointer(to: job) { strata_pointwise_order_gradient($0, slots.floats(0), slots.floats(1)) }
  }
}

/// Packs weights.
private struct PointwisePreparation: Kernel {
  let job: strata_pointwise
  let isDepthwise: Bool

  var name: String { isDepthwise ? "depthwise:weights" : "pointwise:weights" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    let (weights, prepared) = (
      slots.floats(0), slots.floats(1)
    )
    withUnsafePointer(to: job) { job in
      if isDepthwise {
        strata_pointwise_prepare_depthwise(job, weights, prepared)
      } else {
        strata_pointwise_prepare(job, weights, prepared)
      }
    }
  }
}

/// Convolves: image, weights, then depthwise weights, depthwise bias, bias, residual and what a rectifier gave where
/// there are, at last scratch and result.
private struct PointwiseKernel: Kernel {
  let job: strata_pointwise
  let hasDepthwiseBias: Bool
  let hasBias: Bool
  let hasResidual: Bool
  let isRectified: Bool

  var name: String {
    if job.transposes != 0 { return "pointwise:image" }
    return job.is_separable != 0 ? "separable" : job.kernel == 1 ? "pointwise" : "sparse"
  }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    var rest = slots.map { $0.assumingMemoryBound(to: Float.self) }[...]
    func next(_ isThere: Bool = true) -> UnsafeMutablePointer<Float>? { isThere ? rest.popFirst() : nil }
    let source = next()
    let weights = next()
    let depthwise = next(job.is_separable != 0)
    let depthwiseBias = next(hasDepthwiseBias)
    let bias = next(hasBias)
    let residual = next(hasResidual)
    let rectified = next(isRectified)
    let scratch = next()
    var buffers = strata_pointwise_buffers(
      source: source, depthwise_weights: depthwise, depthwise_bias: depthwiseBias, weights: weights,
      bias: bias, residual: residual, rectified: rectified, result: next(), scratch: scratch)
    withUnsafePointer(to: job) { strata_pointwise_run($0, &buffers) }
  }
}
