import StrataCore
import StrataGraph
import StrataRuntime

/// What this machine reaches at best, measured: the bounds that layers are held against.
public struct MachineCeilings: Sendable, Hashable {
  /// Multiplications and additions a second, of a large matrix product or convolution.
  public let flops: Double
  /// Bytes a second that a copy reads and writes.
  public let bandwidth: Double

  /// Creates bounds.
  public init(flops: Double, bandwidth: Double) {
    self.flops = flops
    self.bandwidth = bandwidth
  }

  /// Measures with the engine's threads; takes a second or two.
  public static func measure() throws(StrataError) -> MachineCeilings {
    // Which shape suits a processor best is not known beforehand. A convolution of 1×1 is a matrix product without
    // a shortcut such as Winograd's, so that what is counted is what is done.
    var flops = try product(of: 1024)
    for (channels, size) in [(512, 14), (256, 28), (128, 56)] {
      flops = max(flops, try convolution(channels, size))
    }
    return MachineCeilings(flops: flops, bandwidth: copy())
  }

  private static func product(of size: Int) throws(StrataError) -> Double {
    let rows = HostTensor.normal(shape: [size, size], key: RandomKey(seed: 1))
    let weights = Variable(HostTensor.normal(shape: [size, size], key: RandomKey(seed: 2)))
    let work = 2 * Double(size) * Double(size) * Double(size)
    return try best(of: work) { Tensor(rows).linear(weights.tensor) }
  }

  private static func convolution(_ channels: Int, _ size: Int) throws(StrataError) -> Double {
    let image = HostTensor.normal(shape: [1, channels, size, size], key: RandomKey(seed: 1))
    let weights = Variable(HostTensor.normal(shape: [channels, channels, 1, 1], key: RandomKey(seed: 2)))
    let work = 2 * Double(channels * channels) * Double(size * size)
    return try best(of: work) { Tensor(image).conv2d(weights.tensor) }
  }

  /// The most work a second in runs of a third of a second, the fastest step of each alone: other programs disturb
  /// some of them.
  private static func best(of work: Double, _ make: () -> Tensor) throws(StrataError) -> Double {
    let trace = Trace(of: [make()])
    let clock = ContinuousClock()
    let start = clock.now
    var fastest = Double.infinity
    var runs = 0
    while runs < 12 || (clock.now - start).inSeconds < 0.3 {
      let steps = try Engine.profile(trace).filter { $0.kind == .operation || $0.kind == .run }
      for step in steps { fastest = min(fastest, step.duration.inSeconds) }
      runs += 1
    }
    return work / fastest
  }

  private static func copy() -> Double {
    let count = 64 << 20
    let source = Buffer(byteCount: count)
    let target = Buffer(byteCount: count)
    source.pointer.initializeMemory(as: UInt8.self, repeating: 1, count: count)
    let clock = ContinuousClock()
    var fastest = Double.infinity
    for _ in 0..<12 {
      let start = clock.now
      Parallel.forEachRange(of: count, grain: count / max(1, Engine.threadCount)) { range in
        (target.pointer + range.lowerBound).copyMemory(
          from: source.pointer + range.lowerBound, byteCount: range.count)
      }
      fastest = min(fastest, (clock.now - start).inSeconds)
    }
    return 2 * Double(count) / fastest
  }
}
