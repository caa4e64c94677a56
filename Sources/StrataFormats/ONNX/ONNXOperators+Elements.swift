import StrataCore
import StrataGraph

extension ONNXOperators {
  /// Operators that work element by element.
  static let elements: [String: Function] = [
    "Identity": { call throws(StrataError) in [try call.tensor(0)] },
    "Relu": { call throws(StrataError) in [try call.tensor(0).relu()] },
    "Sigmoid": { call throws(StrataError) in [try call.tensor(0).sigmoid()] },
    "Tanh": { call throws(StrataError) in [try call.tensor(0).tanh()] },
    "HardSwish": { call throws(StrataError) in [try call.tensor(0).activation(.hardswish)] },
    "Exp": { call throws(StrataError) in [try call.tensor(0).exp()] },
    "Log": { call throws(StrataError) in [try call.tensor(0).log()] },
    "Sqrt": { call throws(StrataError) in [try call.tensor(0).sqrt()] },
    "Erf": { call throws(StrataError) in [try call.tensor(0).erf()] },
    "Sin": { call throws(StrataError) in [try call.tensor(0).sin()] },
    "Cos": { call throws(StrataError) in [try call.tensor(0).cos()] },
    "Neg": { call throws(StrataError) in [-(try call.tensor(0))] },
    "Abs": { call throws(StrataError) in [try call.tensor(0).abs()] },
    "Floor": { call throws(StrataError) in [try call.tensor(0).floor()] },
    "Ceil": { call throws(StrataError) in [try call.tensor(0).ceil()] },
    "Round": { call throws(StrataError) in [try call.tensor(0).round()] },
    "Sign": { call throws(StrataError) in [try call.tensor(0).sign()] },
    "Not": { call throws(StrataError) in [try call.tensor(0).logicalNot()] },
    "IsNaN": { call throws(StrataError) in [try call.tensor(0).isNaN()] },
    "Reciprocal": { call throws(StrataError) in [1 / (try call.tensor(0))] },
    "IsInf": { call throws(StrataError) in
      let x = try call.tensor(0)
      return [x.isFinite().logicalOr(x.isNaN()).logicalNot()]
    },
    "LeakyRelu": { call throws(StrataError) in
      [try call.tensor(0).activation(.leakyReLU(slope: try call.float("alpha", 0.01)))]
    },
    "Elu": { call throws(StrataError) in
      let x = try call.tensor(0)
      return [Tensor.where(x .> 0, x, (x.exp() - 1) * (try call.float("alpha", 1)))]
    },
    "PRelu": { call throws(StrataError) in
      let x = try call.tensor(0)
      return [Tensor.where(x .>= 0, x, x * (try call.tensor(1)))]
    },
    "Softplus": { call throws(StrataError) in
      // Without the overflow of the exponential of large numbers.
      let x = try call.tensor(0)
      return [x.maximum(0) + ((-x.abs()).exp() + 1).log()]
    },
    "Gelu": { call throws(StrataError) in
      let isApproximate = try call.string("approximate", "none") == "tanh"
      return [try call.tensor(0).activation(.gelu(tanhApproximation: isApproximate))]
    },
    "HardSigmoid": { call throws(StrataError) in
      let (alpha, beta) = (try call.float("alpha", 0.2), try call.float("beta", 0.5))
      let x = try call.tensor(0)
      // PyTorch's slope, which no Float is exactly.
      if abs(alpha - 1 / 6) < 1e-6, beta == 0.5 { return [x.activation(.hardsigmoid)] }
      return [(x * alpha + beta).clamp(min: 0, max: 1)]
    },
    "Clip": { call throws(StrataError) in [try clip(call)] },
    "Dropout": { call throws(StrataError) in
      let x = try call.tensor(0)
      return [x, .onesLike(x, dtype: .bool)]
    },
    "Cast": { call throws(StrataError) in
      let number = try call.integer("to", 0)
      guard let dtype = ONNX.type(of: number) else { throw call.error("makes elements of type \(number)") }
      return [try call.tensor(0).to(dtype)]
    },
    "Where": { call throws(StrataError) in
      [Tensor.where(try call.tensor(0), try call.tensor(1), try call.tensor(2))]
    },
    "Add": { call throws(StrataError) in [try call.tensor(0) + (try call.tensor(1))] },
    "Sub": { call throws(StrataError) in [try call.tensor(0) - (try call.tensor(1))] },
    "Mul": { call throws(StrataError) in [try call.tensor(0) * (try call.tensor(1))] },
    "Div": { call throws(StrataError) in [quotient(try call.tensor(0), try call.tensor(1))] },
    "Mod": { call throws(StrataError) in
      let (a, b) = (try call.tensor(0), try call.tensor(1))
      return [try call.integer("fmod", 0) == 0 ? a.remainder(b) : a - truncated(a / b).to(a.dtype) * b]
    },
    "Pow": { call throws(StrataError) in [try power(call)] },
    "Min": { call throws(StrataError) in [try combined(call) { $0.minimum($1) }] },
    "Max": { call throws(StrataError) in [try combined(call) { $0.maximum($1) }] },
    "Sum": { call throws(StrataError) in [try combined(call) { $0 + $1 }] },
    "Mean": { call throws(StrataError) in [try combined(call) { $0 + $1 } / Double(call.operands.count)] },
    "Equal": { call throws(StrataError) in [try call.tensor(0) .== (try call.tensor(1))] },
    "Less": { call throws(StrataError) in [try call.tensor(0) .< (try call.tensor(1))] },
    "LessOrEqual": { call throws(StrataError) in [try call.tensor(0) .<= (try call.tensor(1))] },
    "Greater": { call throws(StrataError) in [try call.tensor(0) .> (try call.tensor(1))] },
    "GreaterOrEqual": { call throws(StrataError) in [try call.tensor(0) .>= (try call.tensor(1))] },
    "And": { call throws(StrataError) in [try call.tensor(0).logicalAnd(try call.tensor(1))] },
    "Or": { call throws(StrataError) in [try call.tensor(0).logicalOr(try call.tensor(1))] },
    "Xor": { call throws(StrataError) in [try call.tensor(0) .!= (try call.tensor(1))] },
  ]

