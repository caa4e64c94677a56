import Synchronization

/// What a sequence of random numbers depends on: the same key gives the same numbers, everywhere.
public struct RandomKey: Sendable, Hashable {
  /// What the user chose.
  public let seed: UInt64
  /// Which of the seed's independent sequences.
  public let stream: UInt64

  /// Creates a key of a seed and one of its sequences.
  public init(seed: UInt64, stream: UInt64 = 0) {
    self.seed = seed
    self.stream = stream
  }

  /// Four random words, the number `index` of this key's sequence.
  public func words(_ index: UInt64) -> SIMD4<UInt32> {
    let counter = SIMD4(
      UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32),
      UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32))
    return Philox.words(
      counter: counter, key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
  }

  /// The 64 random bits at an index, two of which share one counter.
  func bits(_ index: Int) -> UInt64 {
    let words = words(UInt64(index) >> 1)
    let pair = index & 1 == 0 ? (words.x, words.y) : (words.z, words.w)
    return UInt64(pair.1) << 32 | UInt64(pair.0)
  }

  /// An integer in `0..<bound` for an index; the bias is below bound / 2⁶⁴.
  func integer(_ index: Int, below bound: UInt64) -> UInt64 {
    bits(index).multipliedFullWidth(by: bound).high
  }

  /// The numbers below `count` in random order.
  public func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(last, Int(integer(last, below: UInt64(last) + 1)))
    }
    return order
  }

  /// The next key of the process's sequence, which `manualSeed` restarts, or of the task's where it has its own.
  public static func next() -> RandomKey { (KeySequence.current ?? KeySequence.process).next() }

  /// Runs `body` with a sequence of its own for `next()`: what is drawn depends on the seed alone, whatever
  /// happens in the process meanwhile, and the process's sequence stays as it is.
  public static func sequence<Result, Failure: Error>(
    from seed: UInt64, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try KeySequence.$current.withValue(KeySequence(seed: seed)) {
      Swift.Result { () throws(Failure) in try body() }
    }.get()
  }
}

/// Keys one after the other.
private final class KeySequence: Sendable {
  @TaskLocal static var current: KeySequence?
  /// What is drawn without a key of its own; unpredictable until a seed is set.
  static let process = KeySequence(seed: .random(in: 0 ... .max))

  private let key: Mutex<RandomKey>

  init(seed: UInt64) { key = Mutex(RandomKey(seed: seed)) }

  func next() -> RandomKey {
    key.withLock { key in
      defer { key = RandomKey(seed: key.seed, stream: key.stream &+ 1) }
      return key
    }
  }

  func restart(seed: UInt64) { key.withLock { $0 = RandomKey(seed: seed) } }
}

/// Sets the seed of all random numbers that are drawn without a key of their own, as `torch.manual_seed` does.
public func manualSeed(_ seed: UInt64) { KeySequence.process.restart(seed: seed) }
