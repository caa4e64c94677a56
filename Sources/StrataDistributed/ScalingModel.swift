import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What a message between two processes costs.
public struct Link: Sendable, Hashable {
  /// Seconds from when a small message is sent until it is there.
  public var latency: Double
  /// Bytes a second that a process sends while it receives as many.
  public var bandwidth: Double
  /// Bytes a second that a process adds up.
  public var summation: Double

  /// Creates a link.
  public init(latency: Double, bandwidth: Double, summation: Double = 4e9) {
    self.latency = latency
    self.bandwidth = bandwidth
    self.summation = summation
  }

  /// A network of so many gigabits a second, of which 90% are payload, with 20 µs from program to program.
  public static func ethernet(gigabits: Double) -> Link {
    Link(latency: 20e-6, bandwidth: gigabits * 1e9 / 8 * 0.9)
  }

  /// Seconds that the sum of `byteCount` bytes over `size` processes takes.
  ///
  /// The better of the two ways that MPI libraries have: a ring, in `2 (P - 1)` steps, and halving and doubling, in
  /// `2 log₂ P`. Both send `2 (P - 1) / P` of the bytes, and add up half of that.
  public func sumTime(_ byteCount: Double, size: Int) -> Double {
    guard size > 1 else { return 0 }
    let share = Double(size - 1) / Double(size)
    let steps = min(2 * Double(size - 1), 2 * log2(Double(size)).rounded(.up))
    return steps * latency + 2 * share * byteCount / bandwidth + share * byteCount / summation
  }

  /// The link whose times come closest to measured ones, by relative squares; nil where there are fewer than two.
  public init?(fitting benchmark: CollectiveBenchmark) {
    let size = benchmark.size
    guard size > 1, benchmark.rows.count > 1 else { return nil }
    let share = Double(size - 1) / Double(size)
    let steps = min(2 * Double(size - 1), 2 * log2(Double(size)).rounded(.up))
    // Time = a · steps + b · share · bytes; b holds sending and adding up together.
    var (saa, sab, sbb, sat, sbt) = (0.0, 0.0, 0.0, 0.0, 0.0)
    for row in benchmark.rows where row.seconds > 0 {
      let (a, b) = (steps / row.seconds, share * Double(row.byteCount) / row.seconds)
      (saa, sab, sbb, sat, sbt) = (saa + a * a, sab + a * b, sbb + b * b, sat + a, sbt + b)
    }
    let determinant = saa * sbb - sab * sab
    guard determinant > 0 else { return nil }
    let latency = (sat * sbb - sbt * sab) / determinant
    let perByte = (sbt * saa - sat * sab) / determinant
    guard perByte > 0 else { return nil }
    // What is measured is the sum of both; it is booked as sending.
    self.init(latency: max(latency, 0), bandwidth: 2 / perByte, summation: .infinity)
  }
}

/// A step of data-parallel training on paper: what it computes, what it sends and when.
public struct ScalingModel: Sendable, Hashable {
  /// A layer with parameters, in the order of the forward pass.
  public struct Layer: Sendable, Hashable {
    /// Its parameters.
    public var parameters: Int
    /// The part of the backward pass that it takes; all together are 1.
    public var share: Double

    /// Creates a layer.
    public init(parameters: Int, share: Double) {
      self.parameters = parameters
      self.share = share
    }
  }

  /// Seconds of the forward pass.
  public var forward: Double
  /// Seconds of the backward pass.
  public var backward: Double
  /// Seconds of the update.
  public var update: Double
  /// The layers, in the order of the forward pass.
  public var layers: [Layer]
  /// Bytes of a gradient as it travels: 4, or 2 as bfloat16.
  public var bytesPerParameter = 4.0
  /// Bytes at which a bucket leaves.
  public var bucketSize = GradientExchange.defaultBucketSize
  /// Bytes a second at which gradients get into their buckets, and out of them again.
  public var copying = Double.infinity
  /// The part of the time of communication that it takes from the computation beside it, because both use the same
  /// core; 0 where a core or the network card does the work.
  public var interference = 0.0

  /// Creates a model.
  public init(forward: Double, backward: Double, update: Double, layers: [Layer]) {
    self.forward = forward
    self.backward = backward
    self.update = update
    self.layers = layers
  }

  /// What a step is made of, in seconds.
  public struct Prediction: Sendable, Hashable {
    /// The whole step.
    public let step: Double
    /// Communication in all.
    public let communication: Double
    /// Communication that nothing is computed during.
    public let exposed: Double
    /// How much of `size` processes' work is done: the time of one alone over that of the step.
    public let efficiency: Double
  }

  /// Predicts a step of `size` processes, each with the batch that the times are of.
  public func predicted(_ size: Int, over link: Link) -> Prediction {
    let alone = forward + backward + update
    guard size > 1 else { return Prediction(step: alone, communication: 0, exposed: 0, efficiency: 1) }
    var (clock, free, communication) = (0.0, 0.0, 0.0)
    func leave(_ byteCount: Double) {
      let time = link.sumTime(byteCount, size: size)
      free = max(free, clock) + time
      communication += time
    }
    // Backwards: a layer's gradient is complete when the layer is. A large one is cut over several buckets.
    var (waiting, copied) = (0.0, 0.0)
    for layer in layers.reversed() {
      let bytes = Double(layer.parameters) * bytesPerParameter
      copied += bytes / copying
      clock += layer.share * backward + bytes / copying
      waiting += bytes
      while waiting >= Double(bucketSize) {
        leave(Double(bucketSize))
        waiting -= Double(bucketSize)
      }
    }
    if waiting > 0 { leave(waiting) }
    let computed = backward + copied + interference * communication
    let exposed = max(0, free - computed)
    let step = forward + computed + exposed + copied + update
    return Prediction(step: step, communication: communication, exposed: exposed, efficiency: alone / step)
  }
}
