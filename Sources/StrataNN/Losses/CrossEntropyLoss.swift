import StrataCore
import StrataGraph

/// The negative logarithm of the probability that scores give to the right class (`torch.nn.CrossEntropyLoss`).
///
/// Scores `[N, C]` or `[N, C, d1, …]`, without a softmax; targets are classes, int64 `[N]` or `[N, d1, …]`, or
/// probabilities of the scores' shape, as mixup gives them.
public final class CrossEntropyLoss: Loss {
  /// The weight of each class, `[C]`.
  public let weight: StateBuffer?
  /// The target that does not count.
  public let ignoreIndex: Int
  /// The share of a target's probability that is spread over all classes.
  public let labelSmoothing: Double

  /// Creates a loss with PyTorch's defaults.
  public init(
    weight: HostTensor? = nil, ignoreIndex: Int = -100, reduction: LossReduction = .mean,
    labelSmoothing: Double = 0
  ) {
    self.weight = weight.map { StateBuffer($0) }
    self.ignoreIndex = ignoreIndex
    self.labelSmoothing = labelSmoothing
    super.init(reduction: reduction)
  }

  public override func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    crossEntropy(
      input, target, weight: weight?.tensor, ignoreIndex: ignoreIndex, reduction: reduction,
      labelSmoothing: labelSmoothing)
  }
}

/// The negative of the logarithmic probability of the right class (`torch.nn.NLLLoss`).
///
/// Logarithmic probabilities `[N, C]` or `[N, C, d1, …]`; targets are classes, int64 `[N]` or `[N, d1, …]`.
public final class NLLLoss: Loss {
  /// The weight of each class, `[C]`.
  public let weight: StateBuffer?
  /// The target that does not count.
  public let ignoreIndex: Int

  /// Creates a loss with PyTorch's defaults.
  public init(weight: HostTensor? = nil, ignoreIndex: Int = -100, reduction: LossReduction = .mean) {
    self.weight = weight.map { StateBuffer($0) }
    self.ignoreIndex = ignoreIndex
    super.init(reduction: reduction)
  }

  public override func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    nllLoss(input, target, weight: weight?.tensor, ignoreIndex: ignoreIndex, reduction: reduction)
  }
}

/// The loss of `CrossEntropyLoss` (`torch.nn.functional.cross_entropy`).
public func crossEntropy(
  _ input: Tensor, _ target: Tensor, weight: Tensor? = nil, ignoreIndex: Int = -100,
  reduction: LossReduction = .mean, labelSmoothing: Double = 0
) -> Tensor {
  if let error = input.error ?? target.error ?? weight?.error { return .invalid(error) }
  guard (0...1).contains(labelSmoothing) else {
    return lossMistake("cross entropy", "label smoothing lies between 0 and 1, got \(labelSmoothing)")
  }
  guard input.dtype.isFloatingPoint, input.rank >= 1 else {
    return lossMistake("cross entropy", "expects floating-point scores [N, C, …], got \(input.type)")
  }
  let logarithms = input.logSoftmax(dim: input.rank == 1 ? 0 : 1)
  guard target.dtype.isFloatingPoint else {
    let plain = nllLoss(
      logarithms, target, weight: weight, ignoreIndex: ignoreIndex, reduction: reduction)
    guard labelSmoothing > 0, plain.error == nil else { return plain }
    let classes = ClassTargets(logarithms, target, weight: weight, ignoreIndex: ignoreIndex)
    let spread = classes.smooth(reduction) * (labelSmoothing / Double(classes.count))
    return plain * (1 - labelSmoothing) + spread
  }
  guard target.shape == input.shape else {
    return lossMistake(
      "cross entropy", "expects class probabilities of the scores' shape \(input.shape), got \(target.shape)")
  }
  let axis = input.rank == 1 ? 0 : 1
  let classes = input.shape[axis]
  let smoothed =
    labelSmoothing > 0 ? target * (1 - labelSmoothing) + labelSmoothing / Double(classes) : target
  var terms = -(logarithms * smoothed)
  if let weight {
    guard weight.shape == [classes] else { return weightMistake(weight, classes) }
    terms = terms * weight.alongClasses(of: input)
  }
  let losses = terms.sum(dim: axis)
  // Weights of probabilities do not change what a mean divides by.
  return reduction(losses)
}

