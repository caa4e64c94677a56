/// The type of a tensor's elements, with PyTorch's names.
public enum DType: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
  case float32, float64, float16, bfloat16, int64, int32, uint8, bool

  /// Bytes an element takes.
  public var byteCount: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16: 2
    case .uint8, .bool: 1
    }
  }

  /// Whether elements are floating-point numbers.
  public var isFloatingPoint: Bool {
    switch self {
    case .float32, .float64, .float16, .bfloat16: true
    case .int64, .int32, .uint8, .bool: false
    }
  }

  /// The type of a result of two operands, as `torch.promote_types` has it.
  public func promoted(with other: DType) -> DType {
    if self == other { return self }
    if isFloatingPoint != other.isFloatingPoint { return isFloatingPoint ? self : other }
    if isFloatingPoint {
      if self == .float64 || other == .float64 { return .float64 }
      return .float32  // also for a mix of float16 and bfloat16
    }
    let order: [DType] = [.bool, .uint8, .int32, .int64]
    let rank = { (type: DType) in order.firstIndex(of: type) ?? 0 }
    return order[max(rank(self), rank(other))]
  }

  /// The name PyTorch prints: `torch.float32`.
  public var description: String { "torch.\(rawValue)" }
}

extension DType {
  /// The Swift type that stores an element.
  public var scalarType: any TensorScalar.Type {
    switch self {
    case .float32: Float.self
    case .float64: Double.self
    #if os(macOS) && arch(x86_64)
      case .float16: SoftFloat16.self
    #else
      case .float16: Float16.self
    #endif
    case .bfloat16: BFloat16.self
    case .int64: Int64.self
    case .int32: Int32.self
    case .uint8: UInt8.self
    case .bool: Bool.self
    }
  }
}
