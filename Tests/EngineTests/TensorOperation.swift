import Strata
import StrataTestSupport

/// The operations of `tensorops.json` by their names.
enum TensorOperation {
  /// Values, and indices where PyTorch gives both.
  typealias Outcome = (values: Tensor, indices: Tensor?)

  /// Operations that add up terms of both signs, so that small results are less exact than large ones.
  static let sums: Set = ["matmul", "sum", "mean", "log_softmax"]

  /// Applies the operation of a case. An unknown one is an error: no case is passed over.
  static func apply(_ fixture: Fixture, to inputs: [Tensor]) throws -> Outcome {
    let (name, args) = (fixture.string("op"), fixture.object("args"))
    let x = inputs[0]
    if let binary = binary[name] {
      if inputs.count > 1 { return (binary.tensors(x, inputs[1]), nil) }
      // Python's truth values are narrower than its numbers, and tensors without axes stand for them.
      if let flag = args["scalar"]?.bool { return (binary.tensors(x, Tensor(flag)), nil) }
      return (binary.number(x, args.number("scalar")), nil)
    }
    if let unary = unary[name] { return (unary(x), nil) }
    if let result = reduction(name, x, args) { return result }
    if let result = movement(name, inputs, args) { return (result, nil) }
    if let result = trained(name, inputs, args) { return (result, nil) }
    throw StrataError(.argument, "there is no test for an operation called \(name)")
  }

  private typealias Arithmetic = (
    tensors: @Sendable (Tensor, Tensor) -> Tensor, number: @Sendable (Tensor, Double) -> Tensor
  )

  private static let binary: [String: Arithmetic] = [
    "add": ({ $0 + $1 }, { $0 + $1 }),
    "sub": ({ $0 - $1 }, { $0 - $1 }),
    "mul": ({ $0 * $1 }, { $0 * $1 }),
    "div": ({ $0 / $1 }, { $0 / $1 }),
    "pow": ({ $0.pow($1) }, { $0.pow($1) }),
    "maximum": ({ $0.maximum($1) }, { $0.maximum($1) }),
    "minimum": ({ $0.minimum($1) }, { $0.minimum($1) }),
    "floor_divide": ({ $0.floorDivide($1) }, { $0.floorDivide($1) }),
    "remainder": ({ $0.remainder($1) }, { $0.remainder($1) }),
    "eq": ({ $0 .== $1 }, { $0 .== $1 }),
    "ne": ({ $0 .!= $1 }, { $0 .!= $1 }),
    "lt": ({ $0 .< $1 }, { $0 .< $1 }),
    "le": ({ $0 .<= $1 }, { $0 .<= $1 }),
    "gt": ({ $0 .> $1 }, { $0 .> $1 }),
    "ge": ({ $0 .>= $1 }, { $0 .>= $1 }),
    "matmul": ({ $0.matmul($1) }, { $0.matmul(Tensor($1)) }),
  ]

  private static let unary: [String: @Sendable (Tensor) -> Tensor] = [
    "exp": { $0.exp() }, "log": { $0.log() }, "sqrt": { $0.sqrt() }, "abs": { $0.abs() },
    "tanh": { $0.tanh() }, "sigmoid": { $0.sigmoid() }, "erf": { $0.erf() }, "neg": { -$0 },
    "rsqrt": { $0.rsqrt() }, "square": { $0.square() }, "sin": { $0.sin() }, "cos": { $0.cos() },
    "sign": { $0.sign() }, "floor": { $0.floor() }, "ceil": { $0.ceil() }, "round": { $0.round() },
  ]

