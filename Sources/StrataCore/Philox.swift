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
}
