import StrataCore
import StrataGraph
import StrataKernels
import StrataPasses

extension Lowering {
  /// Lowers a 3×3 or 5×5 convolution to Winograd's, or returns nil where that cannot be or is no faster.
  mutating func lowerWinograd(
    _ node: Node, _ settings: Convolution, _ epilogue: Epilogue
  ) throws(StrataError) -> SlotID? {
    guard let (job, pool) = rules.winograd(self.node) else { return nil }
    let type = pool.map { plan.graph[$0].type } ?? node.type
    let images = try together(slot(of: node.operands[0]), type.shape)
    let bias = settings.hasBias ? try plainSlot(of: node.operands[2]) : nil
    let residual =
      epilogue.addsResidual
      ? try reorder(slot(of: node.operands[node.operands.count - 1]), to: images.layout) : nil
    let weights = try plainSlot(of: node.operands[1])
    let place = residual == nil ? nil : residualPlace(node, images.layout, readAlso: images.source)
    let result = place ?? makeSlot(type, images.layout)
    if let pool { pooled[pool] = result }
    append(job, images, weights, result, bias: bias, residual: residual)
    return result
  }

  /// Lowers the image gradient of such a convolution; nil as above.
  mutating func lowerWinogradGradient(_ node: Node) throws(StrataError) -> SlotID? {
    guard let job = rules.winogradGradient(self.node) else { return nil }
    let images = try together(slot(of: node.operands[0]), node.type.shape)
    let weights = try plainSlot(of: node.operands[1])
    let result = makeSlot(node.type, images.layout)
    append(job, images, weights, result)
    return result
  }

  /// Lowers the weight gradient of a 3×3 convolution, and that of its bias, which are row-major as parameters are; nil
  /// as above.
  mutating func lowerWinogradWeightGradient(
    _ node: Node, _ settings: Convolution, _ weights: Shape, hasBias: Bool
  ) throws(StrataError) -> [SlotID]? {
    guard var job = rules.winogradWeightGradient(self.node, settings, weights) else { return nil }
    let gradient = slot(of: node.operands[1])
    let images = try together(slot(of: node.operands[0]), program.slots[gradient].type.shape)
    let isTogether = try layout(of: gradient).channelBlocks != nil
    let from = isTogether ? gradient : try reorder(gradient, to: images.layout)
    (job.source, job.result) = (images.distances.source, try layout(of: from).distances())
    let result = makeSlot(TensorType(weights, .float32), try Layout.plain(weights))
    let row: Shape = [weights[0]]
    let bias = hasBias ? makeSlot(TensorType(row, .float32), try Layout.plain(row)) : nil
    let scratch = makeSlot(TensorType([job.gradientScratchByteCount], .uint8), nil)
    let kernel = WinogradGradientKernel(job: job, hasBias: bias != nil)
    append(.kernel(kernel, [images.source, from, scratch, result] + [bias].compactMap(\.self)))
    return [result, bias ?? result]
  }

  private mutating func append(
    _ job: strata_winograd, _ images: TogetherImages, _ weights: SlotID, _ result: SlotID,
    bias: SlotID? = nil, residual: SlotID? = nil
  ) {
    var job = job
    (job.source, job.result) = images.distances
    let prepared = prepare(
      weights, floats: Int(withUnsafePointer(to: job, strata_winograd_weight_count)),
      by: WinogradPreparation(job: job))
    let scratchSlot = makeSlot(TensorType([job.scratchByteCount], .uint8), nil)
    let kernel = WinogradKernel(job: job, hasBias: bias != nil, hasResidual: residual != nil)
    append(
      .kernel(kernel, [images.source, prepared, scratchSlot, result] + [bias, residual].compactMap(\.self)))
  }

  /// A value whose channels lie side by side, 16 at a time or all: as it is, or reordered to channels last; and the
  /// layout of a result that is to lie in the same way.
  mutating func together(_ slot: SlotID, _ result: Shape) throws(StrataError) -> TogetherImages {
    var source = slot
    var layout = try self.layout(of: slot)
    if layout.channelBlocks == nil {
      layout = try Layout.channelsLast(program.slots[slot].type.shape)
      source = try reorder(slot, to: layout)
    }
    let resultLayout = layout.isBlocked ? try Layout.blocked(result) : try Layout.channelsLast(result)
    let distances = (try layout.distances(), try resultLayout.distances())
    return TogetherImages(source: source, layout: resultLayout, distances: distances)
  }
}

/// Images before and after a convolution, whose channels lie side by side.
struct TogetherImages {
  let source: SlotID
  /// Of the result.
  let layout: Layout
  let distances: (source: strata_image_layout, result: strata_image_layout)
}

/// The limits that an activation sets, where that is all it does.
struct Bounds {
  var low = -Float.infinity
  var high = Float.infinity

  init?(_ activation: Activation?) {
    switch activation {
    case nil: break
    case .relu: low = 0
    case .relu6: (low, high) = (0, 6)
    case .hardswish, .hardsigmoid, .sigmoid, .silu, .tanh, .gelu, .leakyReLU: return nil
    }
  }
}

