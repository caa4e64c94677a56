import StrataCore
import StrataGraph
import StrataNN
import StrataRuntime

/// How long forward passes of a network take, or steps of its training.
public struct Benchmark: Sendable, Hashable {
  /// When to stop measuring.
  public struct Effort: Sendable, Hashable {
    /// Passes that are not measured: the first prepares a plan and makes the weights.
    public var warmUp: Int
    /// Measured passes at least.
    public var minimum: Int
    /// Measured passes at most.
    public var maximum: Int
    /// Seconds after which no further pass begins, once there are enough.
    public var seconds: Double

    /// Creates an effort.
    public init(warmUp: Int, minimum: Int, maximum: Int, seconds: Double) {
      self.warmUp = warmUp
      self.minimum = minimum
      self.maximum = maximum
      self.seconds = seconds
    }

    /// Enough for numbers worth quoting.
    public static let thorough = Effort(warmUp: 3, minimum: 10, maximum: 200, seconds: 2)
    /// Enough for a report that people wait for: of large networks one pass, of small ones several.
    public static let brief = Effort(warmUp: 1, minimum: 1, maximum: 15, seconds: 0.015)
  }

  /// Images in a pass.
  public let batch: Int
  /// Threads that the engine used.
  public let threads: Int
  /// Seconds of each measured pass, in rising order.
  public let seconds: [Double]
  /// Multiplications, each with an addition, of a pass.
  public let macs: Int

  /// Runs compiled forward passes and measures them; `body` sees every output, the first ones included.
  public init(
    _ model: Module, input: HostTensor, macs: Int, effort: Effort = .thorough,
    observing body: (HostTensor) -> Void = { _ in }
  ) throws(StrataError) {
    let forward = try model.compiled(for: input.shape, dtype: input.dtype)
    try self.init(batch: input.shape.first ?? 1, macs: macs, effort: effort) { () throws(StrataError) in
      body(try forward(input))
    }
  }

  /// Calls the model anew for each pass, as programs do that do not compile it.
  public init(
    calling model: Module, input: HostTensor, macs: Int, effort: Effort = .thorough
  ) throws(StrataError) {
    let image = Tensor(input)
    try self.init(batch: input.shape.first ?? 1, macs: macs, effort: effort) { () throws(StrataError) in
      try model(image).evaluate()
    }
  }

  /// Measures whatever `pass` does to a batch.
  init(
    batch: Int, macs: Int, effort: Effort, of pass: () throws(StrataError) -> Void
  ) throws(StrataError) {
    let clock = ContinuousClock()
    for _ in 0..<effort.warmUp { try pass() }
    var seconds: [Double] = []
    let start = clock.now
    while seconds.count < effort.minimum
      || seconds.count < effort.maximum && (clock.now - start).inSeconds < effort.seconds
    {
      let begin = clock.now
      try pass()
      seconds.append((clock.now - begin).inSeconds)
    }
    self.batch = batch
    threads = Engine.threadCount
    self.seconds = seconds.sorted()
    self.macs = macs
  }

  /// The time below which a part of the passes lies, interpolated between neighbours.
  public func quantile(_ part: Double) -> Double {
    let place = part * Double(seconds.count - 1)
    let lower = Int(place)
    let upper = min(lower + 1, seconds.count - 1)
    return seconds[lower] + (seconds[upper] - seconds[lower]) * (place - Double(lower))
  }

  /// The median time in seconds.
  public var median: Double { quantile(0.5) }
  /// Images a second, by the median.
  public var imagesPerSecond: Double { Double(batch) / median }
  /// Billions of multiplications and additions a second, by the median: each multiply-accumulate counts as two.
  public var gigaflops: Double { 2 * Double(macs) / median / 1e9 }
}

extension Duration {
  /// The duration as a number of seconds.
  package var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
