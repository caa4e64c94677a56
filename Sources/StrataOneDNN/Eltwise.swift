import COneDNN
import StrataGraph

/// An element-by-element function in oneDNN's terms.
struct Eltwise {
  let kind: dnnl_alg_kind_t
  let alpha: Float
  let beta: Float

  private init(_ kind: dnnl_alg_kind_t, _ alpha: Float = 0, _ beta: Float = 0) {
    self.kind = kind
    self.alpha = alpha
    self.beta = beta
  }

  init(_ activation: Activation) {
    switch activation {
    case .relu: self.init(dnnl_eltwise_relu)
    case .relu6: self.init(dnnl_eltwise_clip, 0, 6)
    case .hardswish: self.init(dnnl_eltwise_hardswish, 1 / 6, 0.5)
    case .hardsigmoid: self.init(dnnl_eltwise_hardsigmoid, 1 / 6, 0.5)
    case .sigmoid: self.init(dnnl_eltwise_logistic)
    case .silu: self.init(dnnl_eltwise_swish, 1)
    case .tanh: self.init(dnnl_eltwise_tanh)
    case .gelu(let isApproximate): self.init(isApproximate ? dnnl_eltwise_gelu_tanh : dnnl_eltwise_gelu_erf)
    case .leakyReLU(let slope): self.init(dnnl_eltwise_relu, Float(slope))
    }
  }

  /// A clip whose slope at both bounds is 0, as PyTorch has it.
  static func strictClip(_ low: Float, _ high: Float) -> Eltwise { Eltwise(dnnl_eltwise_clip_v2, low, high) }

  /// The function, or nil where the reference kernels serve: they are exact, and none of these is a hot spot.
  init?(_ function: Unary) {
    switch function {
    case .negate: self.init(dnnl_eltwise_linear, -1)
    case .absolute: self.init(dnnl_eltwise_abs)
    case .square: self.init(dnnl_eltwise_square)
    case .exp, .log, .sqrt, .rsqrt, .sin, .cos, .erf, .floor, .ceil, .round, .sign, .logicalNot, .isNaN,
      .isFinite:
      return nil
    }
  }
}

extension Binary {
  /// oneDNN's name for the function, or nil where the reference kernels serve.
  var algorithm: dnnl_alg_kind_t? {
    switch self {
    case .add: dnnl_binary_add
    case .subtract: dnnl_binary_sub
    case .multiply: dnnl_binary_mul
    case .divide: dnnl_binary_div
    case .minimum, .maximum, .floorDivide, .remainder, .power, .equal, .notEqual, .less, .lessOrEqual,
      .greater,
      .greaterOrEqual, .logicalAnd, .logicalOr:
      nil
    }
  }
}
