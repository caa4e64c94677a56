import StrataCore

extension Tensor {
  /// The same elements in row-major order under another shape; one size may be −1, for what remains
  /// (`torch.reshape`).
  public func reshape(_ sizes: [Int]) -> Tensor {
    guard error == nil else { return self }
    guard sizes.count(where: { $0 == -1 }) <= 1, sizes.allSatisfy({ $0 >= -1 }) else {
      return .mistake("\(sizes) is no shape: sizes are whole numbers, one of which may be -1")
    }
    var sizes = sizes
    guard let count = Shape(sizes.map { $0 == -1 ? 1 : $0 }).checkedElementCount else {
      return .mistake("\(shape) cannot be reshaped to \(sizes)")
    }
    if let free = sizes.firstIndex(of: -1) {
      guard count > 0, shape.elementCount % count == 0 else {
        return .mistake("\(shape) cannot be reshaped to \(sizes)")
      }
      sizes[free] = shape.elementCount / count
    }
    return sizes == shape.sizes ? self : Tensor.apply(.reshape(Shape(sizes)), [self])
  }

  /// The same elements in row-major order under another shape (`torch.reshape`).
  public func reshape(_ sizes: Int...) -> Tensor { reshape(sizes) }
  /// The same elements in row-major order under another tensor's shape (`torch.reshape`).
  public func reshape(_ shape: Shape) -> Tensor { reshape(shape.sizes) }

  /// The same as `reshape` (`torch.Tensor.view`): whether memory is shared is not the caller's business here.
  public func view(_ sizes: [Int]) -> Tensor { reshape(sizes) }
  /// The same as `reshape` (`torch.Tensor.view`).
  public func view(_ sizes: Int...) -> Tensor { reshape(sizes) }

  /// Swaps two axes (`torch.transpose`).
  public func transpose(_ a: Int, _ b: Int) -> Tensor {
    guard let first = shape.axis(a) else { return noAxis(a) }
    guard let second = shape.axis(b) else { return noAxis(b) }
    guard first != second else { return self }
    var axes = Array(0..<rank)
    axes.swapAt(first, second)
    return Tensor.apply(.permute(axes), [self])
  }

  /// Puts the axes into another order: axis `i` of the result is axis `axes[i]` (`torch.permute`).
  public func permute(_ axes: [Int]) -> Tensor {
    for axis in axes where shape.axis(axis) == nil { return noAxis(axis) }
    return Tensor.apply(.permute(axes.compactMap { shape.axis($0) }), [self])
  }
  /// Puts the axes into another order (`torch.permute`).
  public func permute(_ axes: Int...) -> Tensor { permute(axes) }

  /// Removes an axis if it is of size 1, or all that are (`torch.squeeze`).
  public func squeeze(dim: Int? = nil) -> Tensor {
    guard error == nil else { return self }
    guard let dim else { return reshape(shape.filter { $0 != 1 }) }
    guard let axis = shape.axis(dim) else { return noAxis(dim) }
    guard rank > 0, shape[axis] == 1 else { return self }
    return reshape(shape.enumerated().filter { $0.offset != axis }.map(\.element))
  }

  /// Inserts an axis of size 1 before axis `dim` (`torch.unsqueeze`).
  public func unsqueeze(dim: Int) -> Tensor {
    let axis = dim < 0 ? dim + rank + 1 : dim
    guard (0...rank).contains(axis) else {
      return error == nil ? .mistake("an axis \(dim) cannot be inserted into \(shape)") : self
    }
    var sizes = shape.sizes
    if error == nil { sizes.insert(1, at: axis) }
    return reshape(sizes)
  }

  /// Repeats along axes of size 1 and new leading ones; −1 keeps a size (`torch.Tensor.expand`).
  public func expand(_ sizes: [Int]) -> Tensor {
    guard error == nil else { return self }
    let added = sizes.count - rank
    guard added >= 0, sizes.allSatisfy({ $0 >= -1 }), sizes.prefix(added).allSatisfy({ $0 >= 0 }) else {
      return .mistake("\(shape) does not expand to \(sizes)")
    }
    let target = Shape(sizes.enumerated().map { $1 == -1 ? shape[$0 - added] : $1 })
    guard target.checkedElementCount != nil else { return .mistake("\(target) has too many elements") }
    return target == shape ? self : Tensor.apply(.broadcast(target), [self])
  }
  /// Repeats along axes of size 1 and new leading ones; −1 keeps a size (`torch.Tensor.expand`).
  public func expand(_ sizes: Int...) -> Tensor { expand(sizes) }
  /// Repeats along axes of size 1 and new leading ones, to another tensor's shape (`torch.Tensor.expand_as`).
  public func expand(_ shape: Shape) -> Tensor { expand(shape.sizes) }
}

