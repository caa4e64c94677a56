import StrataCore
import StrataGraph

// MARK: Products

extension ReferenceKernels {
  static func matmul(_ a: HostTensor, _ b: HostTensor) throws(StrataError) -> HostTensor {
    let (a, b) = (summable(a), summable(b))
    let x = a.shape.rank == 1 ? a.reshaped([1, a.shape[0]]) : a
    let y = b.shape.rank == 1 ? b.reshaped([b.shape[0], 1]) : b
    return a.dtype == .int64 ? try product(x, y, as: Int64.self) : try product(x, y, as: Double.self)
  }

  /// The products of two stacks of matrices, whose leading axes broadcast.
  ///
  /// Rows of the second factor are added up, which keeps the innermost loop long and simple.
  private static func product<T: Number>(
    _ a: HostTensor, _ b: HostTensor, as type: T.Type
  ) throws(StrataError) -> HostTensor {
    let (aBatch, bBatch) = (Shape(a.shape.dropLast(2)), Shape(b.shape.dropLast(2)))
    guard let batch = aBatch.broadcast(with: bBatch), let columns = b.shape.last else {
      throw StrataError(.engine, "matrices \(a.shape) and \(b.shape) do not multiply")
    }
    defer { withExtendedLifetime((a, b)) {} }
    let (rows, depth) = (a.shape[aBatch.rank], b.shape[bBatch.rank])
    let (x, y) = (start(of: a, as: T.self), start(of: b, as: T.self))
    let target = Target<T>(Shape(batch.sizes + [rows, columns]))
    target.elements.initialize(repeating: 0, count: target.tensor.elementCount)
    var output = target.elements
    let runs = StridedRuns(batch, View(aBatch, broadcastTo: batch), View(bBatch, broadcastTo: batch))
    for at in runs {
      for matrix in 0..<runs.count {
        var factors = x + (at.x + matrix * runs.step.x) * rows * depth
        let second = y + (at.y + matrix * runs.step.y) * depth * columns
        for _ in 0..<rows {
          for index in 0..<depth {
            let (factor, row) = (factors[index], second + index * columns)
            for column in 0..<columns { output[column] = output[column].plus(factor.times(row[column])) }
          }
          factors += depth
          output += columns
        }
      }
    }
    return target.tensor
  }

  static func linear(
    _ hasBias: Bool, _ epilogue: Epilogue, _ operands: [HostTensor], _ shape: Shape
  ) throws(StrataError) -> HostTensor {
    let x = operands[0].converted(to: .float64)
    let result = try matmul(x, permute(operands[1], [1, 0])).reshaped(shape)
    let bias = hasBias ? operands[2] : nil
    return try finished(result, bias, epilogue.addsResidual ? operands.last : nil, epilogue.activation)
  }

  /// One product of matrices for each image and group: weights times the pixels under each tap of the kernel.
  static func convolution(
    _ settings: Convolution, _ epilogue: Epilogue, _ operands: [HostTensor], _ shape: Shape
  ) throws(StrataError) -> HostTensor {
    let (image, weights) = (operands[0].converted(to: .float64), operands[1].converted(to: .float64))
    let (groups, depth) = (settings.groups, weights.shape.dropFirst().reduce(1, *))
    let windows = Pooling(
      kernel: IntPair(weights.shape[2], weights.shape[3]), stride: settings.stride, padding: settings.padding,
      dilation: settings.dilation)
    let pixels = taps(of: image, windows, shape).reshaped([shape[0], groups, depth, shape[2] * shape[3]])
    let kernels = weights.reshaped([groups, shape[1] / groups, depth])
    let result = try product(kernels, pixels, as: Double.self).reshaped(shape)
    let bias = settings.hasBias ? operands[2].reshaped([shape[1], 1, 1]) : nil
    return try finished(result, bias, epilogue.addsResidual ? operands.last : nil, epilogue.activation)
  }

  private static func finished(
    _ value: HostTensor, _ bias: HostTensor?, _ residual: HostTensor?, _ function: Activation?
  ) throws(StrataError) -> HostTensor {
    var value = value
    for term in [bias, residual] {
      if let term { value = try binary(.add, value, term.converted(to: .float64), value.shape) }
    }
    return if let function { try activation(function, value) } else { value }
  }
}

// MARK: Windows

extension ReferenceKernels {
  /// The pixels under each tap of a kernel: `[N, C, kernel height, kernel width, height, width]`.
  private static func taps(
    of image: HostTensor, _ windows: Pooling, _ result: Shape, border: Double = 0
  ) -> HostTensor {
    let (kernel, stride, dilation) = (windows.kernel, windows.stride, windows.dilation)
    let (top, left) = (windows.padding.height, windows.padding.width)
    // As much as the windows cover: less than the image and its border, or in ceiling mode more.
    let height = (result[2] - 1) * stride.height + (kernel.height - 1) * dilation.height + 1
    let width = (result[3] - 1) * stride.width + (kernel.width - 1) * dilation.width + 1
    let after = [0, 0, height - top - image.shape[2], width - left - image.shape[3]]
    let sizes = image.shape.prefix(2)
    let covered = pad(image, [0, 0, top, left], after, border, Shape(sizes + [height, width]))
    let taps = [dilation.height * width, dilation.width, stride.height * width, stride.width]
    return gathered(
      covered, View(strides: covered.shape.strides.prefix(2) + taps),
      Shape(sizes + [kernel.height, kernel.width] + result.suffix(2)))
  }

