import StrataCore
import StrataGraph
import StrataKernels
import StrataPasses

extension Lowering {
  /// Lowers a convolution of an image of few channels in row-major order; nil where oneDNN has to.
  mutating func lowerStem(
    _ node: Node, _ settings: Convolution, _ epilogue: Epilogue
  ) throws(StrataError) -> SlotID? {
    let shapes = plan.graph.operandTypes(node).map(\.shape)
    let (image, weights, output) = (shapes[0], shapes[1], node.type.shape)
    let source = slot(of: node.operands[0])
    guard options.kernels.contains(.stem), let bounds = Bounds(epilogue.activation), !epilogue.addsResidual,
      image[1] <= 4, settings.groups == 1, settings.dilation == 1, weights[0] % 16 == 0,
      [1, 2, 4].contains(settings.stride.width), output[3] >= 14, try isPlain(source),
      plan.isConstant[node.operands[1].index], !plan.isConstant[self.node]
    else { return nil }
    let layout = try Layout.channelsLast(output)
    guard let distances = layout.channelBlocks else { return nil }
    let job = strata_stem(
      isa: options.instructionSet.rawValue, threads: Int32(threads), batch: Int32(image[0]),
      channels: Int32(image[1]), height: Int32(image[2]), width: Int32(image[3]), outputs: Int32(output[1]),
      result_height: Int32(output[2]), result_width: Int32(output[3]), kernel_height: Int32(weights[2]),
      kernel_width: Int32(weights[3]), stride_height: Int32(settings.stride.height),
      stride_width: Int32(settings.stride.width), pad_top: Int32(settings.padding.height),
      pad_left: Int32(settings.padding.width), result: distances, low: bounds.low, high: bounds.high)
    let prepared = prepare(
      try plainSlot(of: node.operands[1]), floats: weights.elementCount, by: StemPreparation(job: job))
    let scratch = Int(withUnsafePointer(to: job, strata_stem_scratch_bytes))
    let scratchSlot = makeSlot(TensorType([scratch], .uint8), nil)
    let result = makeSlot(node.type, layout)
    var slots = [source, prepared, scratchSlot, result]
    if settings.hasBias { slots.append(try plainSlot(of: node.operands[2])) }
    append(.kernel(StemKernel(job: job, hasBias: settings.hasBias), slots))
    return result
  }
}

/// Packs weights.
private struct StemPreparation: Kernel {
  let job: strata_stem
  var name: String { "stem:weights" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    withUnsafePointer(to: job) { job in
      strata_stem_prepare(
        job, slots[0].assumingMemoryBound(to: Float.self), slots[1].assumingMemoryBound(to: Float.self))
    }
  }
}

/// Convolves: image, packed weights, scratch, result, then the bias where there is one.
private struct StemKernel: Kernel {
  let job: strata_stem
  let hasBias: Bool

  var name: String { "stem" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    func floats(_ index: Int) -> UnsafeMutablePointer<Float> {
      slots[index].assumingMemoryBound(to: Float.self)
    }
    withUnsafePointer(to: job) { job in
      strata_stem_run(job, floats(0), floats(1), hasBias ? floats(4) : nil, floats(3), floats(2))
    }
  }
}
