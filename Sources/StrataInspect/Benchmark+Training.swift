import StrataCore
import StrataGraph
import StrataNN
import StrataRuntime

extension Benchmark {
  /// Trains a network on one batch again and again and measures the steps: forward in training mode, cross-entropy,
  /// backward, stochastic gradient descent with momentum. The class of image `i` is `37 i` modulo the number of
  /// classes. `body` sees the loss of every step, the first ones included.
  ///
  /// - Parameter macs: Multiply-accumulates of a forward pass; a step is counted as three of them.
  public init(
    training model: Module, input: HostTensor, macs: Int, effort: Effort = .training,
    observing body: (Double) -> Void = { _ in }
  ) throws(StrataError) {
    let images = Tensor(input)
    let scores = model.eval()(images)
    if let error = scores.error { throw error }
    guard scores.rank == 2 else {
      throw StrataError(
        .shape, "training needs a network that gives scores [N, classes], got \(scores.shape)")
    }
    let (count, classes) = (scores.shape[0], scores.shape[1])
    let targets = Tensor(HostTensor((0..<count).map { Int64(37 * $0 % classes) }))
    let step = TrainingStep(model.train(), optimizer: SGD(model, lr: 1e-4, momentum: 0.9))
    try self.init(batch: count, macs: 3 * macs, effort: effort) { () throws(StrataError) in
      do { body(try step(images, targets).loss) } catch let error as StrataError {
        throw error
      } catch {
        throw StrataError(.engine, "\(error)")
      }
    }
  }
}

extension Benchmark.Effort {
  /// Enough for numbers worth quoting of steps of training, which take longer than forward passes.
  public static let training = Benchmark.Effort(warmUp: 3, minimum: 5, maximum: 100, seconds: 4)
}
