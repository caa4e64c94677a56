import StrataCore
import StrataGraph

extension ONNXOperators {
  /// Operators that combine many elements into one.
  static let reductions: [String: Function] = [
    "ReduceMean": { call throws(StrataError) in [try reduced(call) { $0.mean(dims: $1, keepDim: $2) }] },
    "ReduceSum": { call throws(StrataError) in [try reduced(call) { $0.sum(dims: $1, keepDim: $2) }] },
    "ReduceProd": { call throws(StrataError) in [try reduced(call) { $0.prod(dims: $1, keepDim: $2) }] },
    "ReduceMax": { call throws(StrataError) in [try reduced(call) { $0.max(dims: $1, keepDim: $2) }] },
    "ReduceMin": { call throws(StrataError) in [try reduced(call) { $0.min(dims: $1, keepDim: $2) }] },
    "ReduceL2": { call throws(StrataError) in
      [try reduced(call) { $0.square().sum(dims: $1, keepDim: $2).sqrt() }]
    },
    "ArgMax": { call throws(StrataError) in
      let keeps = try call.integer("keepdims", 1) != 0
      return [try call.tensor(0).argmax(dim: try call.integer("axis", 0), keepDim: keeps)]
    },
    "ArgMin": { call throws(StrataError) in
      let keeps = try call.integer("keepdims", 1) != 0
      return [try call.tensor(0).argmin(dim: try call.integer("axis", 0), keepDim: keeps)]
    },
    "TopK": { call throws(StrataError) in
      guard try call.integer("largest", 1) == 1 else { throw call.error("looks for the smallest values") }
      let given = try call.integers(1)?.first
      let setting = try call.integer("k", 0)
      let count = given ?? setting
      let (values, indices) = try call.tensor(0).topK(count, dim: try call.integer("axis", -1))
      return [values, indices]
    },
    "Softmax": { call throws(StrataError) in [try softmax(call, logarithm: false)] },
    "LogSoftmax": { call throws(StrataError) in [try softmax(call, logarithm: true)] },
  ]

  private static func reduced(
    _ call: ONNXCall, _ reduce: (Tensor, [Int], Bool) -> Tensor
  ) throws(StrataError) -> Tensor {
    let x = try call.tensor(0)
    let axes = try call.list("axes", orOperand: 1) ?? []
    if axes.isEmpty, try call.integer("noop_with_empty_axes", 0) != 0 { return x }
    let keeps = try call.integer("keepdims", 1) != 0
    return reduce(x, axes.isEmpty ? Array(0..<x.rank) : try call.axes(axes, x.rank), keeps)
  }

  private static func softmax(_ call: ONNXCall, logarithm: Bool) throws(StrataError) -> Tensor {
    let x = try call.tensor(0)
    let axis = try call.axis(try call.integer("axis", call.opset < 13 ? 1 : -1), x.rank)
    func apply(_ x: Tensor, _ axis: Int) -> Tensor {
      logarithm ? x.logSoftmax(dim: axis) : x.softmax(dim: axis)
    }
    guard call.opset < 13, axis < x.rank - 1 else { return apply(x, axis) }
    // Once the axis told where the rows end.
    let rows = x.reshape(x.shape[..<axis].reduce(1, *), x.shape[axis...].reduce(1, *))
    return apply(rows, 1).reshape(x.shape)
  }

