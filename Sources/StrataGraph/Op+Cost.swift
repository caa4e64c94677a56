import StrataCore

extension Op {
  /// The multiplications, each with an addition, that give the result.
  ///
  /// Counted as torchvision does: convolutions and matrix products, without biases, normalisation and the rest.
  public func multiplyAccumulates(_ operands: [TensorType], _ result: TensorType) -> Int {
    switch self {
    case .conv2d:
      // Weights are [out, in / groups, kh, kw]: all but the first axis meet in each element of the result.
      result.shape.elementCount * operands[1].shape.dropFirst().reduce(1, *)
    case .linear:
      result.shape.elementCount * operands[1].shape[1]
    case .matmul:
      result.shape.elementCount * (operands[0].shape.last ?? 1)
    case .conv2dImageGradient:
      // As many as the convolution itself: every element of its result's gradient meets a kernel.
      operands[0].shape.elementCount * operands[1].shape.dropFirst().reduce(1, *)
    case .conv2dWeightGradient(_, let weights):
      operands[1].shape.elementCount * weights.dropFirst().reduce(1, *)
    case .input, .variable, .full: 0
    case .unary, .activation, .clamp, .binary, .select, .cast: 0
    case .reduce, .argReduce, .topK, .softmax: 0
    case .reshape, .permute, .broadcast, .slice, .concatenate, .pad, .indexSelect, .unslice, .indexAdd: 0
    case .maxPool2d, .averagePool2d, .adaptiveAveragePool2d, .batchNorm, .layerNorm: 0
    case .batchMoments, .dropout, .crossRank: 0
    case .conv2dBiasGradient, .activationGradient, .maxPool2dGradient, .averagePool2dGradient,
      .adaptiveAveragePool2dGradient, .batchNormGradient:
      0
    }
  }
}
