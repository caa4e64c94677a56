import StrataCore
import StrataGraph
import StrataKernels
import StrataPasses
import StrataRuntime

/// Which kernel of ours computes a node, and how. Plans alone decide, before values have layouts, so that lowering
/// and the forecast of its memory follow the same rules.
struct KernelRules {
  let plan: Plan
  let options: KernelOptions
  let threads: Int
  /// How often each node's value is read.
  let uses: [Int]
  /// Whether convolutions have gradients.
  let trains: Bool

  init(_ plan: Plan, _ options: KernelOptions, threads: Int) {
    self.plan = plan
    self.options = options
    self.threads = threads
    uses = plan.graph.useCounts()
    trains = plan.graph.nodes.contains { node in
      switch node.op {
      case .conv2dWeightGradient, .conv2dImageGradient: true
      default: false
      }
    }
  }

  // MARK: Winograd

  /// The job of a 3×3 or 5×5 convolution by Winograd's filtering, still without layouts, and the pooling that is
  /// done with it; nil where that cannot be or is no faster.
  func winograd(_ index: Int) -> (job: strata_winograd, pool: NodeID?)? {
    let node = plan.graph.nodes[index]
    guard case .conv2d(let settings, let epilogue) = node.op, let bounds = Bounds(epilogue.activation),
      var job = winograd(index, settings, padding: settings.padding)
    else { return nil }
    let pool = poolingAfter(index, epilogue)
    (job.low, job.high, job.pools) = (bounds.low, bounds.high, pool == nil ? 0 : 1)
    return (job, pool)
  }

  /// The job of the image gradient of such a convolution, which is a convolution of the result's gradient.
  func winogradGradient(_ index: Int) -> strata_winograd? {
    let node = plan.graph.nodes[index]
    guard case .conv2dImageGradient(let settings, _) = node.op else { return nil }
    let kernel = plan.graph[node.operands[1]].type.shape[2]
    let padding = IntPair(kernel - 1 - settings.padding.height, kernel - 1 - settings.padding.width)
    guard padding.height >= 0, padding.width >= 0, var job = winograd(index, settings, padding: padding)
    else { return nil }
    job.transposes = 1
    return job
  }

  /// The job that convolves a node's first operand with its second. Weights that change from run to run are
  /// transformed each time, which pays in training, where all share the layout that the kernel reads.
  private func winograd(_ index: Int, _ settings: Convolution, padding: IntPair) -> strata_winograd? {
    let node = plan.graph.nodes[index]
    let shapes = plan.graph.operandTypes(node).map(\.shape)
    let (image, weights, result) = (shapes[0], shapes[1], node.type.shape)
    guard options.kernels.contains(.winograd), isComputed(index),
      options.forcedWinograd != nil || !canBeSparseWindows(index),
      trainsWithOwnKernels || !trains && isConstant(node.operands[1]), [3, 5].contains(weights[2]),
      isFilterable(settings, weights)
    else { return nil }
    let work = WinogradWork(
      image: image, result: result, kernel: weights[2],
      directSpeed: options.precision.directSpeed, preparesEachTime: trainsWithOwnKernels)
    guard let form = work.bestForm(forced: options.forcedWinograd) else { return nil }
    return job(work, form, padding)
  }

  /// The job of the weight gradient of a 3×3 convolution by Winograd's filtering, likewise; its image is the source.
  func winogradWeightGradient(_ index: Int) -> strata_winograd? {
    let node = plan.graph.nodes[index]
    guard case .conv2dWeightGradient(let settings, let weights) = node.op else { return nil }
    return winogradWeightGradient(index, settings, weights)
  }

  /// Pixels along each axis below which a weight meets so few pairs of pixels that its gradient is often exactly 0.
  /// Filtering rounds that to something, which optimisers that divide by gradients' size make whole steps of.
  private static let leastSide = 7

