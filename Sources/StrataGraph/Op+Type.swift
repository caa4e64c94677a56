import StrataCore

extension Op {
  /// The shape and element type of the result, or what does not fit.
  public func resultType(_ operands: [TensorType]) throws(StrataError) -> TensorType {
    guard operandCounts.contains(operands.count) else {
      throw shapeError("\(self) takes \(operandCounts) operands, got \(operands.count)")
    }
    switch self {
    case .input, .variable:
      throw shapeError("a leaf has no operands")
    case .full(let shape, let dtype, _):
      return TensorType(shape, dtype)
    case .unary(let function):
      return try unaryType(function, operands[0])
    case .activation, .clamp, .dropout:
      return operands[0]
    case .softmax(let axis, _):
      try requireAxis(axis, operands[0].shape)
      return operands[0]
    case .binary(let function):
      return try binaryType(function, operands[0], operands[1])
    case .select:
      return try selectType(operands)
    case .cast(let dtype):
      return TensorType(operands[0].shape, dtype)
    case .reduce(let reduction, let axes, let keeps):
      return try reducedType(reduction, operands[0], axes: axes, keeps: keeps)
    case .argReduce(_, let axis, let keeps):
      return TensorType(try reducedShape(operands[0].shape, axes: [axis], keeps: keeps), .int64)
    case .topK(let part, let count, let axis):
      return try topKType(part, operands[0], count: count, axis: axis)
    case .reshape(let shape):
      guard shape.elementCount == operands[0].shape.elementCount else {
        throw shapeError("\(operands[0].shape) cannot be reshaped to \(shape)")
      }
      return TensorType(shape, operands[0].dtype)
    case .permute(let axes):
      guard axes.sorted() == Array(0..<operands[0].shape.rank) else {
        throw shapeError("\(axes) is no order of the axes of \(operands[0].shape)")
      }
      return TensorType(Shape(axes.map { operands[0].shape[$0] }), operands[0].dtype)
    case .broadcast(let shape):
      guard operands[0].shape.broadcast(with: shape) == shape else {
        throw shapeError("\(operands[0].shape) does not broadcast to \(shape)")
      }
      return TensorType(shape, operands[0].dtype)
    case .slice(let starts, let sizes, let steps):
      return try sliceType(operands[0], starts: starts, sizes: sizes, steps: steps)
    case .concatenate(let axis):
      return try concatenatedType(operands, axis: axis)
    case .pad(let before, let after, _):
      return try paddedType(operands[0], before: before, after: after)
    case .indexSelect(let axis):
      return try indexSelectType(operands, axis: axis)
    case .unslice(let shape, let starts, let steps):
      // What a slice of the result with these settings would be is the operand.
      return try unslicedType(operands[0], shape, starts: starts, steps: steps)
    case .indexAdd(let axis, let size):
      return try indexAddType(operands, axis: axis, size: size)
    case .conv2dImageGradient(_, let shape), .conv2dWeightGradient(_, let shape),
      .averagePool2dGradient(_, let shape), .adaptiveAveragePool2dGradient(let shape):
      return TensorType(shape, operands[0].dtype)
    case .conv2dBiasGradient(_, let weights):
      return TensorType([weights[0]], operands[0].dtype)
    case .activationGradient:
      guard operands[0] == operands[1] else {
        throw shapeError("\(operands[1]) is no gradient for \(operands[0])")
      }
      return operands[0]
    case .maxPool2dGradient(let pooling):
      guard try pooledType(pooling, operands[0]) == operands[1] else {
        throw shapeError("\(operands[1]) is no gradient of pooling \(operands[0])")
      }
      return operands[0]
    case .batchNormGradient(let part, _, _):
      guard operands[0] == operands[1] else {
        throw shapeError("\(operands[1]) is no gradient for \(operands[0])")
      }
      return part == .image ? operands[0] : TensorType([try channelCount(operands[0])], operands[0].dtype)
    case .matmul:
      return try matmulType(operands[0], operands[1])
    case .conv2d(let settings, let epilogue):
      return try convolutionType(settings, epilogue, operands)
    case .linear(let hasBias, let epilogue):
      return try linearType(hasBias: hasBias, epilogue, operands)
    case .maxPool2d(let pooling), .averagePool2d(let pooling):
      return try pooledType(pooling, operands[0])
    case .adaptiveAveragePool2d(let size):
      let image = try imageShape(operands[0])
      guard size.height > 0, size.width > 0, image[2] > 0, image[3] > 0 else {
        throw shapeError("cannot average \(image) to \(size.height)×\(size.width)")
      }
      return TensorType([image[0], image[1], size.height, size.width], operands[0].dtype)
    case .batchNorm(_, let isAffine):
      return try batchNormType(isAffine: isAffine, operands)
    case .layerNorm(_, let isAffine):
      return try layerNormType(isAffine: isAffine, operands)
    case .batchMoments:
      return TensorType([2, try channelCount(operands[0])], operands[0].dtype)
    case .crossRank(let operation):
      guard operands[0].dtype.isFloatingPoint else {
        throw shapeError("a sum over processes needs floating-point numbers, got \(operands[0])")
      }
      switch operation {
      case .sum: return operands[0]
      case .contribute: return TensorType([], .float32)
      case .collect(_, let shape, let dtype): return TensorType(shape, dtype)
      }
    }
  }
}