  static func maxPool(_ x: HostTensor, _ pooling: Pooling, _ shape: Shape) -> HostTensor {
    reduce(.maximum, taps(of: x.converted(to: .float64), pooling, shape, border: -.infinity), [2, 3])
  }

  static func averagePool(
    _ x: HostTensor, _ pooling: Pooling, _ shape: Shape
  ) throws(StrataError) -> HostTensor {
    let sums = reduce(.sum, taps(of: x, pooling, shape), [2, 3]).reshaped(shape)
    if let divisor = pooling.divisor {
      return try binary(.divide, sums, HostTensor([Double(divisor)]), shape)
    }
    // Ones where an element counts. The border that padding adds may, what ceiling mode reaches beyond it never.
    var (windows, sizes) = (pooling, Array(x.shape.suffix(2)))
    if pooling.countsPadding {
      windows.padding = 0
      sizes = [x.shape[2] + 2 * pooling.padding.height, x.shape[3] + 2 * pooling.padding.width]
    }
    let places = Shape([1, 1] + shape.suffix(2))
    let counts = reduce(.sum, taps(of: .ones(Shape([1, 1] + sizes)), windows, places), [2, 3])
    return try binary(.divide, sums, clamp(counts, 1, .infinity).reshaped(places), shape)
  }

  static func adaptiveAveragePool(_ x: HostTensor, _ shape: Shape) -> HostTensor {
    let (height, width) = (x.shape[2], x.shape[3])
    let means = (0..<shape[2] * shape[3]).map { index in
      let (row, column) = index.quotientAndRemainder(dividingBy: shape[3])
      let (top, left) = (row * height / shape[2], column * width / shape[3])
      let bottom = ((row + 1) * height - 1) / shape[2] + 1
      let right = ((column + 1) * width - 1) / shape[3] + 1
      let window = Shape([shape[0], shape[1], bottom - top, right - left])
      return reduce(.mean, slice(x, [0, 0, top, left], [1, 1, 1, 1], window), [2, 3])
    }
    return concatenate(means, 1, [shape[0] * shape[1], shape[2] * shape[3]])
  }
}

// MARK: Compositions

extension ReferenceKernels {
  static func softmax(
    _ operand: HostTensor, _ axis: Int, _ logarithm: Bool
  ) throws(StrataError) -> HostTensor {
    let x = operand.converted(to: .float64)
    let shape = x.shape
    if shape.elementCount == 0 { return x }
    let rest = Shape(shape.indices.map { $0 == axis ? 1 : shape[$0] })
    // Subtracting the largest keeps the exponentials finite.
    let shifted = try binary(.subtract, x, reduce(.maximum, x, [axis]).reshaped(rest), shape)
    let powers = unary(.exp, shifted)
    let sum = reduce(.sum, powers, [axis]).reshaped(rest)
    return logarithm
      ? try binary(.subtract, shifted, unary(.log, sum), shape) : try binary(.divide, powers, sum, shape)
  }

  static func batchNorm(
    _ operands: [HostTensor], _ epsilon: Double, _ isAffine: Bool
  ) throws(StrataError) -> HostTensor {
    let shape = operands[0].shape
    let channels = Shape([shape[1]] + shape.dropFirst(2).map { _ in 1 })
    let statistics = operands.dropFirst().map { $0.converted(to: .float64).reshaped(channels) }
    let variance = try binary(.add, statistics[1], HostTensor([epsilon]), channels)
    let centred = try binary(.subtract, operands[0].converted(to: .float64), statistics[0], shape)
    let normal = try binary(.multiply, centred, unary(.rsqrt, variance), shape)
    guard isAffine else { return normal }
    return try binary(.add, binary(.multiply, normal, statistics[2], shape), statistics[3], shape)
  }

  /// Means, then biased variances, over all axes but the second.
  static func batchMoments(_ operand: HostTensor) throws(StrataError) -> HostTensor {
    let x = operand.converted(to: .float64)
    let axes = x.shape.indices.filter { $0 != 1 }
    let mean = reduce(.mean, x, axes)
    let places = mean.reshaped(Shape([x.shape[1]] + x.shape.dropFirst(2).map { _ in 1 }))
    let squares = unary(.square, try binary(.subtract, x, places, x.shape))
    return concatenate([mean, reduce(.mean, squares, axes)], 0, [2 * x.shape[1], 1])
  }

  /// The fate of element `i` depends on the key and `i` alone. A NaN that is dropped stays one, as in PyTorch.
  static func dropout(
    _ operand: HostTensor, key: HostTensor, _ probability: Double
  ) throws(StrataError) -> HostTensor {
    let (x, words) = (operand.converted(to: .float64), key.scalars(as: Int64.self))
    let random = RandomKey(seed: UInt64(bitPattern: words[0]), stream: UInt64(bitPattern: words[1]))
    let noise = HostTensor.uniform(shape: x.shape, key: random).converted(to: .float64)
    let bound = HostTensor([probability], shape: [])
    let isKept = try binary(.greaterOrEqual, noise, bound, x.shape).converted(to: .float64)
    let scale = HostTensor([probability < 1 ? 1 / (1 - probability) : 0], shape: [])
    return try binary(.multiply, x, binary(.multiply, isKept, scale, x.shape), x.shape)
  }
}