  private static func reduction(_ name: String, _ x: Tensor, _ args: Fixture) -> Outcome? {
    let dim = args["dim"]?.integer
    let dims = dim.map { [$0] } ?? args["dim"]?.array?.compactMap(\.integer)
    let keeps = args["keepdim"]?.bool ?? false
    switch name {
    case "sum": return (x.sum(dims: dims, keepDim: keeps), nil)
    case "mean": return (x.mean(dims: dims, keepDim: keeps), nil)
    case "prod": return (x.prod(dims: dims, keepDim: keeps), nil)
    case "amax": return (x.max(dims: dims, keepDim: keeps), nil)
    case "amin": return (x.min(dims: dims, keepDim: keeps), nil)
    case "var":
      return (x.variance(dims: dims, unbiased: args.bool("unbiased"), keepDim: keeps), nil)
    case "max": return (x.max(dims: dims, keepDim: keeps), dim.map { x.argmax(dim: $0, keepDim: keeps) })
    case "min": return (x.min(dims: dims, keepDim: keeps), dim.map { x.argmin(dim: $0, keepDim: keeps) })
    case "argmax": return (x.argmax(dim: dim, keepDim: keeps), nil)
    case "argmin": return (x.argmin(dim: dim, keepDim: keeps), nil)
    case "softmax": return (x.softmax(dim: args.integer("dim")), nil)
    case "log_softmax": return (x.logSoftmax(dim: args.integer("dim")), nil)
    case "topk":
      // The smallest are the largest of the opposite numbers.
      let isLargest = args.bool("largest")
      let found = (isLargest ? x : -x).topK(args.integer("k"), dim: args.integer("dim"))
      return (isLargest ? found.values : -found.values, found.indices)
    default: return nil
    }
  }

  private static func movement(_ name: String, _ inputs: [Tensor], _ args: Fixture) -> Tensor? {
    let x = inputs[0]
    switch name {
    case "cat": return .cat(inputs, dim: args.integer("dim"))
    case "stack": return .stack(inputs, dim: args.integer("dim"))
    case "pad": return x.pad(args.integers("pad"), value: args.number("value"))
    case "permute": return x.permute(args.integers("dims"))
    case "transpose": return x.transpose(args.integer("dim0"), args.integer("dim1"))
    case "reshape": return x.reshape(args.integers("shape"))
    case "clamp": return x.clamp(min: args["min"]?.number, max: args["max"]?.number)
    case "to": return x.to(args.dtype("dtype"))
    case "slice": return slice(x, args["slices"]?.array ?? [])
    default: return nil
    }
  }

  /// Operations of `gradients.json` alone.
  private static func trained(_ name: String, _ inputs: [Tensor], _ args: Fixture) -> Tensor? {
    let x = inputs[0]
    let (weight, bias) = (inputs.dropFirst().first, inputs.dropFirst(2).first)
    switch name {
    case "where": return .where(x .> inputs[1], inputs[1], inputs[2])
    case "index_select":
      return x.indexSelect(dim: args.integer("dim"), Tensor(args.integers("indices")))
    case "expand": return x.expand(args.integers("sizes"))
    case "layer_norm": return x.layerNorm(weight: weight, bias: bias, epsilon: args.number("eps"))
    case "batch_norm":
      let (mean, variance) = x.batchMoments()
      return x.batchNorm(mean: mean, variance: variance, weight: weight, bias: bias, epsilon: 1e-3)
    case "batch_norm_eval":
      let count = x.shape[1]
      func line(_ low: Float, _ high: Float) -> Tensor {
        Tensor((0..<count).map { low + (high - low) * Float($0) / Float(count - 1) })
      }
      return x.batchNorm(
        mean: line(-1, 1), variance: line(0.5, 2), weight: weight, bias: bias, epsilon: 1e-3)
    case "slice_twice":
      return x[.all, .range(1, 4), .range(2, 7, step: 2)] * x[.all, .range(step: 2), .range(-3)].sum()
    default: return nil
    }
  }

  private static func slice(_ x: Tensor, _ slices: [JSONValue]) -> Tensor {
    // Python cuts a range off at the end of the axis, where a subscript here reports the mistake.
    let indices = slices.enumerated().map { axis, parts -> TensorIndex in
      let parts = parts.array?.map(\.integer) ?? []
      return .range(parts[0], parts[1].map { min($0, x.shape[axis]) }, step: parts[2] ?? 1)
    }
    switch indices.count {
    case 1: return x[indices[0]]
    case 2: return x[indices[0], indices[1]]
    default: return x[indices[0], indices[1], indices[2], indices[3]]
    }
  }
}