extension Op {
  /// How many operands the operation can have.
  private var operandCounts: ClosedRange<Int> {
    switch self {
    case .input, .variable, .full: 0...0
    case .unary, .activation, .clamp, .cast, .reduce, .argReduce, .topK, .softmax, .reshape, .permute,
      .broadcast,
      .slice, .unslice, .pad, .maxPool2d, .averagePool2d, .adaptiveAveragePool2d, .batchMoments,
      .crossRank, .averagePool2dGradient, .adaptiveAveragePool2dGradient:
      1...1
    case .binary, .indexSelect, .indexAdd, .matmul, .dropout, .conv2dImageGradient, .conv2dWeightGradient,
      .conv2dBiasGradient, .activationGradient, .maxPool2dGradient:
      2...2
    case .batchNormGradient: 4...5
    case .select: 3...3
    case .conv2d, .linear: 2...4
    case .batchNorm: 3...5
    case .layerNorm: 1...3
    case .concatenate: 1...Int.max
    }
  }
}

func shapeError(_ message: String) -> StrataError { StrataError(.shape, message) }

private func requireAxis(_ axis: Int, _ shape: Shape) throws(StrataError) {
  guard (0..<max(shape.rank, 1)).contains(axis) else { throw shapeError("\(shape) has no axis \(axis)") }
}

// MARK: Element by element

private func unaryType(_ function: Unary, _ operand: TensorType) throws(StrataError) -> TensorType {
  switch function {
  case .negate, .absolute, .square, .sign, .floor, .ceil, .round: return operand
  case .logicalNot, .isNaN, .isFinite: return TensorType(operand.shape, .bool)
  case .exp, .log, .sqrt, .rsqrt, .sin, .cos, .erf:
    guard operand.dtype.isFloatingPoint else {
      throw shapeError("\(function.rawValue) needs floating-point numbers, got \(operand)")
    }
    return operand
  }
}

private func binaryType(_ function: Binary, _ a: TensorType, _ b: TensorType) throws(StrataError)
  -> TensorType
{
  guard a.dtype == b.dtype else {
    throw shapeError("\(function.rawValue) needs operands of one element type, got \(a) and \(b)")
  }
  guard let shape = a.shape.broadcast(with: b.shape) else {
    throw shapeError("\(a.shape) and \(b.shape) do not broadcast for \(function.rawValue)")
  }
  return TensorType(shape, function.isPredicate ? .bool : a.dtype)
}

private func selectType(_ operands: [TensorType]) throws(StrataError) -> TensorType {
  guard operands[0].dtype == .bool, operands[1].dtype == operands[2].dtype,
    let values = operands[1].shape.broadcast(with: operands[2].shape),
    let shape = values.broadcast(with: operands[0].shape)
  else { throw shapeError("\(operands[0]) cannot choose between \(operands[1]) and \(operands[2])") }
  return TensorType(shape, operands[1].dtype)
}

// MARK: Reductions

private func reducedShape(_ shape: Shape, axes: [Int], keeps: Bool) throws(StrataError) -> Shape {
  for axis in axes { try requireAxis(axis, shape) }
  var sizes: [Int] = []
  for (axis, size) in shape.enumerated() {
    if !axes.contains(axis) { sizes.append(size) } else if keeps { sizes.append(1) }
  }
  return Shape(sizes)
}