  /// Convolutions, pools, products and normalisations.
  static let networks: [String: Function] = [
    "Conv": { call throws(StrataError) in [try convolution(call)] },
    "Gemm": { call throws(StrataError) in [try gemm(call)] },
    "MatMul": { call throws(StrataError) in [try call.tensor(0).matmul(try call.tensor(1))] },
    "MaxPool": { call throws(StrataError) in [try maxPool(call)] },
    "AveragePool": { call throws(StrataError) in [try averagePool(call)] },
    "GlobalAveragePool": { call throws(StrataError) in
      let x = try call.tensor(0)
      return [
        x.rank == 4 ? x.adaptiveAveragePool2d(1) : x.mean(dims: Array(2..<max(x.rank, 2)), keepDim: true)
      ]
    },
    "GlobalMaxPool": { call throws(StrataError) in
      let x = try call.tensor(0)
      return [x.max(dims: Array(2..<max(x.rank, 2)), keepDim: true)]
    },
    "BatchNormalization": { call throws(StrataError) in
      guard try call.integer("training_mode", 0) == 0 else {
        throw call.error("trains; export the model for use")
      }
      let (scale, shift) = (try call.tensor(1), try call.tensor(2))
      let (mean, variance) = (try call.tensor(3), try call.tensor(4))
      let epsilon = try call.float("epsilon", 1e-5)
      return [
        try call.tensor(0).batchNorm(
          mean: mean, variance: variance, weight: scale, bias: shift, epsilon: epsilon)
      ]
    },
    "LayerNormalization": { call throws(StrataError) in [try layerNorm(call)] },
  ]

  private static func layerNorm(_ call: ONNXCall) throws(StrataError) -> Tensor {
    let x = try call.tensor(0)
    let axis = try call.axis(try call.integer("axis", -1), x.rank)
    let epsilon = try call.float("epsilon", 1e-5)
    let (weight, bias) = (try call.tensor(1), call.optional(2))
    guard axis < x.rank - 1 else { return x.layerNorm(weight: weight, bias: bias, epsilon: epsilon) }
    let rows = x.flatten(start: axis)
    return rows.layerNorm(weight: weight.reshape(-1), bias: bias?.reshape(-1), epsilon: epsilon).reshape(
      x.shape)
  }

  private static func gemm(_ call: ONNXCall) throws(StrataError) -> Tensor {
    let (a, b, c) = (try call.tensor(0), try call.tensor(1), call.optional(2))
    let (alpha, beta) = (try call.float("alpha", 1), try call.float("beta", 1))
    guard a.rank == 2, b.rank == 2 else { throw call.error("multiplies \(a.shape) and \(b.shape)") }
    let left = try call.integer("transA", 0) == 0 ? a : a.transpose(0, 1)
    let isTransposed = try call.integer("transB", 0) != 0
    if isTransposed, alpha == 1, c == nil || beta == 1 && c?.shape == [b.shape[0]] {
      return left.linear(b, bias: c)
    }
    var product = left.matmul(isTransposed ? b.transpose(0, 1) : b)
    if alpha != 1 { product = product * alpha }
    guard let c, beta != 0 else { return product }
    return product + (beta == 1 ? c : c * beta)
  }

  // MARK: - Windows

  /// The settings of a window over height and width.
  private struct Window {
    var kernel: IntPair
    var stride: IntPair
    var dilation: IntPair
    /// Borders: top, left, bottom, right.
    var pads: [Int]

    var isSymmetric: Bool { pads[0] == pads[2] && pads[1] == pads[3] }
    /// The borders in the order of `Tensor.pad`.
    var amounts: [Int] { [pads[1], pads[3], pads[0], pads[2]] }
    var padding: IntPair { IntPair(pads[0], pads[1]) }
  }

  private static func window(
    _ call: ONNXCall, _ image: Tensor, kernel: [Int]
  ) throws(StrataError) -> Window {
    guard image.rank == 4 else {
      throw call.error("works on \(image.shape); only images [N, C, H, W] are supported")
    }
    func pair(_ name: String) throws(StrataError) -> IntPair {
      let values = try call.list(name) ?? [1, 1]
      guard values.count == 2, values.allSatisfy({ (1..<1 << 31).contains($0) }) else {
        throw call.error("has no proper \(name)")
      }
      return IntPair(values[0], values[1])
    }
    guard kernel.count == 2, kernel.allSatisfy({ (1..<1 << 31).contains($0) }) else {
      throw call.error("has no proper kernel_shape")
    }
    var window = Window(
      kernel: IntPair(kernel[0], kernel[1]), stride: try pair("strides"), dilation: try pair("dilations"),
      pads: try call.list("pads") ?? [0, 0, 0, 0])
    switch try call.string("auto_pad", "NOTSET") {
    case "NOTSET", "": break
    case "VALID": window.pads = [0, 0, 0, 0]
    case "SAME_UPPER": window.pads = samePads(window, image.shape, isUpper: true)
    case "SAME_LOWER": window.pads = samePads(window, image.shape, isUpper: false)
    case let other: throw call.error("has the unknown auto_pad \(quoted(other))")
    }
    guard window.pads.count == 4, window.pads.allSatisfy({ (0..<1 << 31).contains($0) }) else {
      throw call.error("has no proper pads")
    }
    return window
  }

