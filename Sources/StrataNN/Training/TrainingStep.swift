import StrataCore
import StrataGraph
import StrataRuntime

/// One step of training: forward, backward and update of a network on a batch, in one run.
///
///     let step = TrainingStep(model, optimizer: SGD(model, lr: 0.1, momentum: 0.9), loss: CrossEntropyLoss())
///     for (images, labels) in batches {
///       print(try step(images, labels).loss)
///     }
///
/// The network is trained in the mode that it is in; call `model.train()` first. Not for several threads at once.
public final class TrainingStep {
  /// What may be done besides.
  public struct Options: Sendable {
    /// The largest norm of all gradients together; larger ones are scaled down.
    public var clipNorm: Double?
    /// The largest magnitude of an element of a gradient.
    public var clipValue: Double?
    /// Whether the norm of the gradients, before clipping, is reported; with `clipNorm` it always is.
    public var reportsGradientNorm = false
    /// Whether each layer's value and gradient are looked at, and a step that meets one that is not finite throws
    /// and changes no parameter. Slow: it keeps everything in memory.
    public var detectsAnomalies = false

    /// Creates options: nothing besides.
    public init() {}
  }

  /// What came of a step.
  public struct Outcome: Sendable {
    /// The loss before the update; of several micro-batches, their mean weighted by size.
    public let loss: Double
    /// The network's results; of several micro-batches, one after the other.
    public let output: HostTensor
    /// The norm of all gradients together before clipping, where it was asked for.
    public let gradientNorm: Double?
  }

  /// A gradient in memory.
  public struct NamedGradient: Sendable {
    /// The parameter's name.
    public let name: String
    /// The numbers; to be replaced by others of the same shape and type.
    public var value: HostTensor
  }

  /// The network.
  public let model: Module
  /// What updates its parameters.
  public let optimizer: Optimizer
  /// What is done besides.
  public var options: Options
  /// Averages to be updated with each step.
  public var average: ExponentialMovingAverage?
  /// What happens between gradients and update, such as a mean over processes. The gradients arrive in memory, in
  /// the order of `optimizer.trainableParameters` without those that the loss does not depend on; what they are
  /// replaced by is clipped and used. With it a step takes two runs.
  public var exchange: ((inout [NamedGradient]) throws -> Void)?
  /// What the gradients become as tensors, before they are clipped and used, such as their sums over processes. The
  /// step stays one run. Gradients that the loss does not lead to are left out.
  public var summation: (([Tensor]) -> [Tensor])?
  let loss: (_ output: Tensor, _ target: Tensor) -> Tensor

  /// Creates a step with a function that computes the loss from the network's result and the target.
  public init(
    _ model: Module, optimizer: Optimizer, options: Options = Options(),
    loss: @escaping (_ output: Tensor, _ target: Tensor) -> Tensor
  ) {
    self.model = model
    self.optimizer = optimizer
    self.options = options
    self.loss = loss
  }

  /// Creates a step.
  public convenience init(
    _ model: Module, optimizer: Optimizer, options: Options = Options(), loss: Loss = CrossEntropyLoss()
  ) {
    self.init(model, optimizer: optimizer, options: options) { loss($0, $1) }
  }

  /// Makes a step on a batch.
  public func callAsFunction(_ input: Tensor, _ target: Tensor) throws -> Outcome {
    try callAsFunction(microBatches: [(input, target)])
  }

