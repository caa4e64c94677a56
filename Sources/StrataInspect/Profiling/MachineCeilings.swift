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
    let product = try Self.product(of: 1024)
    let convolution = try Self.convolution()
    return MachineCeilings(flops: max(product, convolution), bandwidth: copy())
  }

  private static func product(of size: Int) throws(StrataError) -> Double {
    let a = HostTensor.normal(shape: [size, size], key: RandomKey(seed: 1))
    let b = HostTensor.normal(shape: [size, size], key: RandomKey(seed: 2))
    let work = 2 * Double(size) * Double(size) * Double(size)
    return try best(of: work) { Tensor(a).matmul(Tensor(b)) }
  }

  private static func convolution() throws(StrataError) -> Double {
    let image = HostTensor.normal(shape: [1, 256, 56, 56], key: RandomKey(seed: 1))
    let weights = Variable(HostTensor.normal(shape: [256, 256, 3, 3], key: RandomKey(seed: 2)))
    let work = 2.0 * 256 * 56 * 56 * 256 * 9
    return try best(of: work) { Tensor(image).conv2d(weights.tensor, padding: 1) }
  }

  /// The most work a second in some runs, the fastest step of each alone.
  private static func best(of work: Double, _ make: () -> Tensor) throws(StrataError) -> Double {
    let trace = Trace(of: [make()])
    var fastest = Double.infinity
    for _ in 0..<12 {
      let steps = try Engine.profile(trace).filter { $0.kind == .operation || $0.kind == .run }
      for step in steps { fastest = min(fastest, step.duration.inSeconds) }
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
    for _ in 0..<6 {
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
