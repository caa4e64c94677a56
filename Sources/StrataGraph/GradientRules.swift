import StrataCore

/// One operation on the way back: what it was applied to, what came out, and the loss's gradient for that.
struct GradientCall {
  let operands: [Tensor]
  let result: Tensor
  let gradient: Tensor
  /// Which operands' gradients will be used.
  let isWanted: [Bool]

  var x: Tensor { operands[0] }

  /// The gradients for the operands; nil where there is none: integers, and functions that are flat.
  func gradients(of op: Op) -> [Tensor?] {
    switch op {
    case .input, .variable, .full: []
    case .unary(let function): [unary(function)]
    case .activation(let kind): [activation(kind)]
    case .clamp(let low, let high): [gradient * ((x .>= low) .& (x .<= high)).to(gradient.dtype)]
    case .binary(let function): binary(function)
    case .select: select()
    case .cast: [x.dtype.isFloatingPoint ? gradient.to(x.dtype) : nil]
    case .reduce(let reduction, let axes, _): [reduce(reduction, axes)]
    case .argReduce: [nil]
    case .topK(let part, _, let axis): [part == .values ? topK(axis) : nil]
    case .softmax(let axis, let logarithm): [softmax(axis, logarithm)]
    case .reshape: [gradient.reshape(x.shape)]
    case .permute(let axes):
      [gradient.permute(axes.indices.map { axis in axes.firstIndex(of: axis) ?? axis })]
    case .broadcast: [gradient.summed(to: x.shape)]
    case .slice(let starts, _, let steps):
      [Tensor.apply(.unslice(x.shape, starts: starts, steps: steps), [gradient])]
    case .unslice(_, let starts, let steps):
      [Tensor.apply(.slice(starts: starts, sizes: x.shape.sizes, steps: steps), [gradient])]
    case .concatenate(let axis): concatenate(axis)
    case .pad(let before, let after, _):
      [Tensor.apply(.pad(before: before.map(-), after: after.map(-), value: 0), [gradient])]
    case .indexSelect(let axis):
      [Tensor.apply(.indexAdd(axis: axis, size: x.shape[axis]), [gradient, operands[1]]), nil]
    case .indexAdd(let axis, _): [Tensor.apply(.indexSelect(axis: axis), [gradient, operands[1]]), nil]
    case .matmul: matmul()
    case .conv2d(let settings, let epilogue): convolution(settings, epilogue)
    case .linear(let hasBias, let epilogue): linear(hasBias, epilogue)
    case .maxPool2d(let pooling): [Tensor.apply(.maxPool2dGradient(pooling), [x, gradient])]
    case .averagePool2d(let pooling):
      [Tensor.apply(.averagePool2dGradient(pooling, image: x.shape), [gradient])]
    case .adaptiveAveragePool2d:
      [Tensor.apply(.adaptiveAveragePool2dGradient(image: x.shape), [gradient])]
    case .batchNorm(let epsilon, let isAffine): batchNorm(epsilon, isAffine)
    case .layerNorm(let epsilon, let isAffine): layerNorm(epsilon, isAffine)
    case .batchMoments: [batchMoments()]
    case .dropout(let probability):
      [Tensor.apply(.dropout(probability: probability), [gradient, operands[1]]), nil]
    // Every process's loss depends on what each of them gave to the sum.
    case .crossRank(.sum): [gradient.summedOverRanks()]
    case .crossRank(.contribute), .crossRank(.collect): [.mistake("gradients are summed, not differentiated")]
    case .conv2dImageGradient, .conv2dWeightGradient, .conv2dBiasGradient, .activationGradient,
      .maxPool2dGradient, .averagePool2dGradient, .adaptiveAveragePool2dGradient, .batchNormGradient:
      operands.map { _ in .mistake("second derivatives are not available for \(op)") }
    }
  }

  // MARK: Element by element

  private func unary(_ function: Unary) -> Tensor? {
    switch function {
    case .negate: -gradient
    case .absolute: gradient * x.sign()
    case .exp: gradient * result
    case .log: gradient / x
    case .sqrt: gradient / (result * 2)
    case .rsqrt: gradient * (result * result * result) * -0.5
    case .square: gradient * x * 2
    case .sin: gradient * x.cos()
    case .cos: -(gradient * x.sin())
    case .erf: gradient * (-x.square()).exp() * 1.128_379_167_095_512_6  // 2/√π
    case .floor, .ceil, .round, .sign: Tensor.zerosLike(x)
    case .logicalNot, .isNaN, .isFinite: nil
    }
  }

  private func activation(_ kind: Activation) -> Tensor {
    // A rectifier's slope can be told from its result, so that its operand need not be kept.
    let known =
      switch kind {
      case .relu, .relu6: result
      case .leakyReLU, .hardswish, .hardsigmoid, .sigmoid, .silu, .tanh, .gelu: x
      }
    return Tensor.apply(.activationGradient(kind), [known, gradient])
  }