  /// Makes one step on a batch that comes in parts, one in memory at a time. Each counts by the share of its first
  /// axis, so that a mean loss gives the gradients of the whole batch; batch norm, however, sees each part by itself.
  ///
  /// - Parameter weights: What each part's gradients are multiplied with, where other processes have parts too; by
  ///   default its share of the examples. A part of weight 0 is computed for the others' sake and does not count.
  public func callAsFunction(
    microBatches: [(input: Tensor, target: Tensor)], weights: [Double]? = nil
  ) throws -> Outcome {
    guard let last = microBatches.last else {
      throw StrataError(.argument, "a training step needs a batch")
    }
    if let weights, weights.count != microBatches.count {
      throw StrataError(
        .argument, "\(weights.count) weights are given for \(microBatches.count) parts of a batch")
    }
    let total = microBatches.enumerated().reduce(0) { sum, part in
      weights?[part.offset] == 0 ? sum : sum + part.element.input.batchSize
    }
    var run = Run(self, total: total, count: microBatches.count, weights: weights)
    for batch in microBatches.dropLast() { try run.accumulate(batch.input, batch.target) }
    return try run.finish(last.input, last.target)
  }
}

extension Tensor {
  fileprivate var batchSize: Int { rank == 0 ? 1 : shape[0] }
}

extension TrainingStep {
  /// A step under way.
  fileprivate struct Run {
    let step: TrainingStep
    let total: Int
    let count: Int
    private let weights: [Double]?
    /// The part that is being computed.
    private var part = 0
    var lossSum = 0.0
    var outputs: [HostTensor] = []
    var sums: [Int: Variable] = [:]

    init(_ step: TrainingStep, total: Int, count: Int, weights: [Double]?) {
      self.step = step
      self.total = total
      self.count = count
      self.weights = weights
    }

    /// A batch's share of the step.
    private func share(_ input: Tensor) -> Double { Double(input.batchSize) / Double(max(total, 1)) }

    /// Runs a micro-batch and adds its gradients to those before.
    mutating func accumulate(_ input: Tensor, _ target: Tensor) throws {
      let pass = try newPass(input, target)
      for (index, gradient) in weighted(pass, weights?[part] ?? share(input)).enumerated() {
        guard let gradient else { continue }
        if let sum = sums[index] {
          sum.assign(sum.tensor + gradient)
        } else {
          let (shape, dtype) = (gradient.shape, gradient.dtype)
          let sum = Variable(shape, dtype) { .zeros(shape, dtype: dtype) }
          sum.assign(gradient)
          sums[index] = sum
        }
      }
      try Tensor.evaluate([pass.loss, pass.output])
      try note(pass, input)
    }

    /// Runs the last batch and the update.
    mutating func finish(_ input: Tensor, _ target: Tensor) throws -> Outcome {
      let pass = try newPass(input, target)
      var gradients = weighted(pass, weights?[part] ?? share(input)).enumerated().map { index, gradient in
        guard let sum = sums[index] else { return gradient }
        return gradient.map { sum.tensor + $0 } ?? sum.tensor
      }
      if let summation = step.summation {
        let places = gradients.indices.filter { gradients[$0] != nil }
        let sums = summation(places.compactMap { gradients[$0] })
        for (place, sum) in zip(places, sums) { gradients[place] = sum }
      }
      if step.exchange != nil || step.options.detectsAnomalies {
        try pass.check(gradients)
        gradients = try exchanged(gradients)
      }
      let norm = step.update(gradients)
      try Tensor.evaluate(
        [pass.loss, pass.output] + (norm.map { [$0] } ?? []), updating: step.updatedVariables)
      try note(pass, input)
      let output =
        try outputs.count > 1
        ? Tensor.cat(outputs.map { Tensor($0) }).value() : outputs.first ?? pass.output.value()
      return Outcome(
        loss: lossSum, output: output, gradientNorm: try norm?.value().scalars(as: Double.self).first)
    }

    private func newPass(_ input: Tensor, _ target: Tensor) throws -> Pass {
      let weight = weights?[part]
      return try Engine.$batchStandsIn.withValue(weight == 0) {
        try Pass(step, input, target, weight: weight)
      }
    }

    private func weighted(_ pass: Pass, _ share: Double) -> [Tensor?] {
      // A tensor and no setting: micro-batches of all sizes then share one plan.
      guard !pass.isWeighted, count > 1 || weights != nil else { return pass.gradients }
      let share = Tensor(HostTensor([Float(share)], shape: []))
      return pass.gradients.map { $0.map { $0 * share.to($0.dtype) } }
    }

    private mutating func note(_ pass: Pass, _ input: Tensor) throws {
      defer { part += 1 }
      if weights?[part] == 0 { return }
      lossSum += (try pass.loss.value().scalars(as: Double.self).first ?? 0) * share(input)
      outputs.append(try pass.output.value())
    }

    /// The gradients after whatever happens to them in memory.
    private func exchanged(_ gradients: [Tensor?]) throws -> [Tensor?] {
      guard let exchange = step.exchange else { return gradients }
      let names = step.optimizer.trainableParameters.map(\.name)
      let places = gradients.indices.filter { gradients[$0] != nil }
      var named = try places.map { place in
        NamedGradient(name: names[place], value: try gradients[place]?.value() ?? .zeros([]))
      }
      try exchange(&named)
      guard named.count == places.count else {
        throw StrataError(.argument, "\(places.count) gradients went out and \(named.count) came back")
      }
      var result = gradients
      for (place, gradient) in zip(places, named) {
        guard let own = gradients[place], gradient.value.shape == own.shape, gradient.value.dtype == own.dtype
        else {
          throw StrataError(.shape, "the gradient of `\(gradient.name)` came back as \(gradient.value.shape)")
        }
        result[place] = Tensor(gradient.value)
      }
      return result
    }
  }

