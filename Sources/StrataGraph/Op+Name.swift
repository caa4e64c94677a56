extension Op {
  /// A word for the operation, without its settings: `conv2d`, `relu`, `add`.
  public var name: String {
    switch self {
    case .input: "input"
    case .variable: "variable"
    case .full: "full"
    case .unary(let function): function.rawValue
    case .activation(let kind): kind.name
    case .clamp: "clamp"
    case .binary(let function): function.rawValue
    case .select: "select"
    case .cast: "cast"
    case .reduce(let reduction, _, _): reduction.rawValue
    case .argReduce(let extreme, _, _): extreme == .maximum ? "argMaximum" : "argMinimum"
    case .topK: "topK"
    case .softmax(_, let logarithm): logarithm ? "logSoftmax" : "softmax"
    case .reshape: "reshape"
    case .permute: "permute"
    case .broadcast: "broadcast"
    case .slice: "slice"
    case .concatenate: "concatenate"
    case .pad: "pad"
    case .indexSelect: "indexSelect"
    case .unslice: "unslice"
    case .indexAdd: "indexAdd"
    case .matmul: "matmul"
    case .conv2d: "conv2d"
    case .linear: "linear"
    case .maxPool2d: "maxPool2d"
    case .averagePool2d: "averagePool2d"
    case .adaptiveAveragePool2d: "adaptiveAveragePool2d"
    case .batchNorm: "batchNorm"
    case .layerNorm: "layerNorm"
    case .batchMoments: "batchMoments"
    case .crossRank(.sum): "crossRankSum"
    case .crossRank(.contribute): "crossRankContribute"
    case .crossRank(.collect): "crossRankCollect"
    case .dropout: "dropout"
    case .conv2dImageGradient: "conv2dImageGradient"
    case .conv2dWeightGradient: "conv2dWeightGradient"
    case .conv2dBiasGradient: "conv2dBiasGradient"
    case .activationGradient(let kind): kind.name + "Gradient"
    case .maxPool2dGradient: "maxPool2dGradient"
    case .averagePool2dGradient: "averagePool2dGradient"
    case .adaptiveAveragePool2dGradient: "adaptiveAveragePool2dGradient"
    case .batchNormGradient(let part, _, _): "batchNormGradient.\(part.rawValue)"
    }
  }
}

extension Activation {
  /// A word for the nonlinearity, without its settings.
  public var name: String {
    switch self {
    case .relu: "relu"
    case .relu6: "relu6"
    case .hardswish: "hardswish"
    case .hardsigmoid: "hardsigmoid"
    case .sigmoid: "sigmoid"
    case .silu: "silu"
    case .tanh: "tanh"
    case .gelu: "gelu"
    case .leakyReLU: "leakyReLU"
    }
  }
}
