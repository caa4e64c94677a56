import StrataCore
import StrataGraph

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension ReferenceKernels {
  static func unary(_ function: Unary, _ operand: HostTensor) -> HostTensor {
    let x = widened(operand)
    if x.dtype == .int64 { return unary(function, x, as: Int64.self) }
    return x.dtype == .float64 ? unary(function, x, as: Double.self) : unary(function, x, as: Float.self)
  }

  private static func unary<T: Number>(_ function: Unary, _ x: HostTensor, as type: T.Type) -> HostTensor {
    switch function {
    case .negate: map(x) { (x: T) in x.times(-1) }
    case .absolute: map(x) { (x: T) in (x < 0 ? x.times(-1) : x).plus(0) }  // the sum clears the sign of -0
    case .exp: map(x) { (x: T) in T(real: exp(x.real)) }
    case .log: map(x) { (x: T) in T(real: log(x.real)) }
    case .sqrt: map(x) { (x: T) in T(real: x.real.squareRoot()) }
    case .rsqrt: map(x) { (x: T) in T(real: 1 / x.real.squareRoot()) }
    case .square: map(x) { (x: T) in x.times(x) }
    case .sin: map(x) { (x: T) in T(real: sin(x.real)) }
    case .cos: map(x) { (x: T) in T(real: cos(x.real)) }
    case .erf: map(x) { (x: T) in T(real: erf(x.real)) }
    case .floor: map(x) { (x: T) in x.whole(.down) }
    case .ceil: map(x) { (x: T) in x.whole(.up) }
    case .round: map(x) { (x: T) in x.whole(.toNearestOrEven) }
    case .sign: map(x) { (x: T) -> T in x > 0 ? 1 : x < 0 ? -1 : 0 }  // of NaN 0, as in PyTorch
    case .logicalNot: map(x) { (x: T) in x == 0 }
    case .isNaN: map(x) { (x: T) in x != x }
    case .isFinite: map(x) { (x: T) in x.real.isFinite }
    }
  }

  static func activation(_ function: Activation, _ operand: HostTensor) throws(StrataError) -> HostTensor {
    guard operand.dtype.isFloatingPoint || function == .relu || function == .relu6 else {
      throw StrataError(.argument, "\(function) needs floating-point numbers, got \(operand.dtype.rawValue)")
    }
    let x = operand.converted(to: .float64)
    return switch function {
    case .relu: map(x) { (x: Double) in x < 0 ? 0 : x }  // written so that NaN stays NaN
    case .relu6: map(x) { (x: Double) in x < 0 ? 0 : x > 6 ? 6 : x }
    case .hardswish: map(x) { (x: Double) in x * hardSigmoid(x) }
    case .hardsigmoid: map(x) { (x: Double) in hardSigmoid(x) }
    case .sigmoid: map(x) { (x: Double) in 1 / (1 + exp(-x)) }
    case .silu: map(x) { (x: Double) in x / (1 + exp(-x)) }
    case .tanh: map(x) { (x: Double) in tanh(x) }
    case .gelu(tanhApproximation: false): map(x) { (x: Double) in gelu(x) }
    case .gelu(tanhApproximation: true): map(x) { (x: Double) in approximateGELU(x) }
    case .leakyReLU(let slope): map(x) { (x: Double) in x > 0 ? x : x * slope }
    }
  }

  private static func hardSigmoid(_ x: Double) -> Double { x < -3 ? 0 : x > 3 ? 1 : (x + 3) / 6 }

  /// The complement of erf, and not 1 + erf, keeps its digits where x is far below zero.
  private static func gelu(_ x: Double) -> Double { x / 2 * erfc(-x * 0.5.squareRoot()) }

  private static func approximateGELU(_ x: Double) -> Double {
    x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
  }

  static func clamp(
    _ operand: HostTensor, _ low: Double, _ high: Double
  ) throws(StrataError) -> HostTensor {
    let x = widened(operand)
    let bounds = [low, high].map { bound in
      // The conversion of numbers too large for an integer gives its least value.
      x.dtype == .int64 && bound >= 0x1p63
        ? HostTensor([Int64.max], shape: []) : HostTensor([bound], shape: []).converted(to: x.dtype)
    }
    return try binary(.minimum, binary(.maximum, x, bounds[0], x.shape), bounds[1], x.shape)
  }

  @inline(__always)
  private static func map<In: TensorScalar, Out: TensorScalar>(
    _ x: HostTensor, _ body: (In) -> Out
  ) -> HostTensor {
    defer { withExtendedLifetime(x) {} }
    let (input, target) = (start(of: x, as: In.self), Target<Out>(x.shape))
    for index in 0..<x.elementCount { target.elements[index] = body(input[index]) }
    return target.tensor
  }
}