/// What a convolution costs in several ways, in multiply-accumulates of a core at full speed.
struct WinogradWork {
  let image: Shape
  let result: Shape
  /// Weights along each axis.
  let kernel: Int
  /// How much faster than in 32-bit floats oneDNN's direct convolution is.
  let directSpeed: Double
  /// Whether weights are other ones at each run.
  let preparesEachTime: Bool

  /// Multiply-accumulates in the time in which a byte comes from memory.
  private static let macsForByte = 7.0
  /// The time of products against that of oneDNN's direct convolution, for each multiply-accumulate.
  private static let slowness = 1.15
  /// Multiply-accumulates in the time in which an element of a window is transformed there or back.
  private static let macsForElement = 10.0
  /// Multiply-accumulates in the time in which an element of weights is transformed late.
  private static let macsForWeight = 5.0
  /// Tiles for which transforming weights late was measured. For more of them windows and sums leave the cache.
  private static let mostLateTiles = 128

  private var channelPairs: Double { Double(image[1] * result[1]) }

  /// oneDNN's direct convolution.
  var direct: Double {
    let weights = Double(kernel * kernel) * channelPairs
    return max(weights * Double(result[0] * result[2] * result[3]), 4 * weights * WinogradWork.macsForByte)
      / directSpeed
  }

  private func tiles(_ form: WinogradForm) -> Int {
    result[0] * ((result[2] + form.tile - 1) / form.tile) * ((result[3] + form.tile - 1) / form.tile)
  }

  private func places(_ form: WinogradForm) -> Double {
    Double((form.tile + kernel - 1) * (form.tile + kernel - 1))
  }

  /// The matrix products, and the transforms of what is multiplied and added up over tiles.
  private func filtering(_ form: WinogradForm) -> (products: Double, transforms: Double) {
    let elements = places(form) * Double(tiles(form))
    return (
      elements * channelPairs * WinogradWork.slowness,
      elements * Double(image[1] + result[1]) * WinogradWork.macsForElement
    )
  }

  func winograd(_ form: WinogradForm) -> Double {
    let places = places(form)
    let (products, transforms) = filtering(form)
    // Prepared weights are read once at least.
    let weights = (form.isLate ? Double(kernel * kernel) : places) * channelPairs
    let reading = 4 * weights * WinogradWork.macsForByte
    let late = form.isLate ? places * channelPairs * WinogradWork.macsForWeight : 0
    return max(products + late, reading) + transforms + (preparesEachTime ? reading : 0)
  }

  /// The weight gradient in tiles of 4, for which the result's gradient is transformed too.
  var weightGradient: Double {
    let (products, transforms) = filtering(WinogradForm(tile: 4, isLate: false))
    return max(products, 4 * 9 * channelPairs * WinogradWork.macsForByte) + transforms
  }

  /// The form that is fastest, or nil where the direct way is. One that is forced is taken where there is a kernel for it.
  func bestForm(forced: WinogradForm?) -> WinogradForm? {
    let tiles = kernel == 3 ? [4, 2] : [4]
    if let forced { return tiles.contains(forced.tile) ? forced : nil }
    var best: (form: WinogradForm?, cost: Double) = (nil, direct * 0.95)
    for tile in tiles {
      for form in [WinogradForm(tile: tile, isLate: false), WinogradForm(tile: tile, isLate: true)] {
        guard !form.isLate || self.tiles(form) <= WinogradWork.mostLateTiles else { continue }
        let cost = winograd(form)
        if cost < best.cost { best = (form, cost) }
      }
    }
    return best.form
  }
}

/// Transforms weights.
private struct WinogradPreparation: Kernel {
  let job: strata_winograd
  var name: String { "winograd:weights" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    withUnsafePointer(to: job) { job in
      strata_winograd_prepare(
        job, slots.floats(0), slots.floats(1))
    }
  }
}

/// Convolves: image, transformed weights, scratch, result, then bias and residual where there are.
private struct WinogradKernel: Kernel {
  let job: strata_winograd
  let hasBias: Bool
  let hasResidual: Bool

  var name: String { "winograd:f\(job.tile)\(job.is_late == 0 ? "" : ":late")" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    withUnsafePointer(to: job) { job in
      strata_winograd_run(
        job, slots.floats(0), slots.floats(1), slots.floats(4, isThere: hasBias),
        slots.floats(hasBias ? 5 : 4, isThere: hasResidual),
        slots.floats(3), slots.floats(2))
    }
  }
}

/// Computes the gradients of weights: image, gradient of the result, scratch, weights' gradient, then the bias's.
private struct WinogradGradientKernel: Kernel {
  let job: strata_winograd
  let hasBias: Bool

  var name: String { "winograd:gradient" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    withUnsafePointer(to: job) { job in
      strata_winograd_gradient(
        job, slots.floats(0), slots.floats(1), slots.floats(3), slots.floats(4, isThere: hasBias),
        slots.floats(2))
    }
  }
}
