import StrataGraph

/// How the losses of the elements of a batch become one number (`reduction` of `torch.nn`'s losses).
public enum LossReduction: String, Sendable, Hashable, CaseIterable {
  /// They do not: one loss an element.
  case none
  /// Their mean; a weighted one where there are weights.
  case mean
  /// Their sum.
  case sum

  func callAsFunction(_ losses: Tensor) -> Tensor {
    switch self {
    case .none: losses
    case .mean: losses.mean()
    case .sum: losses.sum()
    }
  }

  /// The mean is by a sum of weights.
  func callAsFunction(_ losses: Tensor, weights: Tensor) -> Tensor {
    switch self {
    case .none: losses
    case .mean: losses.sum() / weights.sum()
    case .sum: losses.sum()
    }
  }
}

/// The base of losses: modules that compare a network's result with a target (`torch.nn.modules.loss._Loss`).
open class Loss: Module {
  /// How the losses of the elements become one number.
  public let reduction: LossReduction

  /// Creates a loss.
  public init(reduction: LossReduction = .mean) {
    self.reduction = reduction
    super.init()
  }

  /// Computes the loss; subclasses override it.
  open func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    mistake(.argument, "is a loss that overrides no callAsFunction(_:_:)")
  }

  open override func forward(_ x: Tensor) -> Tensor {
    mistake(.argument, "compares two tensors: call it with the network's result and the target")
  }
}
