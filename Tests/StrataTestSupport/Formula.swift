import Strata

/// Weights and inputs by a formula, the twin of `Reference/formula.py`: big networks are compared with
/// PyTorch without storing a weight.
public enum Formula {
  /// The elements of the tensor called `name`, spread over `low..<high`.
  ///
  /// As in the reference, integers are the floor of the number before it is rounded to 32 bits, and all
  /// other types are converted from float32 or int64.
  public static func tensor(
    _ name: String, _ shape: Shape, _ low: Double, _ high: Double, dtype: DType = .float32
  ) -> HostTensor {
    let base = fnv1a(name)
    if dtype.isFloatingPoint {
      return filled(shape) { Float(low + (high - low) * unit($0, base)) }.converted(to: dtype)
    }
    return filled(shape) { Int64((low + (high - low) * unit($0, base)).rounded(.down)) }.converted(to: dtype)
  }

  /// An input batch: `tensor` over `-1..<1`.
  public static func input(_ shape: Shape, name: String = "input") -> HostTensor {
    tensor(name, shape, -1, 1)
  }

  /// The value of a parameter or buffer, by its name in the state dictionary.
  public static func parameter(_ name: String, _ shape: Shape, _ dtype: DType = .float32) -> HostTensor {
    guard dtype.isFloatingPoint else { return .zeros(shape, dtype: dtype) }
    if shape.rank >= 2 {
      let bound = (6 / Double(shape.dropFirst().reduce(1, *))).squareRoot()
      return tensor(name, shape, -bound, bound)
    }
    switch name.split(separator: ".").last {
    case "running_mean", "bias": return tensor(name, shape, -0.1, 0.1)
    default: return tensor(name, shape, 0.5, 1.5)
    }
  }

  /// Makes all parameters and buffers those of the formula, each when it is first needed: at no time is there
  /// a second copy of a large network's weights.
  public static func fill(_ module: Module) {
    for entry in module.stateEntries {
      let (name, shape, dtype) = (entry.name, entry.shape, entry.dtype)
      entry.variable.reset { parameter(name, shape, dtype) }
    }
  }

  /// Numbers as trained weights have them: their mean is not zero, and few are much larger than most.
  public static func heavyTailed(
    _ shape: Shape, stream: UInt64, scale: Double, mean: Double
  ) -> HostTensor {
    let normal = HostTensor.normal(shape: shape, key: RandomKey(seed: 11 + stream)).scalars(as: Double.self)
    return HostTensor(normal.map { Float(scale * $0 * $0 * $0 + mean) }, shape: shape)
  }

  /// The 32-bit hash of a name.
  public static func fnv1a(_ text: String) -> UInt32 {
    text.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
  }

  private static func filled<Scalar: TensorScalar>(
    _ shape: Shape, _ element: @Sendable (UInt32) -> Scalar
  ) -> HostTensor {
    HostTensor(shape: shape) { (elements: UnsafeMutableBufferPointer<Scalar>) in
      nonisolated(unsafe) let elements = elements
      Parallel.forEachRange(of: elements.count, grain: 1 << 18) { indices in
        for index in indices {
          elements.initializeElement(at: index, to: element(UInt32(truncatingIfNeeded: index)))
        }
      }
    }
  }

  /// The number in `0..<1` at a position.
  private static func unit(_ index: UInt32, _ base: UInt32) -> Double {
    var hash = index &* 2_654_435_761 &+ base
    hash ^= hash >> 16
    hash &*= 0x7feb_352d
    hash ^= hash >> 15
    hash &*= 0x846c_a68b
    hash ^= hash >> 16
    return Double(hash >> 8) / 16_777_216
  }
}
