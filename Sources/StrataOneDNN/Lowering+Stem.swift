import StrataCore
import StrataGraph
import StrataKernels
import StrataPasses

extension Lowering {
  /// Lowers a convolution of an image of few channels in row-major order; nil where oneDNN has to.
  mutating func lowerStem(
    _ node: Node, _ settings: Convolution
  ) throws(StrataError) -> SlotID? {
    let source = slot(of: node.operands[0])
    guard var job = rules.stem(self.node), try isPlain(source) else { return nil }
    let layout = try Layout.channelsLast(node.type.shape)
    guard let distances = layout.channelBlocks else { return nil }
    job.result = distances
    let weights = plan.graph[node.operands[1]].type.shape
    let prepared = prepare(
      try plainSlot(of: node.operands[1]), floats: weights.elementCount, by: StemPreparation(job: job))
    let scratchSlot = makeSlot(TensorType([job.scratchByteCount], .uint8), nil)
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
        job, slots.floats(0), slots.floats(1))
    }
  }
}

/// Convolves: image, packed weights, scratch, result, then the bias where there is one.
private struct StemKernel: Kernel {
  let job: strata_stem
  let hasBias: Bool

  var name: String { "stem" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    withUnsafePointer(to: job) { job in
      strata_stem_run(
        job, slots.floats(0), slots.floats(1), slots.floats(4, isThere: hasBias), slots.floats(3),
        slots.floats(2))
    }
  }
}
