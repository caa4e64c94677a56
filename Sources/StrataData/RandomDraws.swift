import StrataCore

extension RandomKey {
  /// One of 2⁶³ keys that follow from this one, as `jax.random.fold_in` derives them: what it draws shares
  /// nothing with its siblings nor with this key's own numbers.
  public func child(_ index: Int) -> RandomKey {
    let words = words(UInt64(bitPattern: Int64(index)) | 1 << 63)
    return RandomKey(
      seed: UInt64(words.y) << 32 | UInt64(words.x), stream: UInt64(words.w) << 32 | UInt64(words.z))
  }
}

/// Numbers drawn one after the other under a key: what a transform uses, so that its work depends on the key
/// alone, whichever thread does it.
public struct RandomDraws: Sendable {
  private let key: RandomKey
  private var position: UInt64 = 0

  /// Begins a key's sequence.
  public init(_ key: RandomKey) { self.key = key }

  private mutating func bits() -> UInt64 {
    defer { position += 1 }
    let words = key.words(position)
    return UInt64(words.y) << 32 | UInt64(words.x)
  }

  /// A number spread evenly over a range.
  public mutating func uniform(_ range: ClosedRange<Double> = 0...1) -> Double {
    range.lowerBound + (range.upperBound - range.lowerBound) * (Double(bits() >> 11) * 0x1p-53)
  }

  /// An integer from 0 up to but not including `bound`, which is 1 or more.
  public mutating func integer(below bound: Int) -> Int {
    precondition(bound > 0, "no integer lies below \(bound)")
    return Int(bits().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// True with a probability.
  public mutating func chance(_ probability: Double) -> Bool { uniform() < probability }

  /// The numbers below `count` in random order.
  public mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) { order.swapAt(last, integer(below: last + 1)) }
    return order
  }
}
