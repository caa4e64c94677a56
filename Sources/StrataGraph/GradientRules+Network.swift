import StrataCore

extension GradientCall {
  // MARK: Products

  func matmul() -> [Tensor?] {
    // Vectors become matrices, as `torch.matmul` reads them.
    let isRow = operands[0].rank == 1
    let isColumn = operands[1].rank == 1
    let a = isRow ? operands[0].unsqueeze(dim: 0) : operands[0]
    let b = isColumn ? operands[1].unsqueeze(dim: 1) : operands[1]
    var upstream = gradient
    if isColumn { upstream = upstream.unsqueeze(dim: -1) }
    if isRow { upstream = upstream.unsqueeze(dim: upstream.rank - 1) }
    return [
      isWanted[0]
        ? upstream.matmul(b.transpose(-2, -1)).summed(to: a.shape).reshape(operands[0].shape) : nil,
      isWanted[1]
        ? a.transpose(-2, -1).matmul(upstream).summed(to: b.shape).reshape(operands[1].shape) : nil,
    ]
  }

  func linear(_ hasBias: Bool, _ epilogue: Epilogue) -> [Tensor?] {
    guard epilogue.isEmpty else { return operands.map { _ in fusedMistake } }
    let weights = operands[1]
    let rows = x.reshape([-1, weights.shape[1]])
    let upstream = gradient.reshape([-1, weights.shape[0]])
    var parts: [Tensor?] = [
      isWanted[0] ? upstream.matmul(weights).reshape(x.shape) : nil,
      isWanted[1] ? upstream.transpose(0, 1).matmul(rows) : nil,
    ]
    if hasBias { parts.append(isWanted[2] ? upstream.sum(dim: 0) : nil) }
    return parts
  }

  func convolution(_ settings: Convolution, _ epilogue: Epilogue) -> [Tensor?] {
    guard epilogue.isEmpty else { return operands.map { _ in fusedMistake } }
    let weights = operands[1]
    var bare = settings
    bare.hasBias = false
    var parts: [Tensor?] = [
      isWanted[0] ? Tensor.apply(.conv2dImageGradient(bare, image: x.shape), [gradient, weights]) : nil,
      isWanted[1] ? Tensor.apply(.conv2dWeightGradient(bare, weights: weights.shape), [x, gradient]) : nil,
    ]
    if settings.hasBias {
      parts.append(
        isWanted[2] ? Tensor.apply(.conv2dBiasGradient(bare, weights: weights.shape), [x, gradient]) : nil)
    }
    return parts
  }

  private var fusedMistake: Tensor { .mistake("gradients are taken before operations are fused") }

  // MARK: Normalisation

  func batchNorm(_ epsilon: Double, _ isAffine: Bool) -> [Tensor?] {
    let (mean, variance) = (operands[1], operands[2])
    let weight = isAffine ? operands[3] : nil
    if mean.isMoment(0, of: x), variance.isMoment(1, of: x) {
      // One operation for the image takes the dependence of the moments on it into account.
      func part(_ part: BatchNormPart) -> Tensor {
        Tensor.apply(
          .batchNormGradient(part, epsilon: epsilon, isAffine: isAffine),
          [x, gradient, mean, variance] + (weight.map { [$0] } ?? []))
      }
      let image = isWanted[0] ? part(.image) : nil
      return isAffine
        ? [image, nil, nil, isWanted[3] ? part(.weight) : nil, isWanted[4] ? part(.bias) : nil]
        : [image, nil, nil]
    }
    // Moments that come from elsewhere have gradients of their own; one operation gives the sums for all of them.
    let scale = weight ?? Tensor.apply(.full(mean.shape, mean.dtype, 1), [])
    func sum(_ part: BatchNormPart) -> Tensor {
      Tensor.apply(
        .batchNormGradient(part, epsilon: epsilon, isAffine: true), [x, gradient, mean, variance, scale])
    }
    let deviation = (variance + epsilon).rsqrt()
    let slope = scale * deviation
    let channels = Shape([1, x.shape[1]] + x.shape.dropFirst(2).map { _ in 1 })
    var parts: [Tensor?] = [
      isWanted[0] ? gradient * slope.reshape(channels) : nil,
      isWanted[1] ? -(sum(.bias) * slope) : nil,
      isWanted[2] ? sum(.weight) * slope * deviation * -0.5 : nil,
    ]
    if isAffine {
      parts.append(isWanted[3] ? sum(.weight) : nil)
      parts.append(isWanted[4] ? sum(.bias) : nil)
    }
    return parts
  }

  func layerNorm(_ epsilon: Double, _ isAffine: Bool) -> [Tensor?] {
    let mean = x.mean(dim: -1, keepDim: true)
    let centred = x - mean
    let deviation = (centred.square().mean(dim: -1, keepDim: true) + epsilon).rsqrt()
    let normal = centred * deviation
    let scaled = isAffine ? gradient * operands[1] : gradient
    let centre = scaled.mean(dim: -1, keepDim: true)
    let lean = (scaled * normal).mean(dim: -1, keepDim: true)
    let image = isWanted[0] ? deviation * (scaled - centre - normal * lean) : nil
    guard isAffine else { return [image] }
    return [
      image, isWanted[1] ? (gradient * normal).summed(to: operands[1].shape) : nil,
      isWanted[2] ? gradient.summed(to: operands[2].shape) : nil,
    ]
  }

  func batchMoments() -> Tensor {
    let channels = Shape([1, x.shape[1]] + x.shape.dropFirst(2).map { _ in 1 })
    let count = Double(x.shape.elementCount / max(x.shape[1], 1))
    let mean = x.batchMoments().mean
    let slope = gradient[1] * (2 / count)
    let offset = gradient[0] * (1 / count) - mean * slope
    return x * slope.reshape(channels) + offset.reshape(channels)
  }
}

extension Tensor {
  /// Whether this is the given row of the batch moments of `image`.
  fileprivate func isMoment(_ row: Int, of image: Tensor) -> Bool {
    GraphArena.locked {
      guard case .node(let home, let id) = storage.lockedContent,
        case .node(let imageHome, let imageID) = image.storage.lockedContent
      else { return false }
      let place = GraphArena.resolve(home, id)
      let imagePlace = GraphArena.resolve(imageHome, imageID)
      guard place.arena === imagePlace.arena else { return false }
      return place.arena.nodes.isMoment(row, place.id, of: imagePlace.id)
    }
  }
}

extension Array where Element == Node {
  /// Whether a node is the given row of the batch moments of `image`: its mean (0) or variance (1).
  package func isMoment(_ row: Int, _ id: NodeID, of image: NodeID) -> Bool {
    guard let moments = momentsBehind(row, id) else { return false }
    return self[moments.index].operands == [image]
  }

  /// The batch moments that a node is the given row of.
  package func momentsBehind(_ row: Int, _ id: NodeID) -> NodeID? {
    guard case .reshape = self[id.index].op else { return nil }
    let slice = self[id.index].operands[0]
    guard case .slice(let starts, _, _) = self[slice.index].op, starts == [row, 0] else { return nil }
    let moments = self[slice.index].operands[0]
    guard case .batchMoments = self[moments.index].op else { return nil }
    return moments
  }
}