// MARK: Two operands and more

extension ReferenceKernels {
  static func binary(
    _ function: Binary, _ a: HostTensor, _ b: HostTensor, _ shape: Shape
  ) throws(StrataError) -> HostTensor {
    let (a, b) = (widened(a), widened(b))
    guard a.dtype == .int64 else {
      return a.dtype == .float64
        ? binary(function, a, b, shape, as: Double.self) : binary(function, a, b, shape, as: Float.self)
    }
    let divides = [.divide, .floorDivide, .remainder].contains(function) && shape.elementCount > 0
    if divides, b.withElements(as: Int64.self, { $0.contains(0) }) {
      throw StrataError(.argument, "\(function.rawValue) of integers by zero")
    }
    return binary(function, a, b, shape, as: Int64.self)
  }

  private static func binary<T: Number>(
    _ function: Binary, _ a: HostTensor, _ b: HostTensor, _ shape: Shape, as type: T.Type
  ) -> HostTensor {
    switch function {
    case .add: combine(a, b, shape) { (a: T, b: T) in a.plus(b) }
    case .subtract: combine(a, b, shape) { (a: T, b: T) in a.minus(b) }
    case .multiply: combine(a, b, shape) { (a: T, b: T) in a.times(b) }
    case .divide: combine(a, b, shape) { (a: T, b: T) in a.quotient(b) }
    case .floorDivide: combine(a, b, shape) { (a: T, b: T) in a.floorQuotient(b) }
    case .remainder:
      combine(a, b, shape) { (a: T, b: T) in
        let rest = a.truncatedRest(b)
        return rest != 0 && (rest < 0) != (b < 0) ? rest.plus(b) : rest
      }
    case .power: combine(a, b, shape) { (a: T, b: T) in a.power(b) }
    // A NaN, which differs from itself, is both the least and the greatest.
    case .minimum: combine(a, b, shape) { (a: T, b: T) in a != a || a < b ? a : b }
    case .maximum: combine(a, b, shape) { (a: T, b: T) in a != a || a > b ? a : b }
    case .equal: combine(a, b, shape) { (a: T, b: T) in a == b }
    case .notEqual: combine(a, b, shape) { (a: T, b: T) in a != b }
    case .less: combine(a, b, shape) { (a: T, b: T) in a < b }
    case .lessOrEqual: combine(a, b, shape) { (a: T, b: T) in a <= b }
    case .greater: combine(a, b, shape) { (a: T, b: T) in a > b }
    case .greaterOrEqual: combine(a, b, shape) { (a: T, b: T) in a >= b }
    case .logicalAnd: combine(a, b, shape) { (a: T, b: T) in a != 0 && b != 0 }
    case .logicalOr: combine(a, b, shape) { (a: T, b: T) in a != 0 || b != 0 }
    }
  }

  @inline(__always)
  private static func combine<In: TensorScalar, Out: TensorScalar>(
    _ a: HostTensor, _ b: HostTensor, _ shape: Shape, _ body: (In, In) -> Out
  ) -> HostTensor {
    defer { withExtendedLifetime((a, b)) {} }
    let (first, second): (UnsafePointer<In>, UnsafePointer<In>) = (start(of: a), start(of: b))
    let target = Target<Out>(shape)
    let runs = StridedRuns(
      shape, View(shape), View(a.shape, broadcastTo: shape), View(b.shape, broadcastTo: shape))
    let (count, step) = (runs.count, runs.step)
    for at in runs {
      let (output, x, y) = (target.elements + at.x, first + at.y, second + at.z)
      if step.y == 1, step.z == 1 {
        for index in 0..<count { output[index] = body(x[index], y[index]) }
      } else if step.y == 1, step.z == 0 {
        let y = y.pointee
        for index in 0..<count { output[index] = body(x[index], y) }
      } else {
        for index in 0..<count { output[index] = body(x[index * step.y], y[index * step.z]) }
      }
    }
    return target.tensor
  }

