import StrataCore
import StrataGraph
import StrataKernels
import StrataPasses

extension Lowering {
  /// Lowers a 3×3 or 5×5 convolution to Winograd's, or returns nil where that cannot be or is no faster.
  mutating func lowerWinograd(
    _ node: Node, _ settings: Convolution, _ epilogue: Epilogue
  ) throws(StrataError) -> SlotID? {
    let shapes = plan.graph.operandTypes(node).map(\.shape)
    guard let bounds = Bounds(epilogue.activation), suitsWinograd(settings, weights: node.operands[1]),
      let tile = bestTile(shapes[0], node.type.shape, kernel: shapes[1][2])
    else { return nil }
    let pool = poolingAfter(node, epilogue)
    let type = pool.map { plan.graph[$0].type } ?? node.type
    let source = try channelsTogether(slot(of: node.operands[0]))
    let layout = try resultLayout(type.shape, besides: source)
    guard let distances = layout.channelBlocks else { return nil }
    let job = strata_winograd(
      isa: options.instructionSet.rawValue, threads: Int32(threads), kernel: Int32(shapes[1][2]),
      tile: Int32(tile), batch: Int32(shapes[0][0]), channels: Int32(shapes[0][1]),
      height: Int32(shapes[0][2]), width: Int32(shapes[0][3]), outputs: Int32(shapes[1][0]),
      result_height: Int32(node.type.shape[2]), result_width: Int32(node.type.shape[3]),
      pad_top: Int32(settings.padding.height), pad_left: Int32(settings.padding.width),
      source: source.distances, result: distances, low: bounds.low, high: bounds.high,
      pools: pool == nil ? 0 : 1, transposes: 0)
    let bias = settings.hasBias ? try plainSlot(of: node.operands[2]) : nil
    let residual =
      epilogue.addsResidual
      ? try reorder(slot(of: node.operands[node.operands.count - 1]), to: layout) : nil
    let weights = try plainSlot(of: node.operands[1])
    let place = residual == nil ? nil : residualPlace(node, layout, readAlso: source.slot)
    let result = place ?? makeSlot(type, layout)
    if let pool { pooled[pool] = result }
    append(job, source.slot, weights, result, bias: bias, residual: residual)
    return result
  }

  /// Lowers the image gradient of a convolution, which is a convolution of the result's gradient; nil as above.
  mutating func lowerWinogradGradient(
    _ node: Node, _ settings: Convolution
  ) throws(StrataError) -> SlotID? {
    let shapes = plan.graph.operandTypes(node).map(\.shape)
    let (upstream, image, kernel) = (shapes[0], node.type.shape, shapes[1][2])
    let padding = (kernel - 1 - settings.padding.height, kernel - 1 - settings.padding.width)
    guard padding.0 >= 0, padding.1 >= 0, suitsWinograd(settings, weights: node.operands[1]),
      let tile = bestTile(upstream, image, kernel: kernel)
    else { return nil }
    let source = try channelsTogether(slot(of: node.operands[0]))
    let layout = try resultLayout(image, besides: source)
    guard let distances = layout.channelBlocks else { return nil }
    let job = strata_winograd(
      isa: options.instructionSet.rawValue, threads: Int32(threads), kernel: Int32(kernel),
      tile: Int32(tile), batch: Int32(upstream[0]), channels: Int32(upstream[1]),
      height: Int32(upstream[2]), width: Int32(upstream[3]), outputs: Int32(image[1]),
      result_height: Int32(image[2]), result_width: Int32(image[3]), pad_top: Int32(padding.0),
      pad_left: Int32(padding.1), source: source.distances, result: distances, low: -.infinity,
      high: .infinity, pools: 0, transposes: 1)
    let weights = try plainSlot(of: node.operands[1])
    let result = makeSlot(node.type, layout)
    append(job, source.slot, weights, result)
    return result
  }

  /// Whether the kernel can do a convolution, and its weights are transformed seldom enough.
  private func suitsWinograd(_ settings: Convolution, weights: NodeID) -> Bool {
    let shape = plan.graph[weights].type.shape
    // In training, only where all share the layout that the kernel reads.
    let isSuited = trains ? options.instructionSet == .avx512 && options.precision == .float32 : true
    return options.kernels.contains(.winograd) && shape[2] == shape[3] && [3, 5].contains(shape[2])
      && settings.stride == 1 && settings.dilation == 1 && settings.groups == 1 && shape[0] % 16 == 0
      && shape[1] % 16 == 0 && isSuited && (trains || plan.isConstant[weights.index])
      && !plan.isConstant[self.node]
  }

  private func bestTile(_ image: Shape, _ result: Shape, kernel: Int) -> Int? {
    WinogradWork(
      image: image, result: result, kernel: kernel, directSpeed: options.precision == .bfloat16 ? 2 : 1
    ).bestTile(among: options.forcedTile)
  }

  /// The layout of a result as that of its source is.
  private func resultLayout(_ shape: Shape, besides source: TogetherImage) throws(StrataError) -> Layout {
    source.isBlocked ? try Layout.blocked(shape) : try Layout.channelsLast(shape)
  }

