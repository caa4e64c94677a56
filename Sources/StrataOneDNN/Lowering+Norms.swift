import StrataCore
import StrataGraph
import StrataKernels
import StrataPasses

extension Lowering {
  /// Takes a batch's moments and normalises it, with the rectifier behind where there is one; nil where oneDNN does it.
  mutating func lowerNorm(_ node: Node, _ id: NodeID, isRectified: Bool) throws(StrataError) -> SlotID? {
    let norm = plan.graph[id]
    let source = slot(of: node.operands[0])
    guard case .batchNorm(let epsilon, let isAffine) = norm.op,
      let job = rules.norm(norm.type.shape, epsilon: epsilon, rectifies: isRectified),
      try layout(of: source) == Layout.blocked(norm.type.shape)
    else { return nil }
    let moments = makeSlot(node.type, try Layout.plain(node.type.shape))
    let result = makeSlot(norm.type, try layout(of: source))
    var memory = [source, moments, result]
    for operand in norm.operands.dropFirst(3) { memory.append(try plainSlot(of: operand)) }
    append(.kernel(NormKernel(job: job, isAffine: isAffine, hasResidual: false), memory))
    if isRectified { rectifiers[id] = .recomputed }
    normalised[id] = result
    return moments
  }

  /// Computes the gradients of images, scale and shift; nil where oneDNN does it.
  mutating func lowerNormGradient(
    _ node: Node, epsilon: Double, isAffine: Bool
  ) throws(StrataError) -> [SlotID]? {
    let norm = rectifiedNorms.gradients[node.operands[1]]
    let rectifier = norm.flatMap { rectifiers[$0] }
    if case .bits = rectifier { return nil }
    let source = slot(of: node.operands[0])
    let shape = program.slots[source].type.shape
    let layout = try Layout.blocked(shape)
    guard let job = rules.norm(shape, epsilon: epsilon, rectifies: rectifier != nil),
      try self.layout(of: source) == layout
    else { return nil }
    let upstream = try reorder(slot(of: node.operands[1]), to: layout)
    let overwrites = mayOverwrite(node.operands[1], upstream, reading: [source]) {
      plan.graph.nodes[$0].operands == node.operands
    }
    let type = TensorType(shape, .float32)
    let image = overwrites ? makeAlias(of: upstream, type, layout) : makeSlot(type, layout)
    var parts = [image]
    let (mean, variance) = (try plainSlot(of: node.operands[2]), try plainSlot(of: node.operands[3]))
    var memory = [source, upstream, mean, variance, image]
    if isAffine {
      let row: Shape = [shape[1]]
      for _ in 0..<2 { parts.append(makeSlot(TensorType(row, .float32), try Layout.plain(row))) }
      memory += parts.dropFirst()
      memory.append(try plainSlot(of: node.operands[4]))
      if let norm, rectifier != nil { memory.append(try plainSlot(of: plan.graph[norm].operands[4])) }
    }
    append(.kernel(NormGradientKernel(job: job, isAffine: isAffine), memory))
    return parts
  }

  /// Whether a value that some nodes read last may be overwritten by the step that is being lowered, which does the
  /// work of these nodes, besides reading `inputs`.
  func mayOverwrite(
    _ id: NodeID, _ slot: SlotID, reading inputs: [SlotID], by isReader: (Int) -> Bool
  ) -> Bool {
    let moment = elementwise.moment(of: node)
    guard let storage = storage(of: slot), slots[id.index] == slot,
      inputs.allSatisfy({ self.storage(of: $0) != storage }),
      elementwise.lastReads[id.index] != ElementwiseGroups.never,
      !isReadLater(storage, than: node, besides: id)
    else { return false }
    return plan.graph.nodes.indices.allSatisfy { index in
      !plan.graph.nodes[index].operands.contains(id) || isReader(index)
        || elementwise.moment(of: index) < moment
    }
  }
}

/// Normalises and rectifies: images, moments, result, then scale and shift and a residual to add where there are.
struct NormKernel: Kernel {
  let job: strata_norm
  let isAffine: Bool
  let hasResidual: Bool

  var name: String { hasResidual ? "norm:residual" : "norm" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    let moments = slots.floats(1)
    withUnsafePointer(to: job) { job in
      strata_norm_run(
        job, slots.floats(0), slots.floats(3, isThere: isAffine), slots.floats(4, isThere: isAffine),
        slots.floats(slots.count - 1, isThere: hasResidual), moments, moments + Int(job.pointee.channels),
        slots.floats(2))
    }
  }
}

/// Computes a norm's gradients: images, upstream gradient, mean, variance and the images' gradient, then the gradients
/// of scale and shift and scale where there are, and shift where a rectifier follows.
private struct NormGradientKernel: Kernel {
  let job: strata_norm
  let isAffine: Bool

  var name: String { "norm:gradient" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    var buffers = strata_norm_gradient_buffers(
      images: slots.floats(0), upstream: slots.floats(1), mean: slots.floats(2), variance: slots.floats(3),
      scale: slots.floats(7, isThere: isAffine), shift: slots.floats(8, isThere: slots.count > 8),
      result: slots.floats(4), scale_gradient: slots.floats(5, isThere: isAffine),
      shift_gradient: slots.floats(6, isThere: isAffine))
    withUnsafePointer(to: job) { strata_norm_gradient($0, &buffers) }
  }
}
