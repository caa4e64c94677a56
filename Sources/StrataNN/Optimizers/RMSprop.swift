import StrataCore
import StrataGraph

/// Steps divided by a running mean of the gradient's size (`torch.optim.RMSprop`).
public final class RMSprop: Optimizer {
  /// Creates an optimiser of groups with PyTorch's defaults.
  public init(
    groups: [Group], lr: Double = 1e-2, alpha: Double = 0.99, eps: Double = 1e-8, weightDecay: Double = 0,
    momentum: Double = 0, centered: Bool = false, maximize: Bool = false
  ) {
    var settings = Settings()
    settings.lr = lr
    settings.alpha = alpha
    settings.eps = eps
    settings.weightDecay = weightDecay
    settings.momentum = momentum
    settings.centered = centered
    settings.maximize = maximize
    super.init(groups, defaults: settings)
  }

  /// Creates an optimiser of all parameters of a network.
  public convenience init(
    _ model: Module, lr: Double = 1e-2, alpha: Double = 0.99, eps: Double = 1e-8, weightDecay: Double = 0,
    momentum: Double = 0, centered: Bool = false, maximize: Bool = false
  ) {
    self.init(
      groups: [Group(model.namedParameters)], lr: lr, alpha: alpha, eps: eps, weightDecay: weightDecay,
      momentum: momentum, centered: centered, maximize: maximize)
  }

  public override var momentumSetting: WritableKeyPath<Settings, Double>? { \.momentum }

  public override func stateNames(_ settings: Settings) -> [String] {
    ["square_avg"] + (settings.momentum > 0 ? ["momentum_buffer"] : [])
      + (settings.centered ? ["grad_avg"] : [])
  }

  public override func update(
    _ parameter: Tensor, _ gradient: Tensor, _ state: State, _ settings: Settings, _ numbers: StepNumbers
  ) -> Tensor {
    let gradient = numbers.decayed(gradient, parameter, state, settings)
    let alpha = numbers("alpha", state, like: parameter) { settings, _ in settings.alpha }
    let rest = numbers("rest", state, like: parameter) { settings, _ in 1 - settings.alpha }
    let eps = numbers("eps", state, like: parameter) { settings, _ in settings.eps }
    var square = state.assign(
      "square_avg", state.variable("square_avg").tensor * alpha + gradient.square() * rest)
    if settings.centered {
      let mean = state.assign("grad_avg", state.variable("grad_avg").tensor * alpha + gradient * rest)
      square -= mean.square()
    }
    let scaled = gradient / (square.sqrt() + eps)
    let lr = numbers("lr", state, like: parameter) { settings, _ in settings.lr }
    guard settings.momentum > 0 else { return parameter - scaled * lr }
    let momentum = numbers("momentum", state, like: parameter) { settings, _ in settings.momentum }
    let buffer = state.assign(
      "momentum_buffer", state.variable("momentum_buffer").tensor * momentum + scaled)
    return parameter - buffer * lr
  }
}

/// Steps divided by the size of all gradients so far (`torch.optim.Adagrad`; Duchi et al. 2011).
public final class Adagrad: Optimizer {
  /// Creates an optimiser of groups with PyTorch's defaults.
  public init(
    groups: [Group], lr: Double = 1e-2, lrDecay: Double = 0, weightDecay: Double = 0,
    initialAccumulatorValue: Double = 0, eps: Double = 1e-10, maximize: Bool = false
  ) {
    var settings = Settings()
    settings.lr = lr
    settings.lrDecay = lrDecay
    settings.weightDecay = weightDecay
    settings.initialAccumulatorValue = initialAccumulatorValue
    settings.eps = eps
    settings.maximize = maximize
    super.init(groups, defaults: settings)
  }

  /// Creates an optimiser of all parameters of a network.
  public convenience init(
    _ model: Module, lr: Double = 1e-2, lrDecay: Double = 0, weightDecay: Double = 0,
    initialAccumulatorValue: Double = 0, eps: Double = 1e-10, maximize: Bool = false
  ) {
    self.init(
      groups: [Group(model.namedParameters)], lr: lr, lrDecay: lrDecay, weightDecay: weightDecay,
      initialAccumulatorValue: initialAccumulatorValue, eps: eps, maximize: maximize)
  }

  public override func stateNames(_ settings: Settings) -> [String] { ["sum"] }

  public override func update(
    _ parameter: Tensor, _ gradient: Tensor, _ state: State, _ settings: Settings, _ numbers: StepNumbers
  ) -> Tensor {
    let gradient = numbers.decayed(gradient, parameter, state, settings)
    let known = state.variable("sum", initial: settings.initialAccumulatorValue).tensor
    let sum = state.assign("sum", known + gradient.square())
    let lr = numbers("lr", state, like: parameter) { $0.lr / (1 + Double($1 - 1) * $0.lrDecay) }
    let eps = numbers("eps", state, like: parameter) { settings, _ in settings.eps }
    return parameter - gradient / (sum.sqrt() + eps) * lr
  }
}