  /// The same for the node of the weights' or of the bias's gradient.
  func winogradWeightGradient(_ index: Int, _ settings: Convolution, _ weights: Shape) -> strata_winograd? {
    let shapes = plan.graph.operandTypes(plan.graph.nodes[index]).map(\.shape)
    guard options.kernels.contains(.winogradGradients), options.precision == .float32, isComputed(index),
      options.instructionSet == .avx512 || options.forcedWinograd != nil, weights[2] == 3,
      isFilterable(settings, weights)
    else { return nil }
    let work = WinogradWork(
      image: shapes[0], result: shapes[1], kernel: 3, directSpeed: 1, preparesEachTime: true)
    let isChosen =
      shapes[1][2] >= KernelRules.leastSide && shapes[1][3] >= KernelRules.leastSide
      && work.weightGradient < work.direct * 0.95
    guard options.forcedWinograd != nil || isChosen else { return nil }
    return job(work, WinogradForm(tile: 4, isLate: false), settings.padding)
  }

  /// Whether Winograd's filtering knows a convolution but for the number of its weights.
  private func isFilterable(_ settings: Convolution, _ weights: Shape) -> Bool {
    weights[2] == weights[3] && settings.stride == 1 && settings.dilation == 1 && settings.groups == 1
      && weights[0] % 16 == 0 && weights[1] % 16 == 0
  }

  private func job(_ work: WinogradWork, _ form: WinogradForm, _ padding: IntPair) -> strata_winograd {
    let (image, result) = (work.image, work.result)
    return strata_winograd(
      isa: options.instructionSet.rawValue, threads: Int32(threads), kernel: Int32(work.kernel),
      tile: Int32(form.tile), batch: Int32(image[0]), channels: Int32(image[1]), height: Int32(image[2]),
      width: Int32(image[3]), outputs: Int32(result[1]), result_height: Int32(result[2]),
      result_width: Int32(result[3]), pad_top: Int32(padding.height), pad_left: Int32(padding.width),
      source: strata_image_layout(), result: strata_image_layout(), low: -.infinity, high: .infinity,
      pools: 0, transposes: 0, is_late: form.isLate ? 1 : 0)
  }

  /// The max pooling of 2×2 windows that alone reads a convolution's result, and which is then done with it.
  private func poolingAfter(_ index: Int, _ epilogue: Epilogue) -> NodeID? {
    let next = plan.lastUse[index]
    guard !epilogue.addsResidual, uses[index] == 1, next < plan.graph.nodes.count,
      case .maxPool2d(let pooling) = plan.graph.nodes[next].op, pooling.kernel == 2, pooling.stride == 2,
      pooling.padding == 0, pooling.dilation == 1
    else { return nil }
    let (before, after) = (plan.graph.nodes[index].type.shape, plan.graph.nodes[next].type.shape)
    return after[2] == before[2] / 2 && after[3] == before[3] / 2 ? NodeID(next) : nil
  }

  // MARK: Pointwise

  /// A depthwise convolution that can be left to the pointwise one after it, and that one.
  func depthwise(_ index: Int) -> (waiting: WaitingDepthwise, next: Int)? {
    let node = plan.graph.nodes[index]
    guard options.kernels.contains(.separable), case .conv2d(let settings, let epilogue) = node.op,
      let bounds = Bounds(epilogue.activation), !epilogue.addsResidual, isComputed(index),
      settings.dilation == 1, uses[index] == 1, node.operands.dropFirst().allSatisfy(isConstant)
    else { return nil }
    let shapes = plan.graph.operandTypes(node).map(\.shape)
    guard settings.groups == shapes[0][1], shapes[1] == [settings.groups, 1, 3, 3],
      let next = plan.graph.nodes.indices.dropFirst(index + 1).first(where: { !plan.isConstant[$0] }),
      case .conv2d(let following, _) = plan.graph.nodes[next].op, following.stride == 1,
      plan.graph.nodes[next].operands[0] == NodeID(index), canBePointwise(next)
    else { return nil }
    return (WaitingDepthwise(node: node, settings: settings, bounds: bounds), next)
  }

