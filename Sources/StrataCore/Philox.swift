/// The counter-based generator Philox4x32-10 of Salmon, Moraes, Dror and Shaw (2011).
///
/// It maps a counter to 128 random bits under a key and keeps no state, so that any element of a tensor can be
/// computed on its own: the answer depends neither on the number of threads nor on the device.
public enum Philox {
  private static let multipliers: (UInt64, UInt64) = (0xd251_1f53, 0xcd9e_8d57)
  private static let increments: (UInt32, UInt32) = (0x9e37_79b9, 0xbb67_ae85)

  /// Four random words for a counter under a key.
  public static func words(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var (a, b, c, d) = (counter.x, counter.y, counter.z, counter.w)
    var (k0, k1) = (key.x, key.y)
    for _ in 0..<10 {
      let first = UInt64(a) &* multipliers.0
      let second = UInt64(c) &* multipliers.1
      a = UInt32(truncatingIfNeeded: second >> 32) ^ b ^ k0
      b = UInt32(truncatingIfNeeded: second)
      c = UInt32(truncatingIfNeeded: first >> 32) ^ d ^ k1
      d = UInt32(truncatingIfNeeded: first)
      k0 &+= increments.0
      k1 &+= increments.1
    }
    return SIMD4(a, b, c, d)
  }

  /// The words of four neighbouring counters; one vector holds the same word of all four.
  struct Group {
    var words: (SIMD4<UInt32>, SIMD4<UInt32>, SIMD4<UInt32>, SIMD4<UInt32>)
  }

  /// The words of the counters `4 * index ..< 4 * index + 4` of a key's stream.
  ///
  /// Words lie in 64-bit lanes, the shape of the vector multiplication of 32 by 32 bits. Their upper halves
  /// may hold leftovers: a multiplication ignores them, and they are dropped at the end.
  @inline(__always)
  static func group(_ index: Int, _ key: RandomKey) -> Group {
    typealias Lanes = SIMD4<UInt64>
    let low = Lanes(repeating: 0xffff_ffff)
    let counter = Lanes(repeating: UInt64(index) &* 4) | Lanes(0, 1, 2, 3)
    let (multiplier0, multiplier1) = (Lanes(repeating: multipliers.0), Lanes(repeating: multipliers.1))
    let shift = Lanes(repeating: 32)
    var (a, b) = (counter, counter &>> shift)
    var (c, d) = (Lanes(repeating: key.stream), Lanes(repeating: key.stream >> 32))
    var (k0, k1) = (UInt32(truncatingIfNeeded: key.seed), UInt32(truncatingIfNeeded: key.seed >> 32))
    for _ in 0..<10 {
      let first = (a & low) &* multiplier0
      let second = (c & low) &* multiplier1
      a = (second &>> shift) ^ b ^ Lanes(repeating: UInt64(k0))
      b = second
      c = (first &>> shift) ^ d ^ Lanes(repeating: UInt64(k1))
      d = first
      k0 &+= increments.0
      k1 &+= increments.1
    }
    return Group(
      words: (
        SIMD4(truncatingIfNeeded: a), SIMD4(truncatingIfNeeded: b), SIMD4(truncatingIfNeeded: c),
        SIMD4(truncatingIfNeeded: d)
      ))
  }
}