  private func binary(_ function: Binary) -> [Tensor?] {
    let (a, b) = (operands[0], operands[1])
    func parts(_ first: @autoclosure () -> Tensor, _ second: @autoclosure () -> Tensor) -> [Tensor?] {
      [
        isWanted[0] ? first().summed(to: a.shape) : nil,
        isWanted[1] ? second().summed(to: b.shape) : nil,
      ]
    }
    switch function {
    case .add: return parts(gradient, gradient)
    case .subtract: return parts(gradient, -gradient)
    case .multiply: return parts(gradient * b, gradient * a)
    case .divide: return parts(gradient / b, -(gradient * result / b))
    case .power:
      // As in PyTorch, 0⁰ has slope 0 in the base, and a base of 0 none in the exponent.
      return parts(
        gradient * Tensor.where(b .== 0, Tensor.zerosLike(result), b * a.pow(b - 1)),
        gradient * Tensor.where((a .== 0) .& (b .>= 0), Tensor.zerosLike(result), result * a.log()))
    case .remainder: return parts(gradient, -(gradient * a.floorDivide(b)))
    case .minimum, .maximum:
      // Equal operands share the gradient.
      let first = function == .maximum ? a .> b : a .< b
      let share = first.to(gradient.dtype) + (a .== b).to(gradient.dtype) * 0.5
      return parts(gradient * share, gradient * (1 - share))
    case .floorDivide, .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual, .logicalAnd,
      .logicalOr:
      return [nil, nil]
    }
  }

  private func select() -> [Tensor?] {
    let zero = Tensor.zerosLike(gradient)
    return [
      nil,
      isWanted[1] ? Tensor.where(operands[0], gradient, zero).summed(to: operands[1].shape) : nil,
      isWanted[2] ? Tensor.where(operands[0], zero, gradient).summed(to: operands[2].shape) : nil,
    ]
  }

  // MARK: Reductions

  /// A reduced tensor with its axes kept, so that it broadcasts against the operand.
  private func kept(_ reduced: Tensor, _ axes: [Int]) -> Tensor {
    reduced.reshape(Shape(x.shape.indices.map { axes.contains($0) ? 1 : x.shape[$0] }))
  }

  private func reduce(_ reduction: Reduction, _ axes: [Int]) -> Tensor {
    let spread = kept(gradient, axes)
    switch reduction {
    case .sum: return spread.expand(x.shape)
    case .mean:
      let count = axes.reduce(1) { $0 * x.shape[$1] }
      return (spread * (1 / Double(max(count, 1)))).expand(x.shape)
    case .maximum, .minimum:
      let isExtreme = (x .== kept(result, axes)).to(gradient.dtype)
      return spread * isExtreme / isExtreme.sum(dims: axes, keepDim: true)
    case .product:
      // A single zero receives the product of the others; beside it, all others receive nothing.
      let isZero = x .== 0
      let zeros = isZero.to(gradient.dtype).sum(dims: axes, keepDim: true)
      let others = Tensor.where(isZero, Tensor.onesLike(x), x).prod(dims: axes, keepDim: true)
      let atZero = Tensor.where(zeros .== 1, others, Tensor.zerosLike(others))
      let elsewhere = Tensor.where(zeros .== 0, others, Tensor.zerosLike(others))
      let safe = Tensor.where(isZero, Tensor.onesLike(x), x)
      return spread * Tensor.where(isZero, atZero.expand(x.shape), elsewhere / safe)
    }
  }

  private func topK(_ axis: Int) -> Tensor {
    let indices = x.topK(result.shape[axis], dim: axis).indices
    let places = Tensor.arange(Double(x.shape[axis]), dtype: .int64)
    // One row of places for each of the values: [..., count, size].
    let isPlace = indices.transpose(axis, -1).unsqueeze(dim: -1) .== places
    let spread = gradient.transpose(axis, -1).unsqueeze(dim: -1) * isPlace.to(gradient.dtype)
    return spread.sum(dim: -2).transpose(axis, -1)
  }

  private func softmax(_ axis: Int, _ logarithm: Bool) -> Tensor {
    // Not the logarithms' exponential: an engine's logarithms may be off by more than its probabilities.
    logarithm
      ? gradient - x.softmax(dim: axis) * gradient.sum(dim: axis, keepDim: true)
      : result * (gradient - (gradient * result).sum(dim: axis, keepDim: true))
  }

  // MARK: Movement

  private func concatenate(_ axis: Int) -> [Tensor?] {
    var start = 0
    return operands.map { operand in
      defer { start += operand.shape[axis] }
      return gradient.sliced(axis, start: start, size: operand.shape[axis])
    }
  }
}

extension Tensor {
  /// The sum over axes that broadcasting repeated.
  func summed(to target: Shape) -> Tensor {
    if shape == target { return self }
    let lead = rank - target.rank
    let axes = (0..<rank).filter { $0 < lead || (target[$0 - lead] == 1 && shape[$0] != 1) }
    return (axes.isEmpty ? self : sum(dims: axes)).reshape(target)
  }
}
