import StrataCore

func imageShape(_ type: TensorType) throws(StrataError) -> Shape {
  guard type.shape.rank == 4 else {
    throw shapeError("expects an image batch [N, C, H, W], got \(type.shape)")
  }
  return type.shape
}

func channelCount(_ type: TensorType) throws(StrataError) -> Int {
  guard type.shape.rank >= 2 else { throw shapeError("expects [N, C, …], got \(type.shape)") }
  return type.shape[1]
}

/// Windows that fit along one axis; zero or less where none does.
func windowCount(
  _ size: Int, kernel: Int, stride: Int, padding: Int, dilation: Int, roundsUp: Bool = false
) -> Int {
  let room = size + 2 * padding - dilation * (kernel - 1) - 1 + (roundsUp ? stride - 1 : 0)
  guard room >= 0 else { return 0 }
  let count = room / stride + 1
  // As in PyTorch, a window must begin inside the image or its left border.
  return roundsUp && (count - 1) * stride >= size + padding ? count - 1 : count
}

func matmulType(_ a: TensorType, _ b: TensorType) throws(StrataError) -> TensorType {
  guard a.dtype == b.dtype else {
    throw shapeError("matmul needs operands of one element type, got \(a) and \(b)")
  }
  let x = a.shape.sizes
  let y = b.shape.sizes
  guard !x.isEmpty, !y.isEmpty else {
    throw shapeError("matmul needs at least one axis, got \(a.shape) and \(b.shape)")
  }
  let inner = y.count == 1 ? y[0] : y[y.count - 2]
  guard x[x.count - 1] == inner,
    let batch = Shape(Array(x.dropLast(2))).broadcast(with: Shape(Array(y.dropLast(2))))
  else { throw shapeError("\(a.shape) and \(b.shape) do not multiply") }
  var sizes = batch.sizes
  if x.count > 1 { sizes.append(x[x.count - 2]) }
  if y.count > 1 { sizes.append(y[y.count - 1]) }
  return TensorType(Shape(sizes), a.dtype)
}

func convolutionType(
  _ settings: Convolution, _ epilogue: Epilogue, _ operands: [TensorType]
) throws(StrataError) -> TensorType {
  let image = try imageShape(operands[0])
  let weights = try imageShape(operands[1])
  guard settings.groups > 0, weights[0] % settings.groups == 0 else {
    throw shapeError("\(weights[0]) output channels do not divide into \(settings.groups) groups")
  }
  guard image[1] == weights[1] * settings.groups else {
    throw shapeError("expects \(weights[1] * settings.groups) input channels, got \(image[1]) in \(image)")
  }
  guard operands[0].dtype == operands[1].dtype else {
    throw shapeError("expects \(operands[1].dtype.rawValue) as its weights are, got \(operands[0])")
  }
  for (name, pair) in [("stride", settings.stride), ("dilation", settings.dilation)] {
    guard pair.height > 0, pair.width > 0 else { throw shapeError("\(name) \(pair) must be positive") }
  }
  let height = windowCount(
    image[2], kernel: weights[2], stride: settings.stride.height, padding: settings.padding.height,
    dilation: settings.dilation.height)
  let width = windowCount(
    image[3], kernel: weights[3], stride: settings.stride.width, padding: settings.padding.width,
    dilation: settings.dilation.width)
  guard height > 0, width > 0 else {
    throw shapeError(
      "kernel \(weights[2])×\(weights[3]) does not fit into \(image[2])×\(image[3]) with padding \(settings.padding)"
    )
  }
  let result = TensorType([image[0], weights[0], height, width], operands[0].dtype)
  try checkEpilogue(epilogue, hasBias: settings.hasBias, channels: weights[0], operands, result)
  return result
}

func linearType(
  hasBias: Bool, _ epilogue: Epilogue, _ operands: [TensorType]
) throws(StrataError) -> TensorType {
  let weights = operands[1].shape
  guard weights.rank == 2, let features = operands[0].shape.last else {
    throw shapeError("expects rows and a weight matrix, got \(operands[0].shape) and \(weights)")
  }
  guard features == weights[1] else {
    throw shapeError("expects \(weights[1]) features, got \(features) in \(operands[0].shape)")
  }
  guard operands[0].dtype == operands[1].dtype else {
    throw shapeError("expects \(operands[1].dtype.rawValue) as its weights are, got \(operands[0])")
  }
  let result = TensorType(Shape(operands[0].shape.dropLast() + [weights[0]]), operands[0].dtype)
  try checkEpilogue(epilogue, hasBias: hasBias, channels: weights[0], operands, result)
  return result
}

private func checkEpilogue(
  _ epilogue: Epilogue, hasBias: Bool, channels: Int, _ operands: [TensorType], _ result: TensorType
) throws(StrataError) {
  guard operands.count == 2 + (hasBias ? 1 : 0) + (epilogue.addsResidual ? 1 : 0) else {
    throw shapeError("has \(operands.count) operands, not those its settings announce")
  }
  if hasBias, operands[2].shape != [channels] {
    throw shapeError("expects a bias of shape [\(channels)], got \(operands[2].shape)")
  }
  if epilogue.addsResidual, operands[operands.count - 1] != result {
    throw shapeError("expects a residual \(result), got \(operands[operands.count - 1])")
  }
}

func pooledType(_ pooling: Pooling, _ operand: TensorType) throws(StrataError) -> TensorType {
  let image = try imageShape(operand)
  for (name, pair) in [
    ("window", pooling.kernel), ("stride", pooling.stride), ("dilation", pooling.dilation),
  ] {
    guard pair.height > 0, pair.width > 0 else { throw shapeError("\(name) \(pair) must be positive") }
  }
  guard pooling.padding.height * 2 <= pooling.kernel.height, pooling.padding.width * 2 <= pooling.kernel.width
  else { throw shapeError("padding \(pooling.padding) is more than half of the window \(pooling.kernel)") }
  let height = windowCount(
    image[2], kernel: pooling.kernel.height, stride: pooling.stride.height, padding: pooling.padding.height,
    dilation: pooling.dilation.height, roundsUp: pooling.roundsUp)
  let width = windowCount(
    image[3], kernel: pooling.kernel.width, stride: pooling.stride.width, padding: pooling.padding.width,
    dilation: pooling.dilation.width, roundsUp: pooling.roundsUp)
  guard height > 0, width > 0 else {
    throw shapeError(
      "window \(pooling.kernel.height)×\(pooling.kernel.width) does not fit into \(image[2])×\(image[3])")
  }
  return TensorType([image[0], image[1], height, width], operand.dtype)
}

func batchNormType(isAffine: Bool, _ operands: [TensorType]) throws(StrataError) -> TensorType {
  let channels = try channelCount(operands[0])
  guard operands.count == (isAffine ? 5 : 3) else { throw shapeError("has \(operands.count) operands") }
  for operand in operands.dropFirst() where operand.shape != [channels] {
    throw shapeError(
      "expects \(operand.shape.elementCount) channels, got \(channels) in \(operands[0].shape)")
  }
  return operands[0]
}

func layerNormType(isAffine: Bool, _ operands: [TensorType]) throws(StrataError) -> TensorType {
  guard operands.count == (isAffine ? 3 : 1) else { throw shapeError("has \(operands.count) operands") }
  guard let features = operands[0].shape.last else {
    throw shapeError("expects rows, got \(operands[0].shape)")
  }
  for operand in operands.dropFirst() where operand != TensorType([features], operands[0].dtype) {
    throw shapeError(
      "expects \(operand.shape.elementCount) features, got \(features) in \(operands[0].shape)")
  }
  return operands[0]
}