  /// The job of a 1×1 convolution, with the depthwise one before it where that waits, or of a 3×3 convolution behind a
  /// rectifier whose windows are packed; nil where another kernel does it.
  func pointwise(_ index: Int, after depthwise: WaitingDepthwise?) -> strata_pointwise? {
    let node = plan.graph.nodes[index]
    guard case .conv2d(let settings, let epilogue) = node.op, let bounds = Bounds(epilogue.activation),
      depthwise != nil || options.kernels.contains(.pointwise) && canBePointwise(index)
        || canBeSparseWindows(index)
    else { return nil }
    let first = depthwise?.node ?? node
    let types = plan.graph.operandTypes(first).map(\.shape)
    var job = pointwise(depthwise?.settings ?? settings, types[0], types[1], node.type.shape)
    job.is_separable = depthwise == nil ? 0 : 1
    job.skips_zeros = skipsZeros(index, after: depthwise) ? 1 : 0
    if let middle = depthwise?.bounds { (job.middle_low, job.middle_high) = (middle.low, middle.high) }
    (job.low, job.high) = (bounds.low, bounds.high)
    return job
  }

  private func pointwise(
    _ window: Convolution, _ image: Shape, _ weights: Shape, _ result: Shape
  ) -> strata_pointwise {
    strata_pointwise(
      isa: options.instructionSet.rawValue, threads: Int32(threads), batch: Int32(image[0]),
      channels: Int32(image[1]), height: Int32(image[2]), width: Int32(image[3]), outputs: Int32(result[1]),
      result_height: Int32(result[2]), result_width: Int32(result[3]), kernel: Int32(weights[2]),
      stride_height: Int32(window.stride.height), stride_width: Int32(window.stride.width),
      pad_top: Int32(window.padding.height), pad_left: Int32(window.padding.width),
      source: strata_image_layout(), result: strata_image_layout(),
      is_separable: 0, skips_zeros: 0, transposes: 0,
      middle_low: -.infinity, middle_high: .infinity, low: -.infinity, high: .infinity)
  }

  /// The job of the image gradient of a 1×1 convolution, which multiplies the upstream gradient by the transposed
  /// weights, likewise; nil where that cannot be.
  func pointwiseGradient(_ index: Int) -> strata_pointwise? {
    let node = plan.graph.nodes[index]
    let shapes = plan.graph.operandTypes(node).map(\.shape)
    guard case .conv2dImageGradient(let settings, let image) = node.op, trainsWithOwnKernels,
      options.kernels.isSuperset(of: [.pointwise, .trainingLayouts]), isComputed(index),
      settings.stride == 1, settings.padding == 0, settings.groups == 1,
      shapes[1] == [shapes[0][1], image[1], 1, 1], image[1] % 16 == 0, shapes[0][1] % 16 == 0
    else { return nil }
    var job = pointwise(settings, shapes[0], shapes[1], image)
    job.transposes = 1
    return job
  }

  /// The job of the weight gradient of a convolution behind a rectifier, whose zeros add nothing to it, still without
  /// layouts; nil where that cannot be.
  func sparseWeightGradient(
    _ index: Int, _ settings: Convolution, _ weights: Shape
  ) -> strata_pointwise? {
    let node = plan.graph.nodes[index]
    let shapes = plan.graph.operandTypes(node).map(\.shape)
    guard options.kernels.isSuperset(of: [.sparse, .trainingLayouts]), trainsWithOwnKernels,
      isComputed(index), settings.groups == 1, settings.dilation == 1,
      weights[0] % 16 == 0, weights[1] % 16 == 0, weights[2] == weights[3],
      weights[2] == 3 || settings.padding == 0,
      weights[0] >= KernelRules.leastSparseOutputs[weights[2]] ?? .max, isHalfZeros(node.operands[0])
    else { return nil }
    return pointwise(settings, shapes[0], weights, shapes[1])
  }

  /// Outputs from which on a weight gradient that skips zeros wins back the time that marking them takes, by the sides
  /// of windows.
  private static let leastSparseOutputs = [1: 256, 3: 128]

  private func canBePointwise(_ index: Int) -> Bool { matrixProduct(index, kernel: 1)?.padding == 0 }

  /// Pixels of all results up to which each weight meets so few tiles that Winograd's filtering takes longer to
  /// transform weights than it saves.
  private static let mostUnfilteredPixels = 64