  /// Borders that give as many windows as the image divided by the stride has.
  private static func samePads(_ window: Window, _ image: Shape, isUpper: Bool) -> [Int] {
    func total(_ size: Int, _ kernel: Int, _ stride: Int, _ dilation: Int) -> Int {
      let count = (size + stride - 1) / stride
      return max(0, (count - 1) * stride + (kernel - 1) * dilation + 1 - size)
    }
    let height = total(image[2], window.kernel.height, window.stride.height, window.dilation.height)
    let width = total(image[3], window.kernel.width, window.stride.width, window.dilation.width)
    let (top, left) = isUpper ? (height / 2, width / 2) : (height - height / 2, width - width / 2)
    return [top, left, height - top, width - left]
  }

  private static func convolution(_ call: ONNXCall) throws(StrataError) -> Tensor {
    let (image, weights, bias) = (try call.tensor(0), try call.tensor(1), call.optional(2))
    guard weights.rank == 4 else {
      throw call.error("has weights \(weights.shape); only two-dimensional convolutions are supported")
    }
    let window = try window(call, image, kernel: [weights.shape[2], weights.shape[3]])
    let groups = try call.integer("group", 1)
    guard (1..<1 << 31).contains(groups) else { throw call.error("has \(groups) groups") }
    let source = window.isSymmetric ? image : image.pad(window.amounts)
    return source.conv2d(
      weights, bias: bias, stride: window.stride, padding: window.isSymmetric ? window.padding : 0,
      dilation: window.dilation, groups: groups)
  }

  private static func pooling(_ call: ONNXCall, _ window: Window, isPadded: Bool) throws(StrataError)
    -> Pooling
  {
    Pooling(
      kernel: window.kernel, stride: window.stride, padding: isPadded ? 0 : window.padding,
      dilation: window.dilation, roundsUp: try call.integer("ceil_mode", 0) != 0)
  }

  /// Whether a pool cannot have a border by itself: different ones on both sides, or more than half a window.
  private static func needsBorder(_ window: Window) -> Bool {
    !window.isSymmetric || 2 * window.pads[0] > window.kernel.height
      || 2 * window.pads[1] > window.kernel.width
  }

  private static func maxPool(_ call: ONNXCall) throws(StrataError) -> Tensor {
    let x = try call.tensor(0)
    let window = try window(call, x, kernel: try call.list("kernel_shape") ?? [])
    guard call.node.outputs.count <= 1 || call.node.outputs[1].isEmpty else {
      throw call.error("gives the places of maxima, which is not supported")
    }
    let isPadded = needsBorder(window)
    let source = isPadded ? x.pad(window.amounts, value: -.infinity) : x
    return source.maxPool2d(try pooling(call, window, isPadded: isPadded))
  }

  private static func averagePool(_ call: ONNXCall) throws(StrataError) -> Tensor {
    let x = try call.tensor(0)
    let window = try window(call, x, kernel: try call.list("kernel_shape") ?? [])
    guard window.dilation == 1 else { throw call.error("has dilations, which are not supported") }
    let countsPadding = try call.integer("count_include_pad", 0) != 0
    let isPadded = needsBorder(window)
    var pooling = try pooling(call, window, isPadded: isPadded)
    pooling.countsPadding = countsPadding
    guard isPadded else { return x.averagePool2d(pooling) }
    let padded = x.pad(window.amounts)
    if countsPadding { return padded.averagePool2d(pooling) }
    // The mean of what is there: means of all places over the share of them that lies in the image.
    let places = Tensor.ones([1, 1, x.shape[2], x.shape[3]], dtype: x.dtype).pad(window.amounts)
    return padded.averagePool2d(pooling) / places.averagePool2d(pooling)
  }
}