  static func select(_ operands: [HostTensor], _ shape: Shape) -> HostTensor {
    let values = operands.map(widened)
    if values[1].dtype == .int64 { return select(values, shape, as: Int64.self) }
    return values[1].dtype == .float64
      ? select(values, shape, as: Double.self) : select(values, shape, as: Float.self)
  }

  private static func select<T: Number>(
    _ operands: [HostTensor], _ shape: Shape, as type: T.Type
  ) -> HostTensor {
    let parts = operands.map { broadcast($0, shape) }
    defer { withExtendedLifetime(parts) {} }
    let condition = start(of: parts[0], as: Int64.self)
    let (yes, no) = (start(of: parts[1], as: T.self), start(of: parts[2], as: T.self))
    let target = Target<T>(shape)
    for index in 0..<shape.elementCount {
      target.elements[index] = condition[index] != 0 ? yes[index] : no[index]
    }
    return target.tensor
  }
}

// MARK: Numbers

extension ReferenceKernels {
  /// The types that arithmetic runs in: `Float`, `Double` and `Int64`, whose overflows wrap.
  protocol Number: TensorScalar, Comparable, ExpressibleByIntegerLiteral {
    func plus(_ other: Self) -> Self
    func minus(_ other: Self) -> Self
    func times(_ other: Self) -> Self
    /// The quotient, of integers truncated; these are never divided by zero.
    func quotient(_ divisor: Self) -> Self
    /// The greatest whole number that is not above the quotient.
    func floorQuotient(_ divisor: Self) -> Self
    /// What a truncated division leaves; it has the sign of the dividend.
    func truncatedRest(_ divisor: Self) -> Self
    func power(_ exponent: Self) -> Self
    func whole(_ rule: FloatingPointRoundingRule) -> Self
  }
}

extension Float: ReferenceKernels.Number {}
extension Double: ReferenceKernels.Number {}

extension ReferenceKernels.Number where Self: BinaryFloatingPoint {
  func plus(_ other: Self) -> Self { self + other }
  func minus(_ other: Self) -> Self { self - other }
  func times(_ other: Self) -> Self { self * other }
  func quotient(_ divisor: Self) -> Self { self / divisor }
  func truncatedRest(_ divisor: Self) -> Self { truncatingRemainder(dividingBy: divisor) }
  func power(_ exponent: Self) -> Self { Self(real: pow(real, exponent.real)) }
  func whole(_ rule: FloatingPointRoundingRule) -> Self { rounded(rule) }

  /// The steps of Python and PyTorch: without its rest the quotient is nearly whole, and is rounded to be so.
  func floorQuotient(_ divisor: Self) -> Self {
    guard divisor != 0 else { return self / divisor }
    let rest = truncatedRest(divisor)
    var quotient = (self - rest) / divisor
    if rest != 0, (rest < 0) != (divisor < 0) { quotient -= 1 }
    guard quotient != 0 else { return Self(signOf: self / divisor, magnitudeOf: 0) }
    let whole = quotient.rounded(.down)
    return quotient - whole > 0.5 ? whole + 1 : whole
  }
}

extension Int64: ReferenceKernels.Number {
  func plus(_ other: Int64) -> Int64 { self &+ other }
  func minus(_ other: Int64) -> Int64 { self &- other }
  func times(_ other: Int64) -> Int64 { self &* other }
  func quotient(_ divisor: Int64) -> Int64 { dividedReportingOverflow(by: divisor).partialValue }
  func truncatedRest(_ divisor: Int64) -> Int64 {
    remainderReportingOverflow(dividingBy: divisor).partialValue
  }
  func floorQuotient(_ divisor: Int64) -> Int64 {
    let rest = truncatedRest(divisor)
    return quotient(divisor) - (rest != 0 && (rest < 0) != (divisor < 0) ? 1 : 0)
  }
  func power(_ exponent: Int64) -> Int64 {
    if exponent < 0 { return self == 1 ? 1 : self == -1 ? (exponent & 1 == 0 ? 1 : -1) : 0 }
    var (result, square, rest) = (Int64(1), self, exponent)
    while rest > 0 {
      if rest & 1 == 1 { result = result &* square }
      square = square &* square
      rest >>= 1
    }
    return result
  }
  func whole(_ rule: FloatingPointRoundingRule) -> Int64 { self }
}