  /// Whether a convolution is 3×3, reads enough zeros that skipping them beats oneDNN, and cannot be done by Winograd's
  /// filtering, for it has a stride, or not as fast.
  private func canBeSparseWindows(_ index: Int) -> Bool {
    let node = plan.graph.nodes[index]
    guard let settings = matrixProduct(index, kernel: 3), settings.dilation == 1,
      isConstant(node.operands[1]), skipsZeros(index, after: nil)
    else { return false }
    let result = node.type.shape
    return settings.stride != 1 || result[0] * result[2] * result[3] <= KernelRules.mostUnfilteredPixels
  }

  /// The settings of a convolution that can be a product of packed windows. Weights that change from run to run are
  /// packed each time, which skipping zeros pays for.
  private func matrixProduct(_ index: Int, kernel: Int) -> Convolution? {
    let node = plan.graph.nodes[index]
    guard case .conv2d(let settings, let epilogue) = node.op, isComputed(index) else { return nil }
    let weights = plan.graph[node.operands[1]].type.shape
    guard weights.dropFirst(2).allSatisfy({ $0 == kernel }), settings.groups == 1, weights[0] % 16 == 0,
      weights[1] % 16 == 0, Bounds(epilogue.activation) != nil,
      isConstant(node.operands[1]) || trainsWithOwnKernels && skipsZeros(index, after: nil)
    else { return nil }
    return settings
  }

  /// Whether zeros among the values that a convolution multiplies are skipped. Marking them costs something
  /// that few outputs do not win back.
  private func skipsZeros(_ index: Int, after depthwise: WaitingDepthwise?) -> Bool {
    let node = plan.graph.nodes[index]
    let weights = plan.graph[node.operands[1]].type.shape
    guard options.kernels.contains(.sparse), weights[0] >= 128, weights[1] >= 64 else { return false }
    return depthwise.map { $0.bounds.low == 0 } ?? isRectified(node.operands[0])
  }

  /// Whether a value comes out of a rectifier that is likely to make zeros of half of what it reads: sums at the ends of
  /// residual blocks are positive more often.
  private func isHalfZeros(_ id: NodeID) -> Bool {
    let node = plan.graph[id]
    let isOfSum =
      switch node.op {
      case .activation: if case .binary = plan.graph[node.operands[0]].op { true } else { false }
      case .conv2d(_, let epilogue): epilogue.addsResidual
      default: true
      }
    return !isOfSum && isRectified(id)
  }

  /// Whether a value comes out of a rectifier.
  private func isRectified(_ id: NodeID) -> Bool {
    let node = plan.graph[id]
    return switch node.op {
    case .activation(let activation): Bounds(activation)?.low == 0
    case .conv2d(_, let epilogue): Bounds(epilogue.activation)?.low == 0
    case .maxPool2d: isRectified(node.operands[0])
    default: false
    }
  }

  // MARK: Stem

  /// The job of a convolution of an image of few channels, still without a layout of the result; nil where oneDNN
  /// does it. The image has to be in row-major order besides.
  func stem(_ index: Int) -> strata_stem? {
    let node = plan.graph.nodes[index]
    guard options.kernels.contains(.stem), case .conv2d(let settings, let epilogue) = node.op,
      let bounds = Bounds(epilogue.activation), !epilogue.addsResidual, isComputed(index),
      isConstant(node.operands[1])
    else { return nil }
    let shapes = plan.graph.operandTypes(node).map(\.shape)
    let (image, weights, output) = (shapes[0], shapes[1], node.type.shape)
    guard image[1] <= 4, settings.groups == 1, settings.dilation == 1, weights[0] % 16 == 0,
      [1, 2, 4].contains(settings.stride.width), output[3] >= 14
    else { return nil }
    return strata_stem(
      isa: options.instructionSet.rawValue, threads: Int32(threads), batch: Int32(image[0]),
      channels: Int32(image[1]), height: Int32(image[2]), width: Int32(image[3]), outputs: Int32(output[1]),
      result_height: Int32(output[2]), result_width: Int32(output[3]), kernel_height: Int32(weights[2]),
      kernel_width: Int32(weights[3]), stride_height: Int32(settings.stride.height),
      stride_width: Int32(settings.stride.width), pad_top: Int32(settings.padding.height),
      pad_left: Int32(settings.padding.width), result: strata_image_layout(), low: bounds.low,
      high: bounds.high)
  }

