import StrataCore
import StrataGraph

/// Adam's steps, each layer's scaled to its weights' norm, for large batches (You et al. 2019,
/// https://arxiv.org/abs/1904.00962).
///
/// As in timm, a group without weight decay, commonly biases and norms, is not scaled.
public final class LAMB: Optimizer {
  /// Creates an optimiser of groups.
  public init(
    groups: [Group], lr: Double = 1e-3, betas: Betas = Betas(0.9, 0.999), eps: Double = 1e-6,
    weightDecay: Double = 0.01
  ) {
    super.init(groups, defaults: Settings(adam: lr, betas: betas, eps: eps, weightDecay: weightDecay))
  }

  /// Creates an optimiser of all parameters of a network.
  public convenience init(
    _ model: Module, lr: Double = 1e-3, betas: Betas = Betas(0.9, 0.999), eps: Double = 1e-6,
    weightDecay: Double = 0.01
  ) {
    self.init(
      groups: [Group(model.namedParameters)], lr: lr, betas: betas, eps: eps, weightDecay: weightDecay)
  }

  public override var momentumSetting: WritableKeyPath<Settings, Double>? { \.betas.first }

  public override func stateNames(_ settings: Settings) -> [String] { ["exp_avg", "exp_avg_sq"] }

  public override func update(
    _ parameter: Tensor, _ gradient: Tensor, _ state: State, _ settings: Settings, _ numbers: StepNumbers
  ) -> Tensor {
    let (mean, square) = numbers.moments(gradient, state)
    let scale1 = numbers("scale1", state, like: parameter) { settings, step in
      1 / (1 - power(settings.betas.first, step))
    }
    let scale2 = numbers("scale2", state, like: parameter) { settings, step in
      1 / (1 - power(settings.betas.second, step)).squareRoot()
    }
    let eps = numbers("eps", state, like: parameter) { settings, _ in settings.eps }
    let lr = numbers("lr", state, like: parameter) { settings, _ in settings.lr }
    let direction = mean * scale1 / (square.sqrt() * scale2 + eps)
    guard settings.weightDecay != 0 else { return parameter - direction * lr }
    let pulled = numbers.decayed(direction, parameter, state, settings)
    return parameter - pulled * (parameter.trust(pulled.norm()) * lr)
  }
}

/// Stochastic gradient descent whose steps are scaled, layer by layer, to the weights' norm, for large batches
/// (You et al. 2017, https://arxiv.org/abs/1708.03888).
///
/// As in timm, a group without weight decay, commonly biases and norms, is not scaled.
public final class LARS: SGD {
  /// Creates an optimiser of groups.
  public init(
    groups: [Group], lr: Double = 1, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0,
    nesterov: Bool = false, trustCoefficient: Double = 1e-3, eps: Double = 1e-8
  ) {
    var settings = Settings(
      sgd: lr, momentum: momentum, dampening: dampening, weightDecay: weightDecay, nesterov: nesterov)
    settings.trustCoefficient = trustCoefficient
    settings.eps = eps
    super.init(groups: groups, defaults: settings)
  }

  /// Creates an optimiser of all parameters of a network.
  public convenience init(
    _ model: Module, lr: Double = 1, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0,
    nesterov: Bool = false, trustCoefficient: Double = 1e-3, eps: Double = 1e-8
  ) {
    self.init(
      groups: [Group(model.namedParameters)], lr: lr, momentum: momentum, dampening: dampening,
      weightDecay: weightDecay, nesterov: nesterov, trustCoefficient: trustCoefficient, eps: eps)
  }

  override func pulled(
    _ gradient: Tensor, _ parameter: Tensor, _ state: State, _ settings: Settings, _ numbers: StepNumbers
  ) -> Tensor {
    guard settings.weightDecay != 0 else { return gradient }
    let decay = numbers("weightDecay", state, like: parameter) { settings, _ in settings.weightDecay }
    let eps = numbers("eps", state, like: parameter) { settings, _ in settings.eps }
    let share = numbers("trust", state, like: parameter) { settings, _ in settings.trustCoefficient }
    let (own, other) = (parameter.norm(), gradient.norm())
    let ratio = own * share / (other + own * decay + eps)
    let trust = Tensor.where((own .> 0) .& (other .> 0), ratio, 1)
    return numbers.decayed(gradient, parameter, state, settings) * trust
  }
}

extension Tensor {
  /// The Euclidean norm of all elements: the root of the sum of squares.
  func norm() -> Tensor { square().sum().sqrt() }

  /// The norm of these weights over a step's norm, 1 where either is 0.
  fileprivate func trust(_ step: Tensor) -> Tensor {
    let own = norm()
    return Tensor.where((own .> 0) .& (step .> 0), own / step, 1)
  }
}
