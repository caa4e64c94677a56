import StrataCore
import StrataDistributed
import StrataGraph
import StrataNN
import StrataRuntime

/// Steps of training on several processes: how long they take, and how much of the communication they wait for.
public struct ParallelBenchmark: Sendable, Hashable {
  /// The processes.
  public let size: Int
  /// Images of each process in a step.
  public let batch: Int
  /// Threads of each process.
  public let threads: Int
  /// Buckets that gradients travel in.
  public let buckets: Int
  /// Bytes of gradients that each process gives in a step.
  public let byteCount: Int
  /// The median of steps in seconds.
  public let step: Double
  /// The median of steps without communication, made by all processes at the same time.
  public let stepAlone: Double
  /// Seconds of a step in which gradients were under way, on average.
  public let communication: Double
  /// Of these, what the program waited for with nothing to compute.
  public let waited: Double
  /// Seconds of a step for copying gradients into buckets and out of them.
  public let copied: Double

  /// The part of communication that computation did not hide.
  public var exposedShare: Double { communication > 0 ? waited / communication : 0 }

  /// How many steps are measured.
  public struct Effort: Sendable, Hashable {
    /// Steps that are not measured.
    public var warmUp: Int
    /// Steps that are.
    public var steps: Int

    /// Creates an effort.
    public init(warmUp: Int = 2, steps: Int = 5) {
      self.warmUp = warmUp
      self.steps = steps
    }
  }

  /// Trains a network on random images, on all processes together.
  ///
  /// - Parameter input: `[N, C, H, W]`, N images for each process.
  public init(
    training model: Module, input: Shape, over ranks: any Communicator,
    bucketSize: Int = GradientExchange.defaultBucketSize,
    compression: GradientExchange.Compression = .none, effort: Effort = Effort()
  ) throws(StrataError) {
    let step = try Step(model, input: input, rank: ranks.rank)
    let exchange = GradientExchange(over: ranks, bucketSize: bucketSize, compression: compression)
    let silent = GradientExchange(over: LoneProcess())

    func measure(_ exchange: GradientExchange) throws(StrataError) -> Double {
      var times: [Double] = []
      for number in 0..<effort.warmUp + effort.steps {
        if number == effort.warmUp { _ = exchange.takeStatistics() }
        try ranks.barrier("a measurement")
        let start = ContinuousClock.now
        try step(exchange)
        if number >= effort.warmUp { times.append((ContinuousClock.now - start).inSeconds) }
      }
      times.sort()
      var median = [times[times.count / 2]]
      try ranks.allReduce(&median, .maximum, label: "times")
      return median[0]
    }
    let alone = try measure(silent)
    let together = try measure(exchange)
    let statistics = exchange.takeStatistics()
    let steps = Double(effort.steps)
    var sums = [
      statistics.underWay.inSeconds / steps, statistics.waited.inSeconds / steps,
      statistics.copied.inSeconds / steps,
    ]
    try ranks.allReduceMean(&sums, label: "times")
    size = ranks.size
    batch = input[0]
    threads = Engine.threadCount
    buckets = exchange.bucketSizes.count
    byteCount = exchange.bucketSizes.reduce(0, +)
    self.step = together
    stepAlone = alone
    (communication, waited, copied) = (sums[0], sums[1], sums[2])
  }

  /// Forward, cross-entropy, backward, and stochastic gradient descent with momentum, as one plan.
  private struct Step {
    let model: Module
    let parameters: [Parameter]
    private let velocities: [Variable]
    private let images: Tensor
    private let targets: Tensor

    init(_ model: Module, input: Shape, rank: Int) throws(StrataError) {
      self.model = model
      parameters = model.parameters.filter(\.requiresGrad)
      velocities = parameters.map { parameter in
        let shape = parameter.shape
        return Variable(shape) { .zeros(shape) }
      }
      images = Tensor(HostTensor.normal(shape: input, key: RandomKey(seed: UInt64(1 + rank))))
      let scores = model.eval()(images)
      model.train()
      if let error = scores.error { throw error }
      guard scores.rank == 2 else {
        throw StrataError(
          .shape, "training needs a network that gives scores [N, classes], got \(scores.shape)")
      }
      let classes = scores.shape[1]
      var targets = [Float](repeating: 0, count: input[0] * classes)
      for image in 0..<input[0] { targets[image * classes + (37 * image + rank) % classes] = 1 }
      self.targets = Tensor(HostTensor(targets, shape: [input[0], classes]))
    }

    func callAsFunction(_ exchange: GradientExchange) throws(StrataError) {
      do {
        try exchange.use {
          let scores = model(images)
          let scale = 1 / Double(images.shape[0] * exchange.communicator.size)
          let loss = -(scores.logSoftmax(dim: 1) * targets).sum() * scale
          let slopes = exchange.summed(gradients(of: loss, wrt: parameters.map(\.tensor)))
          for (slope, (parameter, velocity)) in zip(slopes, zip(parameters, velocities)) {
            let speed = velocity.tensor * 0.9 + slope
            velocity.assign(speed)
            parameter.variable.assign(parameter.tensor - speed * 1e-4)
          }
          try loss.evaluate()
        }
      } catch {
        throw error as? StrataError ?? StrataError(.engine, "\(error)")
      }
    }
  }
}
