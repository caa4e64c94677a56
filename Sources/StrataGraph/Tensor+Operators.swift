import StrataCore

// Three overloads an operator and no more: the type checker stays fast, and a number is always a `Double`.
// A whole number keeps an integer tensor's element type, so `x + 1` means what it does in PyTorch.

extension Tensor {
  /// The sum, element by element (`torch.add`).
  public static func + (a: Tensor, b: Tensor) -> Tensor { combine(.add, a, b) }
  /// The sum with a number.
  public static func + (a: Tensor, b: Double) -> Tensor { combine(.add, a, b) }
  /// The sum with a number.
  public static func + (a: Double, b: Tensor) -> Tensor { combine(.add, a, b) }

  /// The difference, element by element (`torch.sub`).
  public static func - (a: Tensor, b: Tensor) -> Tensor { combine(.subtract, a, b) }
  /// The difference from a number.
  public static func - (a: Tensor, b: Double) -> Tensor { combine(.subtract, a, b) }
  /// The difference from a number.
  public static func - (a: Double, b: Tensor) -> Tensor { combine(.subtract, a, b) }

  /// The product, element by element (`torch.mul`).
  public static func * (a: Tensor, b: Tensor) -> Tensor { combine(.multiply, a, b) }
  /// The product with a number.
  public static func * (a: Tensor, b: Double) -> Tensor { combine(.multiply, a, b) }
  /// The product with a number.
  public static func * (a: Double, b: Tensor) -> Tensor { combine(.multiply, a, b) }

  /// The quotient, element by element (`torch.div`); of integers, float32.
  public static func / (a: Tensor, b: Tensor) -> Tensor { combine(.divide, a, b) }
  /// The quotient by a number.
  public static func / (a: Tensor, b: Double) -> Tensor { combine(.divide, a, b) }
  /// The quotient of a number.
  public static func / (a: Double, b: Tensor) -> Tensor { combine(.divide, a, b) }

  /// The opposite of each element (`torch.neg`).
  public static prefix func - (a: Tensor) -> Tensor {
    guard a.dtype != .bool else { return .mistake("truth values have no opposite number; use .! for not") }
    return apply(.unary(.negate), [a])
  }

  /// Adds; other handles on the old value keep it.
  public static func += (a: inout Tensor, b: Tensor) { a = a + b }
  /// Adds a number.
  public static func += (a: inout Tensor, b: Double) { a = a + b }
  /// Subtracts; other handles on the old value keep it.
  public static func -= (a: inout Tensor, b: Tensor) { a = a - b }
  /// Subtracts a number.
  public static func -= (a: inout Tensor, b: Double) { a = a - b }
  /// Multiplies; other handles on the old value keep it.
  public static func *= (a: inout Tensor, b: Tensor) { a = a * b }
  /// Multiplies by a number.
  public static func *= (a: inout Tensor, b: Double) { a = a * b }
  /// Divides; other handles on the old value keep it.
  public static func /= (a: inout Tensor, b: Tensor) { a = a / b }
  /// Divides by a number.
  public static func /= (a: inout Tensor, b: Double) { a = a / b }
}

// Comparisons give tensors of truth values and are therefore spelt as those of Swift's SIMD vectors.
extension Tensor {
  /// Where elements are equal (`torch.eq`).
  public static func .== (a: Tensor, b: Tensor) -> Tensor { combine(.equal, a, b) }
  /// Where elements equal a number.
  public static func .== (a: Tensor, b: Double) -> Tensor { combine(.equal, a, b) }
  /// Where elements equal a number.
  public static func .== (a: Double, b: Tensor) -> Tensor { combine(.equal, a, b) }

  /// Where elements differ (`torch.ne`).
  public static func .!= (a: Tensor, b: Tensor) -> Tensor { combine(.notEqual, a, b) }
  /// Where elements differ from a number.
  public static func .!= (a: Tensor, b: Double) -> Tensor { combine(.notEqual, a, b) }
  /// Where elements differ from a number.
  public static func .!= (a: Double, b: Tensor) -> Tensor { combine(.notEqual, a, b) }

  /// Where the left element is less (`torch.lt`).
  public static func .< (a: Tensor, b: Tensor) -> Tensor { combine(.less, a, b) }
  /// Where elements are less than a number.
  public static func .< (a: Tensor, b: Double) -> Tensor { combine(.less, a, b) }
  /// Where a number is less than the elements.
  public static func .< (a: Double, b: Tensor) -> Tensor { combine(.less, a, b) }

  /// Where the left element is less or equal (`torch.le`).
  public static func .<= (a: Tensor, b: Tensor) -> Tensor { combine(.lessOrEqual, a, b) }
  /// Where elements are at most a number.
  public static func .<= (a: Tensor, b: Double) -> Tensor { combine(.lessOrEqual, a, b) }
  /// Where a number is at most the elements.
  public static func .<= (a: Double, b: Tensor) -> Tensor { combine(.lessOrEqual, a, b) }

  /// Where the left element is greater (`torch.gt`).
  public static func .> (a: Tensor, b: Tensor) -> Tensor { combine(.greater, a, b) }
  /// Where elements are greater than a number.
  public static func .> (a: Tensor, b: Double) -> Tensor { combine(.greater, a, b) }
  /// Where a number is greater than the elements.
  public static func .> (a: Double, b: Tensor) -> Tensor { combine(.greater, a, b) }

