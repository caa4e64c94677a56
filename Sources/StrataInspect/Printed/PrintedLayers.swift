import StrataCore
import StrataGraph
import StrataNN

/// Builds layers from what PyTorch prints of them.
enum PrintedLayers {
  /// The layer that a line stands for, or nil for a class that is none of those known.
  static func make(_ node: PrintedNode) throws(StrataError) -> Module? {
    switch node.typeName {
    case "Conv2d": return try convolution(node)
    case "Linear": return try linear(node)
    case "BatchNorm2d": return try batchNorm(node)
    case "LayerNorm", "LayerNorm2d": return try layerNorm(node)
    case "MaxPool2d", "AvgPool2d": return try pooling(node)
    case "AdaptiveAvgPool2d": return try adaptivePooling(node)
    case "Dropout":
      let arguments = PrintedArguments(node)
      try arguments.requireOnly(["p", "inplace"])
      return Dropout(try arguments.probability("p"), inplace: try arguments.bool("inplace") ?? false)
    case "Flatten":
      let arguments = PrintedArguments(node)
      try arguments.requireOnly(["start_dim", "end_dim"])
      return Flatten(
        startDim: try arguments.axis("start_dim") ?? 1, endDim: try arguments.axis("end_dim") ?? -1)
    case "Identity": return Identity()
    case "Permute": return Permute([0, 2, 3, 1])
    case "StochasticDepth":
      let arguments = PrintedArguments(node)
      let mode = StochasticDepth.Mode(rawValue: arguments.text("mode") ?? "row") ?? .row
      return StochasticDepth(try arguments.probability("p"), mode: mode)
    default: return try activation(node)
    }
  }

  private static func activation(_ node: PrintedNode) throws(StrataError) -> Module? {
    let arguments = PrintedArguments(node)
    let inplace = try arguments.bool("inplace") ?? false
    switch node.typeName {
    case "ReLU": return ReLU(inplace: inplace)
    case "ReLU6": return ReLU6(inplace: inplace)
    case "LeakyReLU": return LeakyReLU(try arguments.number("negative_slope") ?? 0.01, inplace: inplace)
    case "Hardswish": return Hardswish(inplace: inplace)
    case "Hardsigmoid": return Hardsigmoid(inplace: inplace)
    case "Sigmoid": return Sigmoid()
    case "Tanh": return Tanh()
    case "SiLU": return SiLU(inplace: inplace)
    case "GELU": return GELU(approximate: arguments.text("approximate") == "'tanh'" ? .tanh : .none)
    case "Softmax", "LogSoftmax":
      let dim = arguments.text("dim") == "None" ? nil : try arguments.axis("dim")
      return node.typeName == "Softmax" ? Softmax(dim: dim) : LogSoftmax(dim: dim)
    default: return nil
    }
  }

  private static func convolution(_ node: PrintedNode) throws(StrataError) -> Module {
    let arguments = PrintedArguments(node, ["in", "out"])
    try arguments.requireOnly(["in", "out", "kernel_size", "stride", "padding", "dilation", "groups", "bias"])
    let (inChannels, outChannels) = (try arguments.size("in"), try arguments.size("out"))
    guard let kernel = try arguments.pair("kernel_size", least: 1) else {
      throw arguments.error("has no kernel_size")
    }
    let stride = try arguments.pair("stride", least: 1) ?? 1
    let dilation = try arguments.pair("dilation", least: 1) ?? 1
    let groups = try arguments.integer("groups") ?? 1
    guard groups > 0, inChannels % groups == 0, outChannels % groups == 0 else {
      throw arguments.error("\(inChannels) and \(outChannels) channels do not divide into \(groups) groups")
    }
    let weights = [outChannels, inChannels / groups, kernel.height, kernel.width]
    guard Shape(weights).checkedElementCount.map({ $0 < 1 << 40 }) == true else {
      throw arguments.error("weights of \(Shape(weights)) are too large")
    }
    let bias = try arguments.bool("bias") ?? true
    if let named = arguments.text("padding").flatMap(Conv2d.NamedPadding.init(rawValue:)) {
      guard named != .same || stride == 1 else { throw arguments.error("padding=same needs stride 1") }
      return Conv2d(
        inChannels, outChannels, kernelSize: kernel, stride: stride, padding: named, dilation: dilation,
        groups: groups, bias: bias)
    }
    return Conv2d(
      inChannels, outChannels, kernelSize: kernel, stride: stride,
      padding: try arguments.pair("padding") ?? 0,
      dilation: dilation, groups: groups, bias: bias)
  }

