import StrataCore

extension Tensor {
  /// Slides weights `[out, in / groups, kh, kw]` over an image batch (`torch.nn.functional.conv2d`).
  public func conv2d(
    _ weight: Tensor, bias: Tensor? = nil, stride: IntPair = 1, padding: IntPair = 0, dilation: IntPair = 1,
    groups: Int = 1
  ) -> Tensor {
    if let mistake = Tensor.windowMistake(stride: stride, padding: padding, dilation: dilation) {
      return mistake
    }
    let settings = Convolution(
      stride: stride, padding: padding, dilation: dilation, groups: groups, hasBias: bias != nil)
    return Tensor.apply(.conv2d(settings, .none), [self, weight] + (bias.map { [$0] } ?? []))
  }

  /// Multiplies rows `[…, in]` by weights `[out, in]` and adds the bias (`torch.nn.functional.linear`).
  public func linear(_ weight: Tensor, bias: Tensor? = nil) -> Tensor {
    Tensor.apply(.linear(hasBias: bias != nil, .none), [self, weight] + (bias.map { [$0] } ?? []))
  }

  /// The matrix product, with batches and vectors (`torch.matmul`).
  public func matmul(_ other: Tensor) -> Tensor { Tensor.apply(.matmul, [self, other]) }

  /// The largest value of each window (`torch.nn.functional.max_pool2d`).
  public func maxPool2d(_ pooling: Pooling) -> Tensor {
    Tensor.windowMistake(pooling) ?? Tensor.apply(.maxPool2d(pooling), [self])
  }

  /// The mean of each window (`torch.nn.functional.avg_pool2d`).
  public func averagePool2d(_ pooling: Pooling) -> Tensor {
    if pooling.divisor == 0 { return .mistake("the divisor of a mean is 0") }
    return Tensor.windowMistake(pooling) ?? Tensor.apply(.averagePool2d(pooling), [self])
  }

  /// The mean of windows chosen to give a height and width (`torch.nn.functional.adaptive_avg_pool2d`).
  public func adaptiveAveragePool2d(_ size: IntPair) -> Tensor {
    Tensor.apply(.adaptiveAveragePool2d(size), [self])
  }

  /// Normalises each channel with a mean and variance `[C]`, then scales and shifts it
  /// (`torch.nn.functional.batch_norm` with `training=False`).
  public func batchNorm(
    mean: Tensor, variance: Tensor, weight: Tensor?, bias: Tensor?, epsilon: Double = 1e-5
  ) -> Tensor {
    guard weight != nil || bias != nil else {
      return Tensor.apply(.batchNorm(epsilon: epsilon, isAffine: false), [self, mean, variance])
    }
    // The operation takes both or none; the missing one becomes a constant that folding removes.
    let scale = weight ?? Tensor.apply(.full(mean.shape, mean.dtype, 1), [])
    let shift = bias ?? Tensor.apply(.full(mean.shape, mean.dtype, 0), [])
    return Tensor.apply(
      .batchNorm(epsilon: epsilon, isAffine: true), [self, mean, variance, scale, shift])
  }

  /// Brings each row along the last axis to mean 0 and variance 1, then scales and shifts it with a weight and
  /// a bias `[C]` (`torch.nn.functional.layer_norm` over the last axis).
  public func layerNorm(weight: Tensor? = nil, bias: Tensor? = nil, epsilon: Double = 1e-5) -> Tensor {
    guard error == nil else { return self }
    guard let given = weight ?? bias else {
      return Tensor.apply(.layerNorm(epsilon: epsilon, isAffine: false), [self])
    }
    // The operation takes both or none; the missing one becomes a constant.
    let scale = weight ?? Tensor.apply(.full(given.shape, given.dtype, 1), [])
    let shift = bias ?? Tensor.apply(.full(given.shape, given.dtype, 0), [])
    return Tensor.apply(.layerNorm(epsilon: epsilon, isAffine: true), [self, scale, shift])
  }

  /// The mean and the biased variance of each channel over all other axes, each `[C]`.
  public func batchMoments() -> (mean: Tensor, variance: Tensor) {
    let moments = Tensor.apply(.batchMoments, [self])
    guard moments.error == nil else { return (moments, moments) }
    let channels = moments.shape[1]
    let rows = [0, 1].map { row in
      Tensor.apply(
        .reshape([channels]),
        [Tensor.apply(.slice(starts: [row, 0], sizes: [1, channels], steps: [1, 1]), [moments])])
    }
    return (rows[0], rows[1])
  }

  /// A nonlinearity, element by element.
  public func activation(_ kind: Activation) -> Tensor {
    guard dtype.isFloatingPoint else {
      return .mistake("an activation needs floating-point numbers, got \(type)")
    }
    return Tensor.apply(.activation(kind), [self])
  }

  /// Zero in place of negative numbers (`torch.relu`).
  public func relu() -> Tensor { dtype.isFloatingPoint ? activation(.relu) : maximum(0) }

  /// Zeroes elements with a probability and scales the others up
  /// (`torch.nn.functional.dropout` with `training=True`).
  ///
  /// The same `key`, an int64 tensor of two elements, gives the same choice.
  public func dropout(_ probability: Double, key: Tensor) -> Tensor {
    guard (0...1).contains(probability) else {
      return .mistake("a dropout probability lies between 0 and 1, got \(probability)")
    }
    if key.error == nil, key.type != TensorType([2], .int64) {
      return .mistake("dropout needs a key int64[2], got \(key.type)")
    }
    guard dtype.isFloatingPoint else {
      return .mistake("dropout needs floating-point numbers, got \(type)")
    }
    return Tensor.apply(.dropout(probability: probability), [self, key])
  }

  /// Merges the axes from `start` to `end`, both included, into one (`torch.flatten`).
  public func flatten(start: Int = 0, end: Int = -1) -> Tensor {
    guard error == nil else { return self }
    guard rank > 0 else { return Tensor.apply(.reshape([1]), [self]) }
    guard let first = shape.axis(start), let last = shape.axis(end) else {
      return .mistake("\(shape) has no axis \(shape.axis(start) == nil ? start : end)")
    }
    guard first <= last else { return .mistake("cannot flatten from axis \(start) back to axis \(end)") }
    let merged = shape[first...last].reduce(1, *)
    return reshape(shape.prefix(first) + [merged] + shape.dropFirst(last + 1))
  }
}

extension Tensor {
  /// An invalid tensor that tells which module made the mistake.
  static func mistake(_ message: String) -> Tensor {
    let label = ModuleOrigin.current.label
    return .invalid(StrataError(.shape, label.isEmpty ? message : "\(label): \(message)"))
  }

  private static func windowMistake(_ pooling: Pooling) -> Tensor? {
    guard pooling.kernel.height > 0, pooling.kernel.width > 0 else {
      return .mistake("the window \(pooling.kernel) is not positive")
    }
    return windowMistake(stride: pooling.stride, padding: pooling.padding, dilation: pooling.dilation)
  }

  private static func windowMistake(stride: IntPair, padding: IntPair, dilation: IntPair) -> Tensor? {
    if stride.height <= 0 || stride.width <= 0 { return .mistake("the stride \(stride) is not positive") }
    if dilation.height <= 0 || dilation.width <= 0 {
      return .mistake("the dilation \(dilation) is not positive")
    }
    if padding.height < 0 || padding.width < 0 { return .mistake("the padding \(padding) is negative") }
    return nil
  }
}
