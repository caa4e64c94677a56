import StrataCore
import StrataGraph

/// Steps scaled by running means of the gradient and of its square (`torch.optim.Adam`; Kingma and Ba 2014,
/// https://arxiv.org/abs/1412.6980).
public class Adam: Optimizer {
  private let isDecoupled: Bool

  init(groups: [Group], isDecoupled: Bool, defaults: Settings) {
    self.isDecoupled = isDecoupled
    super.init(groups, defaults: defaults)
  }

  /// Creates an optimiser of groups with PyTorch's defaults.
  public convenience init(
    groups: [Group], lr: Double = 1e-3, betas: Betas = Betas(0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, amsgrad: Bool = false, maximize: Bool = false
  ) {
    self.init(
      groups: groups, isDecoupled: false,
      defaults: Settings(
        adam: lr, betas: betas, eps: eps, weightDecay: weightDecay, amsgrad: amsgrad, maximize: maximize))
  }

  /// Creates an optimiser of all parameters of a network.
  public convenience init(
    _ model: Module, lr: Double = 1e-3, betas: Betas = Betas(0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, amsgrad: Bool = false, maximize: Bool = false
  ) {
    self.init(
      groups: [Group(model.namedParameters)], lr: lr, betas: betas, eps: eps, weightDecay: weightDecay,
      amsgrad: amsgrad, maximize: maximize)
  }

  public override var momentumSetting: WritableKeyPath<Settings, Double>? { \.betas.first }

  public override func stateNames(_ settings: Settings) -> [String] {
    settings.amsgrad ? ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"] : ["exp_avg", "exp_avg_sq"]
  }

  public override func update(
    _ parameter: Tensor, _ gradient: Tensor, _ state: State, _ settings: Settings, _ numbers: StepNumbers
  ) -> Tensor {
    var parameter = parameter
    var gradient = gradient
    if isDecoupled, settings.weightDecay != 0 {
      parameter *= numbers("kept", state, like: parameter) { settings, _ in
        1 - settings.lr * settings.weightDecay
      }
    } else {
      gradient = numbers.decayed(gradient, parameter, state, settings)
    }
    let (mean, square) = numbers.moments(gradient, state)
    var counted = square
    if settings.amsgrad {
      counted = state.assign("max_exp_avg_sq", state.variable("max_exp_avg_sq").tensor.maximum(square))
    }
    let scale = numbers("scale", state, like: parameter) { settings, step in
      1 / (1 - power(settings.betas.second, step)).squareRoot()
    }
    let stepSize = numbers("stepSize", state, like: parameter) { settings, step in
      settings.lr / (1 - power(settings.betas.first, step))
    }
    let eps = numbers("eps", state, like: parameter) { settings, _ in settings.eps }
    return parameter - mean / (counted.sqrt() * scale + eps) * stepSize
  }
}

/// Adam whose weight decay does not pass through the running means (`torch.optim.AdamW`; Loshchilov and Hutter
/// 2017, https://arxiv.org/abs/1711.05101).
public final class AdamW: Adam {
  /// Creates an optimiser of groups with PyTorch's defaults.
  public init(
    groups: [Group], lr: Double = 1e-3, betas: Betas = Betas(0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 1e-2, amsgrad: Bool = false, maximize: Bool = false
  ) {
    super.init(
      groups: groups, isDecoupled: true,
      defaults: Settings(
        adam: lr, betas: betas, eps: eps, weightDecay: weightDecay, amsgrad: amsgrad, maximize: maximize))
  }

  /// Creates an optimiser of all parameters of a network.
  public convenience init(
    _ model: Module, lr: Double = 1e-3, betas: Betas = Betas(0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 1e-2, amsgrad: Bool = false, maximize: Bool = false
  ) {
    self.init(
      groups: [Group(model.namedParameters)], lr: lr, betas: betas, eps: eps, weightDecay: weightDecay,
      amsgrad: amsgrad, maximize: maximize)
  }
}

extension Optimizer.Settings {
  init(
    adam lr: Double, betas: Optimizer.Betas, eps: Double, weightDecay: Double, amsgrad: Bool = false,
    maximize: Bool = false
  ) {
    self.init()
    self.lr = lr
    self.betas = betas
    self.eps = eps
    self.weightDecay = weightDecay
    self.amsgrad = amsgrad
    self.maximize = maximize
  }
}

extension Optimizer.StepNumbers {
  /// The next running means of a gradient and of its square.
  func moments(_ gradient: Tensor, _ state: Optimizer.State) -> (mean: Tensor, square: Tensor) {
    let beta1 = self("beta1", state, like: gradient) { settings, _ in settings.betas.first }
    let rest1 = self("rest1", state, like: gradient) { settings, _ in 1 - settings.betas.first }
    let beta2 = self("beta2", state, like: gradient) { settings, _ in settings.betas.second }
    let rest2 = self("rest2", state, like: gradient) { settings, _ in 1 - settings.betas.second }
    return (
      state.assign("exp_avg", state.variable("exp_avg").tensor * beta1 + gradient * rest1),
      state.assign("exp_avg_sq", state.variable("exp_avg_sq").tensor * beta2 + gradient.square() * rest2)
    )
  }
}

/// A number to a whole power.
func power(_ base: Double, _ exponent: Int) -> Double {
  var (result, factor, rest) = (1.0, base, exponent)
  while rest > 0 {
    if rest & 1 == 1 { result *= factor }
    factor *= factor
    rest >>= 1
  }
  return result
}