  private mutating func append(
    _ job: strata_winograd, _ source: SlotID, _ weights: SlotID, _ result: SlotID, bias: SlotID? = nil,
    residual: SlotID? = nil
  ) {
    let prepared = prepare(
      weights, floats: Int(withUnsafePointer(to: job, strata_winograd_weight_count)),
      by: WinogradPreparation(job: job))
    let scratch = Int(withUnsafePointer(to: job, strata_winograd_scratch_bytes))
    let scratchSlot = makeSlot(TensorType([scratch], .uint8), nil)
    let kernel = WinogradKernel(job: job, hasBias: bias != nil, hasResidual: residual != nil)
    append(.kernel(kernel, [source, prepared, scratchSlot, result] + [bias, residual].compactMap(\.self)))
  }

  /// The max pooling of 2×2 windows that alone reads a convolution's result, and which is then done with it.
  private func poolingAfter(_ node: Node, _ epilogue: Epilogue) -> NodeID? {
    guard !epilogue.addsResidual, uses[self.node] == 1, plan.lastUse[self.node] < plan.graph.nodes.count,
      case .maxPool2d(let pooling) = plan.graph.nodes[plan.lastUse[self.node]].op,
      pooling.kernel == 2, pooling.stride == 2, pooling.padding == 0, pooling.dilation == 1
    else { return nil }
    let pool = NodeID(plan.lastUse[self.node])
    let shape = plan.graph[pool].type.shape
    return shape[2] == node.type.shape[2] / 2 && shape[3] == node.type.shape[3] / 2 ? pool : nil
  }

  /// A value whose channels lie side by side, 16 at a time or all: as it is, or reordered to channels last.
  private mutating func channelsTogether(_ slot: SlotID) throws(StrataError) -> TogetherImage {
    if let layout = program.slots[slot].layout, let distances = layout.channelBlocks {
      return TogetherImage(slot: slot, distances: distances, isBlocked: layout.isBlocked)
    }
    let layout = try Layout.channelsLast(program.slots[slot].type.shape)
    guard let distances = layout.channelBlocks else {
      throw StrataError(.engine, "oneDNN does not describe its layouts")
    }
    return TogetherImage(slot: try reorder(slot, to: layout), distances: distances, isBlocked: false)
  }
}

/// An image whose channels lie side by side.
private struct TogetherImage {
  let slot: SlotID
  let distances: strata_image_layout
  /// Whether 16 channels are together, not all.
  let isBlocked: Bool
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

  /// Multiply-accumulates in the time in which a byte comes from memory.
  private static let macsForByte = 4.5
  /// The time of products against that of oneDNN's direct convolution, for each multiply-accumulate.
  private static let slowness = 1.15
  /// Multiply-accumulates in the time in which an element of a window is transformed there or back.
  private static let macsForElement = 10.0

  private var channelPairs: Double { Double(image[1] * result[1]) }

  /// oneDNN's direct convolution.
  var direct: Double {
    let weights = Double(kernel * kernel) * channelPairs
    return max(weights * Double(result[0] * result[2] * result[3]), 4 * weights * WinogradWork.macsForByte)
      / directSpeed
  }

  func winograd(tile: Int) -> Double {
    let tiles = result[0] * ((result[2] + tile - 1) / tile) * ((result[3] + tile - 1) / tile)
    let places = Double((tile + kernel - 1) * (tile + kernel - 1))
    let products = places * Double(tiles) * channelPairs * WinogradWork.slowness
    let transforms = places * Double(tiles * (image[1] + result[1])) * WinogradWork.macsForElement
    // Transformed weights are read once at least, and there are more of them than weights.
    return max(products, places * 4 * channelPairs * WinogradWork.macsForByte) + transforms
  }

  /// The size of tiles that is fastest, or nil where the direct way is. A size that is forced is taken where
  /// there is a kernel for it.
  func bestTile(among forced: Int?) -> Int? {
    let sizes = kernel == 3 ? [4, 2] : [4]
    if let forced { return sizes.contains(forced) ? forced : nil }
    var best: (tile: Int?, cost: Double) = (nil, direct * 0.95)
    for tile in sizes {
      let cost = winograd(tile: tile)
      if cost < best.cost { best = (tile, cost) }
    }
    return best.tile
  }
}

/// Transforms weights.
private struct WinogradPreparation: Kernel {
  let job: strata_winograd
  var name: String { "winograd:weights" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    withUnsafePointer(to: job) { job in
      strata_winograd_prepare(
        job, slots[0].assumingMemoryBound(to: Float.self), slots[1].assumingMemoryBound(to: Float.self))
    }
  }
}

/// Convolves: image, transformed weights, scratch, result, then bias and residual where there are.
private struct WinogradKernel: Kernel {
  let job: strata_winograd
  let hasBias: Bool
  let hasResidual: Bool

  var name: String { "winograd:f\(job.tile)" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    func floats(_ index: Int) -> UnsafeMutablePointer<Float> {
      slots[index].assumingMemoryBound(to: Float.self)
    }
    withUnsafePointer(to: job) { job in
      strata_winograd_run(
        job, floats(0), floats(1), hasBias ? floats(4) : nil, hasResidual ? floats(hasBias ? 5 : 4) : nil,
        floats(3), floats(2))
    }
  }
}