  // MARK: Norms

  /// The job of the batch norm of images by their own moments, or of its gradient; nil where oneDNN does it, which also
  /// cuts images into parts if there are too few blocks of channels for all threads.
  func norm(_ images: Shape, epsilon: Double, rectifies: Bool) -> strata_norm? {
    guard options.kernels.isSuperset(of: [.norms, .trainingLayouts]), trainsWithOwnKernels, images.rank == 4,
      images[1] % 16 == 0, images[1] / 16 >= threads
    else { return nil }
    return residualNorm(images, epsilon: epsilon, rectifies: rectifies)
  }

  /// The same where there is a residual, which oneDNN does not add.
  func residualNorm(_ images: Shape, epsilon: Double, rectifies: Bool = true) -> strata_norm {
    strata_norm(
      isa: options.instructionSet.rawValue, threads: Int32(threads), batch: Int64(images[0]),
      channels: Int64(images[1]), pixels: Int64(images[2] * images[3]), epsilon: Float(epsilon),
      rectifies: rectifies ? 1 : 0)
  }

  /// The batch norms that are lowered with a sum and a rectifier; `norms` are those behind their moments. Where
  /// images are trained in blocks of 16 channels they lie as the kernel reads them.
  func residualNorms(_ norms: [NodeID: NodeID]) -> ResidualNorms {
    guard options.kernels.isSuperset(of: [.residualNorms, .trainingLayouts]), trainsWithOwnKernels else {
      return ResidualNorms()
    }
    return ResidualNorms(plan, norms)
  }

  /// The image gradients of 1×1 convolutions that are lowered with a sum and a rectifier's gradient.
  func gradientSums() -> GradientSums { GradientSums(plan) { pointwiseGradient($0) != nil } }

  // MARK: What all ask

  /// Whether images are trained in the layout and the numbers that kernels of ours are fast in.
  private var trainsWithOwnKernels: Bool {
    trains && options.instructionSet == .avx512 && options.precision == .float32
  }

  private func isConstant(_ id: NodeID) -> Bool { plan.isConstant[id.index] }

  /// Whether a node is computed at each run, on numbers that own kernels know.
  private func isComputed(_ index: Int) -> Bool {
    let node = plan.graph.nodes[index]
    return !plan.isConstant[index] && Lowering.isNative(node.type)
      && plan.graph.operandTypes(node).allSatisfy(Lowering.isNative)
  }
}

extension Precision {
  /// How much faster than in 32-bit floats oneDNN's direct convolution is.
  var directSpeed: Double {
    switch name {
    case .float32, .float16: 1
    case .bfloat16: 2
    case .int8: 4
    }
  }
}

extension strata_winograd {
  /// Bytes that a run needs besides.
  var scratchByteCount: Int { Int(withUnsafePointer(to: self, strata_winograd_scratch_bytes)) }

  /// The same for the weight gradient.
  var gradientScratchByteCount: Int {
    Int(withUnsafePointer(to: self, strata_winograd_gradient_scratch_bytes))
  }
}

extension strata_pointwise {
  /// Bytes that a run needs besides.
  var scratchByteCount: Int { Int(withUnsafePointer(to: self, strata_pointwise_scratch_bytes)) }

  /// Floats of its packed weights.
  var preparedCount: Int { Int(withUnsafePointer(to: self, strata_pointwise_prepared_count)) }

  /// Bytes that the weight gradient needs besides.
  var gradientScratchByteCount: Int {
    Int(withUnsafePointer(to: self, strata_pointwise_gradient_scratch_bytes))
  }
}

extension strata_stem {
  /// Bytes that a run needs besides.
  var scratchByteCount: Int { Int(withUnsafePointer(to: self, strata_stem_scratch_bytes)) }
}
