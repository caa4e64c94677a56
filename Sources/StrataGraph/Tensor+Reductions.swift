import StrataCore

// Each reduction takes one axis, `dim`, or several, `dims`; without either it reduces all.
// Axes may be counted from the back.

extension Tensor {
  /// The sum over some or all axes (`torch.sum`); of integers and truth values, int64.
  public func sum(dims: [Int]? = nil, keepDim: Bool = false) -> Tensor {
    (dtype.isFloatingPoint ? self : to(.int64)).reduce(.sum, dims, keepDim)
  }
  /// The sum over an axis.
  public func sum(dim: Int, keepDim: Bool = false) -> Tensor { sum(dims: [dim], keepDim: keepDim) }

  /// The mean over some or all axes (`torch.mean`).
  public func mean(dims: [Int]? = nil, keepDim: Bool = false) -> Tensor { reduce(.mean, dims, keepDim) }
  /// The mean over an axis.
  public func mean(dim: Int, keepDim: Bool = false) -> Tensor { mean(dims: [dim], keepDim: keepDim) }

  /// The product over some or all axes (`torch.prod`); of integers and truth values, int64.
  public func prod(dims: [Int]? = nil, keepDim: Bool = false) -> Tensor {
    (dtype.isFloatingPoint ? self : to(.int64)).reduce(.product, dims, keepDim)
  }
  /// The product over an axis.
  public func prod(dim: Int, keepDim: Bool = false) -> Tensor { prod(dims: [dim], keepDim: keepDim) }

  /// The largest value over some or all axes (`torch.amax`).
  public func max(dims: [Int]? = nil, keepDim: Bool = false) -> Tensor { reduce(.maximum, dims, keepDim) }
  /// The largest value over an axis.
  public func max(dim: Int, keepDim: Bool = false) -> Tensor { max(dims: [dim], keepDim: keepDim) }

  /// The smallest value over some or all axes (`torch.amin`).
  public func min(dims: [Int]? = nil, keepDim: Bool = false) -> Tensor { reduce(.minimum, dims, keepDim) }
  /// The smallest value over an axis.
  public func min(dim: Int, keepDim: Bool = false) -> Tensor { min(dims: [dim], keepDim: keepDim) }

  /// Whether any element over some or all axes is true, or not zero (`torch.any`).
  public func any(dims: [Int]? = nil, keepDim: Bool = false) -> Tensor {
    // Counting, unless a maximum, knows the answer for no elements too.
    to(.bool).sum(dims: dims, keepDim: keepDim) .> 0
  }
  /// Whether any element over an axis is true, or not zero.
  public func any(dim: Int, keepDim: Bool = false) -> Tensor { any(dims: [dim], keepDim: keepDim) }

  /// Whether all elements over some or all axes are true, or not zero (`torch.all`).
  public func all(dims: [Int]? = nil, keepDim: Bool = false) -> Tensor {
    logicalNot().sum(dims: dims, keepDim: keepDim) .== 0
  }
  /// Whether all elements over an axis are true, or not zero.
  public func all(dim: Int, keepDim: Bool = false) -> Tensor { all(dims: [dim], keepDim: keepDim) }

  /// The variance over some or all axes (`torch.var`), divided by the count less one, or by the count if biased.
  public func variance(dims: [Int]? = nil, unbiased: Bool = true, keepDim: Bool = false) -> Tensor {
    guard error == nil else { return self }
    guard dtype.isFloatingPoint else {
      return .mistake("a variance needs floating-point numbers, got \(type)")
    }
    let axes: [Int]
    switch resolved(dims) {
    case .success(let found): axes = found
    case .failure(let error): return .mistake(error.message)
    }
    let count = axes.reduce(1) { $0 * (rank == 0 ? 1 : shape[$1]) }
    let squares = (self - mean(dims: axes, keepDim: true)).square().sum(dims: axes, keepDim: keepDim)
    // Of one element, PyTorch gives 0 / 0 where unbiased.
    return squares / Double(unbiased ? Swift.max(count - 1, 0) : count)
  }
  /// The variance over an axis.
  public func variance(dim: Int, unbiased: Bool = true, keepDim: Bool = false) -> Tensor {
    variance(dims: [dim], unbiased: unbiased, keepDim: keepDim)
  }

