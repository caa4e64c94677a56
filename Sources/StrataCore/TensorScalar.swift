// The members below witness the protocol's requirements, which are documented once, there.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

/// A Swift type that can be an element of a tensor.
public protocol TensorScalar: Sendable, BitwiseCopyable {
  /// The element type that stores it.
  static var dtype: DType { get }
  /// Converts from a real number, as PyTorch's `.to` does.
  init(real: Double)
  /// The value as a real number; integers beyond 2⁵³ are rounded.
  var real: Double { get }
  /// Converts from an integer, keeping the low bits where the type is narrower.
  init(integer: Int64)
  /// The value as an integer, truncated toward zero.
  var integer: Int64 { get }
}

extension TensorScalar where Self: BinaryFloatingPoint {
  public init(real: Double) { self.init(real) }
  public var real: Double { Double(self) }
  public init(integer: Int64) { self.init(integer) }
  public var integer: Int64 { Int64(real: Double(self)) }
}

extension TensorScalar where Self: FixedWidthInteger {
  /// Truncates toward zero. What a signed type cannot hold, NaN included, becomes its least value:
  /// the answer of the x86 conversion instructions, which PyTorch passes on.
  public init(real: Double) {
    guard Self.isSigned else {
      self.init(truncatingIfNeeded: Int64(real: real))
      return
    }
    let limit = Double(sign: .plus, exponent: Self.bitWidth - 1, significand: 1)
    self = real > -limit && real < limit ? Self(real) : .min
  }
  public var real: Double { Double(self) }
  public init(integer: Int64) { self.init(truncatingIfNeeded: integer) }
  public var integer: Int64 { Int64(truncatingIfNeeded: self) }
}

extension Float: TensorScalar { public static var dtype: DType { .float32 } }
extension Double: TensorScalar { public static var dtype: DType { .float64 } }
extension Int64: TensorScalar { public static var dtype: DType { .int64 } }
extension Int: TensorScalar { public static var dtype: DType { .int64 } }
extension Int32: TensorScalar { public static var dtype: DType { .int32 } }
extension UInt8: TensorScalar { public static var dtype: DType { .uint8 } }

extension Bool: TensorScalar {
  public static var dtype: DType { .bool }
  public init(real: Double) { self = real != 0 }
  public var real: Double { self ? 1 : 0 }
  public init(integer: Int64) { self = integer != 0 }
  public var integer: Int64 { self ? 1 : 0 }
}

#if !(os(macOS) && arch(x86_64))
  extension Float16: TensorScalar {
    public static var dtype: DType { .float16 }
    /// Rounds to `Float` and then to 16 bits, as PyTorch does; both to the nearest, ties to even.
    public init(real: Double) { self.init(Float(real)) }
    public init(integer: Int64) { self.init(Float(integer)) }
  }
#endif

/// The upper half of a `Float`: 8 bits of exponent, 7 of fraction.
public struct BFloat16: TensorScalar, Hashable {
  /// The sixteen bits, sign first.
  public let bitPattern: UInt16

  public static var dtype: DType { .bfloat16 }

  /// Creates a number from its bits.
  public init(bitPattern: UInt16) { self.bitPattern = bitPattern }

  /// Rounds to the nearest, ties to even; a NaN stays one.
  public init(_ value: Float) {
    let bits = value.bitPattern
    bitPattern =
      value.isNaN
      ? UInt16(truncatingIfNeeded: bits >> 16) | 0x40
      : UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ ((bits >> 16) & 1)) >> 16)
  }

  public init(real: Double) { self.init(Float(real)) }
  public init(integer: Int64) { self.init(Float(integer)) }

  /// The value as a `Float`, which holds it exactly.
  public var float: Float { Float(bitPattern: UInt32(bitPattern) << 16) }
  public var real: Double { Double(float) }
  public var integer: Int64 { Int64(real: real) }
}

/// A half-precision number in integer arithmetic.
///
/// Whole tensors are converted through this type: the compiler inlines it, whereas `Float16` calls a
/// library function for each element on processors without the instruction. It also stands in for
/// `Float16` on Intel Macs, which lack that type.
public struct SoftFloat16: TensorScalar, Hashable {
  /// The sixteen bits: sign, 5 of exponent, 10 of fraction.
  public let bitPattern: UInt16

  public static var dtype: DType { .float16 }

  /// Creates a number from its bits.
  public init(bitPattern: UInt16) { self.bitPattern = bitPattern }

  /// Rounds to the nearest, ties to even; a NaN stays one.
  public init(_ value: Float) {
    let sign = (value.bitPattern >> 16) & 0x8000
    let size = value.bitPattern & 0x7fff_ffff
    let result: UInt32
    if size >= 0x4780_0000 {  // 65536 and above, infinity, NaN
      result = size > 0x7f80_0000 ? 0x7e00 | (size >> 13) & 0x3ff : 0x7c00
    } else if size < 0x3880_0000 {
      // Below 2⁻¹⁴ results are multiples of 2⁻²⁴, the spacing of floats above a half: adding one rounds.
      result = (Float(bitPattern: size) + 0.5).bitPattern &- 0x3f00_0000
    } else {
      result = (size &+ 0xfff &+ ((size >> 13) & 1) &- 0x3800_0000) >> 13
    }
    bitPattern = UInt16(truncatingIfNeeded: sign | result)
  }

  public init(real: Double) { self.init(Float(real)) }
  public init(integer: Int64) { self.init(Float(integer)) }

  /// The value as a `Float`, which holds it exactly.
  public var float: Float {
    let bits = UInt32(bitPattern)
    let (sign, exponent, fraction) = ((bits & 0x8000) << 16, bits & 0x7c00, bits & 0x3ff)
    let size: UInt32
    switch exponent {
    case 0: size = (Float(fraction) * 0x1p-24).bitPattern
    case 0x7c00: size = 0x7f80_0000 | fraction << 13
    default: size = (bits & 0x7fff) << 13 &+ 0x3800_0000
    }
    return Float(bitPattern: sign | size)
  }

  public var real: Double { Double(float) }
  public var integer: Int64 { Int64(real: real) }
}