  /// Clips gradients and makes the updates part of their graph; returns the norm where it is wanted.
  fileprivate func update(_ gradients: [Tensor?]) -> Tensor? {
    var gradients = gradients
    var norm: Tensor?
    if let value = options.clipValue { gradients = clipGradValue(gradients, clipValue: value) }
    if let largest = options.clipNorm {
      let clipped = clipGradNorm(gradients, maxNorm: largest)
      (gradients, norm) = (clipped.gradients, clipped.totalNorm)
    } else if options.reportsGradientNorm {
      norm = totalNorm(gradients)
    }
    optimizer.step(gradients)
    average?.update()
    return norm
  }

  /// What a step renews. Of the updates that gradients from memory or frozen parameters lead to, each waits by itself.
  fileprivate var updatedVariables: [Variable] {
    optimizer.trainableParameters.map(\.parameter.variable) + (average?.variables ?? [])
  }
}

/// Forward and backward of a batch, not run yet.
private struct Pass {
  let loss: Tensor
  let output: Tensor
  let gradients: [Tensor?]
  /// Whether the gradients are those of the loss times its weight.
  let isWeighted: Bool
  private let watched: WatchedPass?

  init(_ step: TrainingStep, _ input: Tensor, _ target: Tensor, weight: Double?) throws {
    isWeighted = weight != nil && !step.options.detectsAnomalies
    if step.options.detectsAnomalies {
      let pass = try WatchedPass(step, input, target)
      (loss, output, gradients, watched) = (pass.loss, pass.output, pass.gradients, pass)
      return
    }
    output = step.model(input)
    loss = step.loss(output, target)
    if let error = loss.error { throw error }
    guard loss.rank == 0 else {
      throw StrataError(.shape, "training needs a loss of one number, got \(loss.shape)")
    }
    // The weight comes before the backward pass: where that sums over processes, as synchronised batch norm does,
    // each of them must bring in its loss with its own weight.
    var weighted = loss
    if let weight { weighted = loss * Tensor(HostTensor([Float(weight)], shape: [])).to(loss.dtype) }
    gradients = step.optimizer.gradients(of: weighted)
    watched = nil
  }

  /// Runs forward and backward, and throws where a watched value is not finite.
  func check(_ gradients: [Tensor?]) throws {
    if let watched {
      try watched.check(gradients)
    } else {
      try Tensor.evaluate([loss, output] + gradients.compactMap { $0 })
    }
  }
}