/// The loss of `NLLLoss` (`torch.nn.functional.nll_loss`).
public func nllLoss(
  _ input: Tensor, _ target: Tensor, weight: Tensor? = nil, ignoreIndex: Int = -100,
  reduction: LossReduction = .mean
) -> Tensor {
  if let error = input.error ?? target.error ?? weight?.error { return .invalid(error) }
  guard input.dtype.isFloatingPoint, input.rank >= 1 else {
    return lossMistake("NLL", "expects floating-point logarithmic probabilities [N, C, …], got \(input.type)")
  }
  let axis = input.rank == 1 ? 0 : 1
  let classes = input.shape[axis]
  var expected = input.shape.sizes
  expected.remove(at: axis)
  guard !target.dtype.isFloatingPoint, target.dtype != .bool, target.shape.sizes == expected else {
    return lossMistake(
      "class loss",
      "expects a class for each row of scores \(input.shape), integers \(Shape(expected)), got \(target.type)"
    )
  }
  if let weight, weight.shape != [classes] { return weightMistake(weight, classes) }
  if let error = unknownClass(in: target, classes, ignoreIndex) { return error }
  let targets = ClassTargets(input, target, weight: weight, ignoreIndex: ignoreIndex)
  return reduction(targets.losses, weights: targets.weights)
}

private func weightMistake(_ weight: Tensor, _ classes: Int) -> Tensor {
  lossMistake("class loss", "expects a weight for each of \(classes) classes, got \(weight.shape)")
}

/// A target that is known already and names no class; PyTorch reports it too, while a graph would count it as 0.
private func unknownClass(in target: Tensor, _ classes: Int, _ ignoreIndex: Int) -> Tensor? {
  guard let known = target.knownValue else { return nil }
  let numbers = known.scalars(as: Int64.self)
  guard
    let place = numbers.firstIndex(where: { !(0..<Int64(classes)).contains($0) && $0 != Int64(ignoreIndex) })
  else { return nil }
  return lossMistake(
    "class loss", "target \(numbers[place]) at position \(place) is none of the \(classes) classes")
}

func lossMistake(_ name: String, _ message: String) -> Tensor {
  .invalid(StrataError(.shape, "\(name): \(message)"))
}

/// Logarithmic probabilities beside the classes that they should favour.
private struct ClassTargets {
  let logarithms: Tensor
  let target: Tensor
  let weight: Tensor?
  let ignored: Tensor
  let axis: Int
  let count: Int

  init(_ logarithms: Tensor, _ target: Tensor, weight: Tensor?, ignoreIndex: Int) {
    self.logarithms = logarithms
    self.target = target.to(.int64)
    self.weight = weight
    axis = logarithms.rank == 1 ? 0 : 1
    count = logarithms.shape[axis]
    ignored = self.target.equal(to: Double(ignoreIndex))
  }

  /// Where the class is the target's: `[N, C, …]`; nowhere for a target that is ignored.
  private var isTarget: Tensor {
    let numbers = Tensor.arange(Double(count), dtype: .int64).alongClasses(of: logarithms)
    return (numbers .== target.unsqueeze(dim: axis)) .& (.!ignored).unsqueeze(dim: axis)
  }

  /// What each target counts: its class's weight, or 0.
  var weights: Tensor {
    guard let weight else { return (.!ignored).to(logarithms.dtype) }
    return Tensor.where(isTarget, weight.alongClasses(of: logarithms), 0).sum(dim: axis)
  }

  /// The weighted negative logarithm for each target.
  var losses: Tensor {
    let picked = -Tensor.where(isTarget, logarithms, 0).sum(dim: axis)
    return weight == nil ? picked : picked * weights
  }

  /// The sum over all classes, as label smoothing counts it.
  func smooth(_ reduction: LossReduction) -> Tensor {
    let terms = weight.map { logarithms * $0.alongClasses(of: logarithms) } ?? logarithms
    let losses = Tensor.where(ignored, 0, -terms.sum(dim: axis))
    return reduction(losses, weights: weights)
  }
}

extension Tensor {
  /// One number a class, shaped to broadcast against scores.
  fileprivate func alongClasses(of scores: Tensor) -> Tensor {
    scores.rank <= 2 ? self : reshape([-1] + [Int](repeating: 1, count: scores.rank - 2))
  }
}