  private func reduce(_ reduction: Reduction, _ dims: [Int]?, _ keepDim: Bool) -> Tensor {
    guard error == nil else { return self }
    switch resolved(dims) {
    case .success(let axes): return Tensor.apply(.reduce(reduction, axes: axes, keepsAxes: keepDim), [self])
    case .failure(let error): return .mistake(error.message)
    }
  }

  /// The axes in rising order and counted from the front; all where none are given, as in PyTorch.
  private func resolved(_ dims: [Int]?) -> Result<[Int], StrataError> {
    guard let dims, !dims.isEmpty else { return .success(Array(0..<rank)) }
    var axes: Set<Int> = []
    for dim in dims {
      guard let axis = shape.axis(dim) else { return .failure(shapeError("\(shape) has no axis \(dim)")) }
      guard axes.insert(axis).inserted else {
        return .failure(shapeError("axis \(axis) of \(shape) is named twice in \(dims)"))
      }
    }
    // A scalar's only axis is one in name.
    return .success(rank == 0 ? [] : axes.sorted())
  }
}

extension Tensor {
  /// The index (int64) of the largest value, the first of equal ones, along an axis or of all elements in
  /// row-major order (`torch.argmax`).
  public func argmax(dim: Int? = nil, keepDim: Bool = false) -> Tensor { argReduce(.maximum, dim, keepDim) }

  /// The index (int64) of the smallest value, the first of equal ones, along an axis or of all elements in
  /// row-major order (`torch.argmin`).
  public func argmin(dim: Int? = nil, keepDim: Bool = false) -> Tensor { argReduce(.minimum, dim, keepDim) }

  /// The `count` largest values along an axis in falling order, and their indices (`torch.topk`).
  public func topK(_ count: Int, dim: Int = -1) -> (values: Tensor, indices: Tensor) {
    guard let axis = shape.axis(dim) else {
      let mistake = noAxis(dim)
      return (mistake, mistake)
    }
    return (
      Tensor.apply(.topK(.values, count: count, axis: axis), [self]),
      Tensor.apply(.topK(.indices, count: count, axis: axis), [self])
    )
  }

  /// Exponentials over their sum along an axis (`torch.softmax`).
  public func softmax(dim: Int) -> Tensor { softmax(dim, logarithm: false) }

  /// The logarithm of `softmax`, exact where that underflows (`torch.log_softmax`).
  public func logSoftmax(dim: Int) -> Tensor { softmax(dim, logarithm: true) }

  private func softmax(_ dim: Int, logarithm: Bool) -> Tensor {
    guard let axis = shape.axis(dim) else { return noAxis(dim) }
    guard dtype.isFloatingPoint else { return .mistake("softmax needs floating-point numbers, got \(type)") }
    return Tensor.apply(.softmax(axis: axis, logarithm: logarithm), [self])
  }

  private func argReduce(_ extreme: Extreme, _ dim: Int?, _ keepDim: Bool) -> Tensor {
    guard error == nil else { return self }
    guard let dim else {
      let all = reshape(-1).argReduce(extreme, 0, false)
      return keepDim ? all.reshape([Int](repeating: 1, count: rank)) : all
    }
    guard let axis = shape.axis(dim) else { return noAxis(dim) }
    guard rank == 0 || shape[axis] > 0 else {
      return .mistake("\(shape) has no \(extreme.rawValue) along axis \(axis)")
    }
    return Tensor.apply(.argReduce(extreme, axis: axis, keepsAxis: keepDim), [self])
  }

  /// What an operation along an axis that does not exist gives.
  func noAxis(_ dim: Int) -> Tensor { error == nil ? .mistake("\(shape) has no axis \(dim)") : self }
}
