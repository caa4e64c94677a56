import StrataCore
import StrataFormats
import StrataInspect

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A range test: the learning rate rises from step to step until the loss explodes, and the curve tells which
/// rates work (Smith 2015, "Cyclical Learning Rates for Training Neural Networks", https://arxiv.org/abs/1506.01186).
public struct LearningRateFinder: Sendable {
  /// A step of the test.
  public struct Point: Sendable, Hashable {
    /// The learning rate.
    public let rate: Double
    /// The loss of the batch.
    public let loss: Double
    /// The loss as a running average, which the suggestions follow from.
    public let smoothed: Double
  }

  /// The steps.
  public let points: [Point]

  /// Runs the test on a trainer, which is afterwards as it was before.
  ///
  /// - Parameters:
  ///   - trainer: What trains; its schedule is left aside.
  ///   - range: The first and the last rate.
  ///   - steps: Steps from the one to the other; the test ends early once the loss is four times the least.
  public init(
    _ trainer: Trainer, range: ClosedRange<Double> = 1e-6...10, steps: Int = 100,
    progress: (Point) -> Void = { _ in }
  ) throws {
    let before = try trainer.checkpoint()
    var points: [Point] = []
    var (average, least) = (0.0, Double.infinity)
    let scales = trainer.optimizer.groups.map { $0.lr }
    let highest = scales.max() ?? 1
    trainer.beginTraining(epoch: trainer.epoch)
    for index in 0..<max(2, steps) {
      let share = Double(index) / Double(max(2, steps) - 1)
      let rate = range.lowerBound * pow(range.upperBound / range.lowerBound, share)
      for (group, scale) in zip(trainer.optimizer.groups, scales) { group.lr = rate * scale / highest }
      let loss = try trainer.tryStep()
      guard loss.isFinite else { break }
      average = 0.9 * average + 0.1 * loss
      let smoothed = average / (1 - pow(0.9, Double(index + 1)))
      points.append(Point(rate: rate, loss: loss, smoothed: smoothed))
      progress(points[index])
      if index > 10, smoothed > 4 * least { break }
      least = min(least, smoothed)
    }
    self.points = points
    try trainer.resume(before)
    trainer.model.eval()
    guard points.count > 2 else {
      throw StrataError(
        .argument,
        "the loss is not finite at a learning rate of \(range.lowerBound) already: something else is wrong")
    }
  }

  /// The rate at which the loss falls fastest.
  public var steepest: Double {
    let slopes = (1..<points.count - 1).map { index -> Double in
      let (before, after) = (points[index - 1], points[index + 1])
      return (after.smoothed - before.smoothed) / log(after.rate / before.rate)
    }
    let best = slopes.indices.min { slopes[$0] < slopes[$1] } ?? 0
    return points[best + 1].rate
  }

  /// A tenth of the rate at which the loss is least: near the largest that works.
  public var suggestion: Double { (points.min { $0.smoothed < $1.smoothed }?.rate ?? 0) / 10 }

  /// The points and suggestions.
  public var json: JSONValue {
    [
      "suggestion": .number(suggestion), "steepest": .number(steepest),
      "points": .array(
        points.map {
          ["lr": .number($0.rate), "loss": .number($0.loss), "smoothed": .number($0.smoothed)]
        }),
    ]
  }
}