  private static func linear(_ node: PrintedNode) throws(StrataError) -> Module {
    let arguments = PrintedArguments(node)
    try arguments.requireOnly(["in_features", "out_features", "bias"])
    let (inFeatures, outFeatures) = (try arguments.size("in_features"), try arguments.size("out_features"))
    return Linear(inFeatures, outFeatures, bias: try arguments.bool("bias") ?? true)
  }

  private static func batchNorm(_ node: PrintedNode) throws(StrataError) -> Module {
    let arguments = PrintedArguments(node, ["features"])
    try arguments.requireOnly(["features", "eps", "momentum", "affine", "bias", "track_running_stats"])
    let eps = try arguments.number("eps") ?? 1e-5
    guard eps.real >= 0 else { throw arguments.error("eps=\(eps.real) is negative") }
    let momentum = arguments.text("momentum") == "None" ? nil : try arguments.number("momentum") ?? 0.1
    return BatchNorm2d(
      try arguments.size("features"), eps: eps, momentum: momentum,
      affine: try arguments.bool("affine") ?? true,
      trackRunningStats: try arguments.bool("track_running_stats") ?? true,
      bias: try arguments.bool("bias") ?? true)
  }

  private static func layerNorm(_ node: PrintedNode) throws(StrataError) -> Module {
    let arguments = PrintedArguments(node, ["shape"])
    try arguments.requireOnly(["shape", "eps", "elementwise_affine", "bias"])
    let sizes = PrintedArguments.list(arguments.text("shape") ?? "").compactMap { Int($0) }
    guard !sizes.isEmpty, sizes.allSatisfy({ (1...1 << 24).contains($0) }),
      Shape(sizes).checkedElementCount.map({ $0 < 1 << 40 }) == true
    else { throw arguments.error("has no shape") }
    let eps = try arguments.number("eps") ?? 1e-5
    guard eps.real >= 0 else { throw arguments.error("eps=\(eps.real) is negative") }
    let isAffine = try arguments.bool("elementwise_affine") ?? true
    let bias = try arguments.bool("bias") ?? true
    let shape = Shape(sizes)
    return node.typeName == "LayerNorm2d"
      ? LayerNorm2d(shape, eps: eps, elementwiseAffine: isAffine, bias: bias)
      : LayerNorm(shape, eps: eps, elementwiseAffine: isAffine, bias: bias)
  }

  private static func pooling(_ node: PrintedNode) throws(StrataError) -> Module {
    let arguments = PrintedArguments(node)
    try arguments.requireOnly(["kernel_size", "stride", "padding", "dilation", "ceil_mode"])
    guard let kernel = try arguments.pair("kernel_size", least: 1) else {
      throw arguments.error("has no kernel_size")
    }
    let stride = try arguments.pair("stride", least: 1)
    let padding = try arguments.pair("padding") ?? 0
    guard padding.height * 2 <= kernel.height, padding.width * 2 <= kernel.width else {
      throw arguments.error("padding \(padding) is more than half of the window \(kernel)")
    }
    guard node.typeName == "MaxPool2d" else { return AvgPool2d(kernel, stride: stride, padding: padding) }
    return MaxPool2d(
      kernel, stride: stride, padding: padding, dilation: try arguments.pair("dilation", least: 1) ?? 1,
      ceilMode: try arguments.bool("ceil_mode") ?? false)
  }

  private static func adaptivePooling(_ node: PrintedNode) throws(StrataError) -> Module {
    let arguments = PrintedArguments(node)
    try arguments.requireOnly(["output_size"])
    let text = arguments.text("output_size") ?? ""
    let parts = PrintedArguments.list(text)
    let sizes = parts.map { $0 == "None" ? nil : Int($0) }
    guard (1...2).contains(parts.count),
      zip(parts, sizes).allSatisfy({ part, size in
        part == "None" || size.map { (1...1 << 20).contains($0) } == true
      })
    else { throw arguments.error("output_size=\(text) is no size") }
    if parts.count == 1 { return AdaptiveAvgPool2d(OutputSize(sizes[0])) }
    return AdaptiveAvgPool2d(text.hasPrefix("[") ? [sizes[0], sizes[1]] : OutputSize(sizes[0], sizes[1]))
  }
}