extension Tensor {
  /// Tensors one after the other along an axis (`torch.cat`).
  public static func cat(_ tensors: [Tensor], dim: Int = 0) -> Tensor {
    guard let first = tensors.first else { return .mistake("there is nothing to concatenate") }
    for tensor in tensors where tensor.error != nil { return tensor }
    guard first.rank > 0 else { return .mistake("tensors without axes are stacked, not concatenated") }
    guard let axis = first.shape.axis(dim) else { return first.noAxis(dim) }
    let dtype = tensors.reduce(first.dtype) { $0.promoted(with: $1.dtype) }
    return apply(.concatenate(axis: axis), tensors.map { $0.to(dtype) })
  }

  /// Tensors of one shape one after the other along a new axis (`torch.stack`).
  public static func stack(_ tensors: [Tensor], dim: Int = 0) -> Tensor {
    for tensor in tensors where tensor.error != nil { return tensor }
    if let first = tensors.first, let other = tensors.first(where: { $0.shape != first.shape }) {
      return .mistake("tensors of one shape are needed for stacking, got \(first.shape) and \(other.shape)")
    }
    // Where the axis cannot be inserted, every part carries the mistake, and `cat` passes the first on.
    let axis = dim < 0 ? dim + (tensors.first?.rank ?? 0) + 1 : dim
    return cat(tensors.map { $0.unsqueeze(dim: dim) }, dim: axis)
  }

  /// Parts of a size along an axis, the last of what remains (`torch.split`).
  public func split(size: Int, dim: Int = 0) -> [Tensor] {
    guard let axis = shape.axis(dim), rank > 0 else { return [noAxis(dim)] }
    guard size > 0 else { return [.mistake("cannot split \(shape) into parts of size \(size)")] }
    let length = shape[axis]
    guard length > 0 else { return [self] }
    return stride(from: 0, to: length, by: size).map { start in
      sliced(axis, start: start, size: Swift.min(size, length - start))
    }
  }

  /// Parts of given sizes along an axis (`torch.split`).
  public func split(sizes: [Int], dim: Int = 0) -> [Tensor] {
    guard let axis = shape.axis(dim), rank > 0 else { return sizes.map { _ in noAxis(dim) } }
    guard sizes.allSatisfy({ (0...shape[axis]).contains($0) }), sizes.reduce(0, +) == shape[axis] else {
      return sizes.map { _ in .mistake("the sizes \(sizes) do not add up to axis \(axis) of \(shape)") }
    }
    var start = 0
    return sizes.map { size in
      defer { start += size }
      return sliced(axis, start: start, size: size)
    }
  }

  /// At most `count` parts of equal size along an axis, the last of what remains (`torch.chunk`).
  public func chunk(_ count: Int, dim: Int = 0) -> [Tensor] {
    guard count > 0 else { return [.mistake("cannot split \(shape) into \(count) parts")] }
    guard let axis = shape.axis(dim), rank > 0 else { return (0..<count).map { _ in noAxis(dim) } }
    return split(size: Swift.max((shape[axis] + count - 1) / count, 1), dim: axis)
  }

  /// Puts a border of one value around the last axes: pairs of before and after, the last axis first
  /// (`torch.nn.functional.pad`); negative amounts cut off.
  public func pad(_ amounts: [Int], value: Double = 0) -> Tensor {
    guard error == nil else { return self }
    guard amounts.count % 2 == 0, amounts.count / 2 <= rank else {
      return .mistake("padding of \(shape) takes pairs for at most \(rank) axes, got \(amounts)")
    }
    var before = [Int](repeating: 0, count: rank)
    var after = before
    for pair in 0..<amounts.count / 2 {
      before[rank - 1 - pair] = amounts[2 * pair]
      after[rank - 1 - pair] = amounts[2 * pair + 1]
    }
    // Negative amounts are a slice, so that padding proper only adds.
    let starts = before.map { Swift.max(-$0, 0) }
    let sizes = (0..<rank).map { shape[$0] - starts[$0] - Swift.max(-after[$0], 0) }
    guard sizes.allSatisfy({ $0 >= 0 }) else { return .mistake("padding leaves nothing of \(shape)") }
    let kept = sliced(starts, sizes, [Int](repeating: 1, count: rank))
    let (low, high) = (before.map { Swift.max($0, 0) }, after.map { Swift.max($0, 0) })
    guard low != high || low.contains(where: { $0 > 0 }) else { return kept }
    return Tensor.apply(.pad(before: low, after: high, value: value), [kept])
  }

  /// Slices along an axis at the positions that a list of integers names (`torch.index_select`).
  ///
  /// The positions are known only at evaluation, which checks them.
  public func indexSelect(dim: Int, _ indices: Tensor) -> Tensor {
    guard let axis = shape.axis(dim) else { return noAxis(dim) }
    return Tensor.apply(
      .indexSelect(axis: axis), [self, indices.dtype == .int32 ? indices.to(.int64) : indices])
  }
}
