import StrataCore
import StrataGraph

/// The squared difference (`torch.nn.MSELoss`). Both tensors have one shape.
public final class MSELoss: Loss {
  public override func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    mseLoss(input, target, reduction: reduction)
  }
}

/// The distance (`torch.nn.L1Loss`). Both tensors have one shape.
public final class L1Loss: Loss {
  public override func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    l1Loss(input, target, reduction: reduction)
  }
}

/// The squared difference near zero and the distance beyond `beta` (`torch.nn.SmoothL1Loss`; Girshick 2015,
/// https://arxiv.org/abs/1504.08083). Both tensors have one shape.
public final class SmoothL1Loss: Loss {
  /// Where the square ends and the line begins.
  public let beta: Double

  /// Creates a loss with PyTorch's defaults.
  public init(reduction: LossReduction = .mean, beta: Double = 1) {
    precondition(beta >= 0, "SmoothL1Loss: beta must not be negative, got \(beta)")
    self.beta = beta
    super.init(reduction: reduction)
  }

  public override func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    smoothL1Loss(input, target, reduction: reduction, beta: beta)
  }
}

/// The cross entropy of yes-or-no questions, from scores before the sigmoid (`torch.nn.BCEWithLogitsLoss`).
///
/// Both tensors have one shape; targets are floating-point numbers from 0 to 1.
public final class BCEWithLogitsLoss: Loss {
  /// The weight of each element; it broadcasts.
  public let weight: StateBuffer?
  // swift-format-ignore: AlwaysUseLowerCamelCase
  /// The weight of positive answers; it broadcasts.
  public let pos_weight: StateBuffer?

  /// Creates a loss with PyTorch's defaults.
  public init(
    weight: HostTensor? = nil, reduction: LossReduction = .mean, posWeight: HostTensor? = nil
  ) {
    self.weight = weight.map { StateBuffer($0) }
    pos_weight = posWeight.map { StateBuffer($0) }
    super.init(reduction: reduction)
  }

  public override func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    binaryCrossEntropyWithLogits(
      input, target, weight: weight?.tensor, reduction: reduction, posWeight: pos_weight?.tensor)
  }
}

/// The divergence of a distribution from a target (`torch.nn.KLDivLoss`).
///
/// The input holds logarithmic probabilities, the target probabilities, or their logarithms where `logTarget`.
public final class KLDivLoss: Loss {
  /// Whether the target holds logarithms.
  public let logTarget: Bool
  /// Whether the sum is divided by the first axis' size (`batchmean`), as the definition wants, and not by the
  /// number of elements.
  public let isBatchMean: Bool

  /// Creates a loss with PyTorch's defaults.
  public init(reduction: LossReduction = .mean, batchMean: Bool = false, logTarget: Bool = false) {
    self.logTarget = logTarget
    isBatchMean = batchMean
    super.init(reduction: batchMean ? .sum : reduction)
  }

  public override func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    klDiv(input, target, reduction: reduction, batchMean: isBatchMean, logTarget: logTarget)
  }
}

/// The loss of `MSELoss` (`torch.nn.functional.mse_loss`).
public func mseLoss(_ input: Tensor, _ target: Tensor, reduction: LossReduction = .mean) -> Tensor {
  compared("MSE", input, target) { reduction(($0 - $1).square()) }
}

/// The loss of `L1Loss` (`torch.nn.functional.l1_loss`).
public func l1Loss(_ input: Tensor, _ target: Tensor, reduction: LossReduction = .mean) -> Tensor {
  compared("L1", input, target) { reduction(($0 - $1).abs()) }
}

/// The loss of `SmoothL1Loss` (`torch.nn.functional.smooth_l1_loss`).
public func smoothL1Loss(
  _ input: Tensor, _ target: Tensor, reduction: LossReduction = .mean, beta: Double = 1
) -> Tensor {
  guard beta > 0 else { return l1Loss(input, target, reduction: reduction) }
  return compared("smooth L1", input, target) { input, target in
    let difference = input - target
    let distance = difference.abs()
    return reduction(
      Tensor.where(distance .< beta, difference.square() * (0.5 / beta), distance - 0.5 * beta))
  }
}

/// The loss of `BCEWithLogitsLoss` (`torch.nn.functional.binary_cross_entropy_with_logits`).
public func binaryCrossEntropyWithLogits(
  _ input: Tensor, _ target: Tensor, weight: Tensor? = nil, reduction: LossReduction = .mean,
  posWeight: Tensor? = nil
) -> Tensor {
  compared("BCE with logits", input, target) { x, t in
    // log(1 + e⁻ˣ) without overflow.
    let softplus = ((-x.abs()).exp() + 1).log() + (-x).maximum(0)
    let ofPositive = posWeight.map { t * ($0 - 1) + 1 }
    let losses = (1 - t) * x + (ofPositive.map { $0 * softplus } ?? softplus)
    return reduction(weight.map { losses * $0 } ?? losses)
  }
}

/// The loss of `KLDivLoss` (`torch.nn.functional.kl_div`).
public func klDiv(
  _ input: Tensor, _ target: Tensor, reduction: LossReduction = .mean, batchMean: Bool = false,
  logTarget: Bool = false
) -> Tensor {
  compared("KL divergence", input, target) { input, target in
    let losses: Tensor
    if logTarget {
      losses = target.exp() * (target - input)
    } else {
      // 0 · log 0 is 0, and its slope must be no NaN either.
      let isPositive = target .> 0
      let safe = Tensor.where(isPositive, target, 1)
      losses = Tensor.where(isPositive, target * safe.log(), 0) - target * input
    }
    guard batchMean else { return reduction(losses) }
    return losses.sum() / Double(input.rank == 0 ? 1 : input.shape[0])
  }
}

/// Applies `loss` where both tensors are floating point and of one shape.
private func compared(
  _ name: String, _ input: Tensor, _ target: Tensor, _ loss: (Tensor, Tensor) -> Tensor
) -> Tensor {
  if let error = input.error ?? target.error { return .invalid(error) }
  guard input.dtype.isFloatingPoint, target.dtype.isFloatingPoint, input.shape == target.shape else {
    return lossMistake(
      name, "expects two floating-point tensors of one shape, got \(input.type) and \(target.type)")
  }
  return loss(input, target)
}