private func reducedType(
  _ reduction: Reduction, _ operand: TensorType, axes: [Int], keeps: Bool
) throws(StrataError) -> TensorType {
  let shape = try reducedShape(operand.shape, axes: axes, keeps: keeps)
  let isEmpty = operand.shape.elementCount == 0 && shape.elementCount > 0
  if isEmpty, reduction == .maximum || reduction == .minimum {
    throw shapeError("\(operand.shape) has no \(reduction.rawValue)")
  }
  if reduction == .mean, !operand.dtype.isFloatingPoint {
    throw shapeError("a mean needs floating-point numbers, got \(operand)")
  }
  return TensorType(shape, operand.dtype)
}

private func topKType(
  _ part: TopKPart, _ operand: TensorType, count: Int, axis: Int
) throws(StrataError) -> TensorType {
  try requireAxis(axis, operand.shape)
  guard operand.shape.rank > 0, (0...operand.shape[axis]).contains(count) else {
    throw shapeError("\(operand.shape) has no \(count) values along axis \(axis)")
  }
  var sizes = operand.shape.sizes
  sizes[axis] = count
  return TensorType(Shape(sizes), part == .values ? operand.dtype : .int64)
}

// MARK: Movement

private func sliceType(
  _ operand: TensorType, starts: [Int], sizes: [Int], steps: [Int]
) throws(StrataError) -> TensorType {
  let shape = operand.shape
  guard starts.count == shape.rank, sizes.count == shape.rank, steps.count == shape.rank else {
    throw shapeError("a slice of \(shape) needs \(shape.rank) ranges")
  }
  for axis in 0..<shape.rank where sizes[axis] > 0 {
    guard steps[axis] > 0, starts[axis] >= 0, starts[axis] + (sizes[axis] - 1) * steps[axis] < shape[axis]
    else {
      throw shapeError("the slice runs outside axis \(axis) of \(shape)")
    }
  }
  return TensorType(Shape(sizes), operand.dtype)
}

private func concatenatedType(_ operands: [TensorType], axis: Int) throws(StrataError) -> TensorType {
  guard let first = operands.first else { throw shapeError("there is nothing to concatenate") }
  try requireAxis(axis, first.shape)
  var sizes = first.shape.sizes
  for operand in operands.dropFirst() {
    guard operand.dtype == first.dtype, operand.shape.rank == first.shape.rank,
      (0..<sizes.count).allSatisfy({ $0 == axis || operand.shape[$0] == sizes[$0] })
    else { throw shapeError("\(operand) cannot follow \(first) along axis \(axis)") }
    sizes[axis] += operand.shape[axis]
  }
  return TensorType(Shape(sizes), first.dtype)
}

private func paddedType(
  _ operand: TensorType, before: [Int], after: [Int]
) throws(StrataError) -> TensorType {
  guard before.count == operand.shape.rank, after.count == operand.shape.rank else {
    throw shapeError("padding of \(operand.shape) needs \(operand.shape.rank) pairs")
  }
  let sizes = (0..<operand.shape.rank).map { before[$0] + operand.shape[$0] + after[$0] }
  guard sizes.allSatisfy({ $0 >= 0 }) else { throw shapeError("padding leaves nothing of \(operand.shape)") }
  return TensorType(Shape(sizes), operand.dtype)
}

private func indexSelectType(_ operands: [TensorType], axis: Int) throws(StrataError) -> TensorType {
  try requireAxis(axis, operands[0].shape)
  guard operands[1].dtype == .int64, operands[1].shape.rank == 1, operands[0].shape.rank > 0 else {
    throw shapeError("\(operands[1]) is no list of indices into \(operands[0].shape)")
  }
  var sizes = operands[0].shape.sizes
  sizes[axis] = operands[1].shape[0]
  return TensorType(Shape(sizes), operands[0].dtype)
}

private func unslicedType(
  _ operand: TensorType, _ shape: Shape, starts: [Int], steps: [Int]
) throws(StrataError) -> TensorType {
  let whole = TensorType(shape, operand.dtype)
  let slice = try sliceType(whole, starts: starts, sizes: operand.shape.sizes, steps: steps)
  guard slice == operand else { throw shapeError("\(operand) does not fit into \(shape)") }
  return whole
}

private func indexAddType(_ operands: [TensorType], axis: Int, size: Int) throws(StrataError) -> TensorType {
  try requireAxis(axis, operands[0].shape)
  guard operands[1].dtype == .int64, operands[0].shape.rank > 0,
    operands[1].shape == [operands[0].shape[axis]]
  else {
    throw shapeError("\(operands[1]) does not list a place for each slice of \(operands[0].shape)")
  }
  var sizes = operands[0].shape.sizes
  sizes[axis] = size
  return TensorType(Shape(sizes), operands[0].dtype)
}