  private static func combined(
    _ call: ONNXCall, _ combine: (Tensor, Tensor) -> Tensor
  ) throws(StrataError) -> Tensor {
    let tensors = try call.tensors()
    return tensors.dropFirst().reduce(tensors[0], combine)
  }

  /// Rounded toward zero.
  private static func truncated(_ x: Tensor) -> Tensor { x.sign() * x.abs().floor() }

  /// The quotient of whole numbers is rounded toward zero.
  private static func quotient(_ a: Tensor, _ b: Tensor) -> Tensor {
    guard !a.dtype.isFloatingPoint else { return a / b }
    return a.abs().floorDivide(b.abs()) * a.sign() * b.sign()
  }

  private static func power(_ call: ONNXCall) throws(StrataError) -> Tensor {
    let base = try call.tensor(0)
    if let exponent = call.known(1), exponent.elementCount == 1, exponent.shape.rank <= base.rank,
      base.dtype.isFloatingPoint, let value = exponent.scalars(as: Double.self).first
    {
      return base.pow(value)
    }
    return base.pow(try call.tensor(1).to(base.dtype))
  }

  private static func clip(_ call: ONNXCall) throws(StrataError) -> Tensor {
    let x = try call.tensor(0)
    if call.opset < 11 {
      let low = call.node.attributes["min"] == nil ? nil : try call.float("min", 0)
      let high = call.node.attributes["max"] == nil ? nil : try call.float("max", 0)
      return clipped(x, low, high)
    }
    let (low, high) = (call.optional(1), call.optional(2))
    if low == nil || call.known(1) != nil, high == nil || call.known(2) != nil {
      return clipped(x, try call.number(1), try call.number(2))
    }
    let raised = low.map { x.maximum($0) } ?? x
    return high.map { raised.minimum($0) } ?? raised
  }

  private static func clipped(_ x: Tensor, _ low: Double?, _ high: Double?) -> Tensor {
    if x.dtype.isFloatingPoint, low == 0, high == 6 { return x.activation(.relu6) }
    return low == nil && high == nil ? x : x.clamp(min: low, max: high)
  }
}
