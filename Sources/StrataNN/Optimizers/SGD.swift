import StrataCore
import StrataGraph

/// Stochastic gradient descent, with momentum where wanted (`torch.optim.SGD`).
public class SGD: Optimizer {
  init(groups: [Group], defaults: Settings) {
    precondition(
      !defaults.nesterov || defaults.momentum > 0 && defaults.dampening == 0,
      "Nesterov needs momentum and no dampening")
    super.init(groups, defaults: defaults)
  }

  /// Creates an optimiser of groups with PyTorch's defaults.
  public convenience init(
    groups: [Group], lr: Double = 1e-3, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0,
    nesterov: Bool = false, maximize: Bool = false
  ) {
    self.init(
      groups: groups,
      defaults: Settings(
        sgd: lr, momentum: momentum, dampening: dampening, weightDecay: weightDecay, nesterov: nesterov,
        maximize: maximize))
  }

  /// Creates an optimiser of all parameters of a network.
  public convenience init(
    _ model: Module, lr: Double = 1e-3, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0,
    nesterov: Bool = false, maximize: Bool = false
  ) {
    self.init(
      groups: [Group(model.namedParameters)], lr: lr, momentum: momentum, dampening: dampening,
      weightDecay: weightDecay, nesterov: nesterov, maximize: maximize)
  }

  public override var momentumSetting: WritableKeyPath<Settings, Double>? { \.momentum }

  public override func stateNames(_ settings: Settings) -> [String] {
    settings.momentum == 0 ? [] : ["momentum_buffer"]
  }

  public override func update(
    _ parameter: Tensor, _ gradient: Tensor, _ state: State, _ settings: Settings, _ numbers: StepNumbers
  ) -> Tensor {
    let pulled = pulled(gradient, parameter, state, settings, numbers)
    let direction = numbers.withMomentum(pulled, state, settings)
    return parameter - direction * numbers("lr", state, like: parameter) { settings, _ in settings.lr }
  }

  /// The gradient with the pull of weight decay.
  func pulled(
    _ gradient: Tensor, _ parameter: Tensor, _ state: State, _ settings: Settings, _ numbers: StepNumbers
  ) -> Tensor {
    numbers.decayed(gradient, parameter, state, settings)
  }
}

extension Optimizer.Settings {
  init(
    sgd lr: Double, momentum: Double, dampening: Double, weightDecay: Double, nesterov: Bool,
    maximize: Bool = false
  ) {
    self.init()
    self.lr = lr
    self.momentum = momentum
    self.dampening = dampening
    self.weightDecay = weightDecay
    self.nesterov = nesterov
    self.maximize = maximize
  }
}

extension Optimizer.StepNumbers {
  /// The gradient with the pull of weight decay.
  func decayed(
    _ gradient: Tensor, _ parameter: Tensor, _ state: Optimizer.State, _ settings: Optimizer.Settings
  ) -> Tensor {
    guard settings.weightDecay != 0 else { return gradient }
    return gradient + parameter
      * self("weightDecay", state, like: parameter) { settings, _ in settings.weightDecay }
  }

  /// The direction of a step that keeps a share of the last one.
  func withMomentum(_ gradient: Tensor, _ state: Optimizer.State, _ settings: Optimizer.Settings) -> Tensor {
    guard settings.momentum != 0 else { return gradient }
    let momentum = self("momentum", state, like: gradient) { settings, _ in settings.momentum }
    var added = gradient
    if settings.dampening != 0 {
      // The first step is not dampened.
      added = gradient * self("gain", state, like: gradient) { $1 == 1 ? 1 : 1 - $0.dampening }
    }
    let buffer = state.assign(
      "momentum_buffer", state.variable("momentum_buffer").tensor * momentum + added)
    return settings.nesterov ? gradient + buffer * momentum : buffer
  }
}