  /// Where the left element is greater or equal (`torch.ge`).
  public static func .>= (a: Tensor, b: Tensor) -> Tensor { combine(.greaterOrEqual, a, b) }
  /// Where elements are at least a number.
  public static func .>= (a: Tensor, b: Double) -> Tensor { combine(.greaterOrEqual, a, b) }
  /// Where a number is at least the elements.
  public static func .>= (a: Double, b: Tensor) -> Tensor { combine(.greaterOrEqual, a, b) }

  /// Where both are true, or not zero (`torch.logical_and`).
  public static func .& (a: Tensor, b: Tensor) -> Tensor { combine(.logicalAnd, a, b) }
  /// Where one or both are true, or not zero (`torch.logical_or`).
  public static func .| (a: Tensor, b: Tensor) -> Tensor { combine(.logicalOr, a, b) }
  /// Where the element is false, or zero (`torch.logical_not`).
  public static prefix func .! (a: Tensor) -> Tensor { a.logicalNot() }
}

extension Tensor {
  /// The same numbers as another element type (`torch.Tensor.to`).
  public func to(_ dtype: DType) -> Tensor {
    dtype == self.dtype ? self : Tensor.apply(.cast(dtype), [self])
  }

  /// A number as a tensor without axes, which passes can see.
  static func number(_ value: Double, _ dtype: DType) -> Tensor { apply(.full([], dtype, value), []) }

  static func combine(_ function: Binary, _ a: Tensor, _ b: Tensor) -> Tensor {
    let common = a.dtype.promoted(isScalar: a.rank == 0, with: b.dtype, isScalar: b.rank == 0)
    guard function != .subtract || common != .bool else {
      return .mistake("truth values have no difference; use .!= for exclusive or")
    }
    let dtype = function.operandType(common)
    return apply(.binary(function), [a.to(dtype), b.to(dtype)])
  }

  static func combine(_ function: Binary, _ a: Tensor, _ b: Double) -> Tensor {
    guard a.error == nil else { return a }
    let dtype = function.operandType(a.dtype.promoted(with: b))
    if let widened = function.widened(dtype, for: b) { return combine(function, a.to(widened), b) }
    guard dtype != .int64 || dtype.holds(b) else { return .mistake("\(b.brief) does not fit into int64") }
    return apply(.binary(function), [a.to(dtype), number(function.fitted(b, to: dtype), dtype)])
  }

  static func combine(_ function: Binary, _ a: Double, _ b: Tensor) -> Tensor {
    guard b.error == nil else { return b }
    let dtype = function.operandType(b.dtype.promoted(with: a))
    if let widened = function.widened(dtype, for: a) { return combine(function, a, b.to(widened)) }
    guard dtype != .int64 || dtype.holds(a) else { return .mistake("\(a.brief) does not fit into int64") }
    return apply(.binary(function), [number(function.fitted(a, to: dtype), dtype), b.to(dtype)])
  }
}

extension Binary {
  /// What operands are cast to whose common type is `common`.
  fileprivate func operandType(_ common: DType) -> DType {
    switch self {
    case .divide: common.isFloatingPoint ? common : .float32
    case .logicalAnd, .logicalOr: .bool
    case .add, .subtract, .multiply, .floorDivide, .remainder, .power, .minimum, .maximum: common
    case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: common
    }
  }

  /// The type in which to compare narrow integers with a number that they cannot hold. PyTorch lets the number
  /// wrap around, so that no `uint8` is greater than −1; that is no answer to copy.
  fileprivate func widened(_ dtype: DType, for number: Double) -> DType? {
    guard isPredicate, dtype == .uint8 || dtype == .int32 else { return nil }
    let fits = dtype == .uint8 ? (0...255).contains(number) : dtype.holds(number)
    return fits ? nil : .int64
  }

  /// A number as a type holds it: limits stop at the end of the type's range, others wrap around as in PyTorch.
  fileprivate func fitted(_ number: Double, to dtype: DType) -> Double {
    guard dtype == .uint8 || dtype == .int32, let whole = Int64(exactly: number) else { return number }
    if self == .minimum || self == .maximum {
      return dtype == .uint8 ? Double(UInt8(clamping: whole)) : Double(Int32(clamping: whole))
    }
    if dtype == .uint8 { return Double(UInt8(truncatingIfNeeded: whole)) }
    return Double(Int32(truncatingIfNeeded: whole))
  }
}

extension DType {
  /// The type of a result of two tensors (`torch.result_type`): one without axes does not widen one that has
  /// some, unless it is of a higher category.
  func promoted(isScalar: Bool, with other: DType, isScalar isOtherScalar: Bool) -> DType {
    if isScalar == isOtherScalar { return promoted(with: other) }
    return isScalar ? other.widened(by: self) : widened(by: other)
  }

  /// The type of a result of a tensor and a number; whole ones count as integers.
  func promoted(with number: Double) -> DType {
    widened(by: number.isFinite && number == number.rounded() ? .int64 : .float32)
  }

  private func widened(by scalar: DType) -> DType {
    if isFloatingPoint || !scalar.isFloatingPoint && self != .bool { return self }
    return promoted(with: scalar)
  }

  /// Whether a number survives in this type; small negative ones wrap around in `uint8`, as in PyTorch.
  func holds(_ number: Double) -> Bool {
    switch self {
    case .float32, .float64, .float16, .bfloat16, .bool: true
    case .int64: number >= -0x1p63 && number < 0x1p63
    case .int32: number >= -0x1p31 && number < 0x1p31
    case .uint8: number >= -255 && number <= 255
    }
  }
}

extension Double {
  /// The number without `.0`, for messages.
  var brief: String { Int64(exactly: self).map(String.init) ?? description }
}
