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
  /// Whether a depthwise convolution can be left to the pointwise one that follows.
  mutating func leaveToPointwise(
    _ node: Node, _ settings: Convolution, _ epilogue: Epilogue
  ) -> Bool {
    let shapes = plan.graph.operandTypes(node).map(\.shape)
    guard options.kernels.contains(.separable), let bounds = Bounds(epilogue.activation),
      !epilogue.addsResidual, settings.groups == shapes[0][1], shapes[1] == [settings.groups, 1, 3, 3],
      settings.dilation == 1, uses[self.node] == 1, !plan.isConstant[self.node],
      areConstant(node.operands.dropFirst()),
      let next = nextStep, case .conv2d(let following, let followingEpilogue) = plan.graph.nodes[next].op,
      plan.graph.nodes[next].operands[0] == NodeID(self.node),
      canBePointwise(next, following, followingEpilogue), following.stride == 1
    else { return false }
    waiting[NodeID(self.node)] = WaitingDepthwise(node: node, settings: settings, bounds: bounds)
    return true
  }

  /// Lowers a 1×1 convolution, with the depthwise one before it where that waits; nil where oneDNN has to.
  mutating func lowerPointwise(
    _ node: Node, _ settings: Convolution, _ epilogue: Epilogue
  ) throws(StrataError) -> SlotID? {
    let depthwise = waiting[node.operands[0]]
    guard depthwise != nil || options.kernels.contains(.pointwise),
      canBePointwise(self.node, settings, epilogue), let bounds = Bounds(epilogue.activation)
    else { return nil }
    let first = depthwise?.node ?? node
    let image = plan.graph[first.operands[0]].type.shape
    let output = node.type.shape
    let job = strata_pointwise(
      isa: options.instructionSet.rawValue, threads: Int32(threads), batch: Int32(image[0]),
      channels: Int32(image[1]), height: Int32(image[2]), width: Int32(image[3]), outputs: Int32(output[1]),
      result_height: Int32(output[2]), result_width: Int32(output[3]),
      stride_height: Int32((depthwise?.settings ?? settings).stride.height),
      stride_width: Int32((depthwise?.settings ?? settings).stride.width),
      is_separable: depthwise == nil ? 0 : 1,
      pad_top: Int32(depthwise?.settings.padding.height ?? 0),
      pad_left: Int32(depthwise?.settings.padding.width ?? 0),
      middle_low: depthwise?.bounds.low ?? -.infinity, middle_high: depthwise?.bounds.high ?? .infinity,
      low: bounds.low, high: bounds.high)
    let source = try reorder(slot(of: first.operands[0]), to: Layout.channelsLast(image))
    let layout = try Layout.channelsLast(output)
    let weights = prepare(
      try plainSlot(of: node.operands[1]), floats: image[1] * output[1],
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
    let scratch = Int(withUnsafePointer(to: job, strata_pointwise_scratch_bytes))
    slots.append(makeSlot(TensorType([scratch], .uint8), nil))
    let place = epilogue.addsResidual ? residualPlace(node, layout, readAlso: source) : nil
    let result = place ?? makeSlot(node.type, layout)
    slots.append(result)
    let kernel = PointwiseKernel(
      job: job, hasDepthwiseBias: depthwise?.settings.hasBias ?? false, hasBias: settings.hasBias,
      hasResidual: epilogue.addsResidual)
    append(.kernel(kernel, slots))
    return result
  }

  /// The next node that is computed at each run.
  private var nextStep: Int? {
    plan.graph.nodes.indices.dropFirst(node + 1).first { !plan.isConstant[$0] }
  }

  private func areConstant(_ nodes: some Sequence<NodeID>) -> Bool {
    nodes.allSatisfy { plan.isConstant[$0.index] }
  }

  private func canBePointwise(_ index: Int, _ settings: Convolution, _ epilogue: Epilogue) -> Bool {
    let node = plan.graph.nodes[index]
    let weights = plan.graph[node.operands[1]].type.shape
    return weights.dropFirst(2).allSatisfy { $0 == 1 } && settings.padding == 0 && settings.groups == 1
      && weights[0] % 16 == 0 && weights[1] % 16 == 0 && Bounds(epilogue.activation) != nil
      && areConstant([node.operands[1]]) && !plan.isConstant[index] && Lowering.isNative(node.type)
  }
}

/// Packs weights.
private struct PointwisePreparation: Kernel {
  let job: strata_pointwise
  let isDepthwise: Bool

  var name: String { isDepthwise ? "depthwise:weights" : "pointwise:weights" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    let (weights, prepared) = (
      slots[0].assumingMemoryBound(to: Float.self), slots[1].assumingMemoryBound(to: Float.self)
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

/// Convolves: image, weights, then depthwise weights, depthwise bias, bias and residual where there are, at last
/// scratch and result.
private struct PointwiseKernel: Kernel {
  let job: strata_pointwise
  let hasDepthwiseBias: Bool
  let hasBias: Bool
  let hasResidual: Bool

  var name: String { job.is_separable == 0 ? "pointwise" : "separable" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    var rest = slots.map { $0.assumingMemoryBound(to: Float.self) }[...]
    func next(_ isThere: Bool = true) -> UnsafeMutablePointer<Float>? { isThere ? rest.popFirst() : nil }
    let source = next()
    let weights = next()
    let depthwise = next(job.is_separable != 0)
    let depthwiseBias = next(hasDepthwiseBias)
    let bias = next(hasBias)
    let residual = next(hasResidual)
    let scratch = next()
    var buffers = strata_pointwise_buffers(
      source: source, depthwise_weights: depthwise, depthwise_bias: depthwiseBias, weights: weights,
      bias: bias,
      residual: residual, result: next(), scratch: scratch)
    withUnsafePointer(to: job) { strata_pointwise_run($0, &buffers) }
  }
}
