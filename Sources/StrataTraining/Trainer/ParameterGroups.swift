import StrataCore
import StrataNN

/// Which parameters change, how fast, and which of them decay.
struct ParameterGroups {
  /// A factor on the learning rate for the parameters that a pattern means.
  struct Scale {
    let pattern: String
    let factor: Double

    /// Reads `features=0.1`.
    init(_ text: String) throws(StrataError) {
      let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2, let factor = Double(parts[1]), factor >= 0, factor.isFinite else {
        throw StrataError(
          .argument, "a factor on the learning rate is written as in features=0.1, not \(text)")
      }
      (pattern, self.factor) = (parts[0], factor)
    }
  }

  /// Whether a name is meant by a pattern, in which `*` stands for any text; one that names a module means
  /// everything in it.
  static func matches(_ name: String, _ pattern: String) -> Bool {
    name.matches(pattern: pattern) || name.matches(pattern: pattern + ".*")
  }

  /// Refuses patterns that mean nothing.
  static func check(_ patterns: [String], in model: Module) throws(StrataError) {
    let names = model.namedParameters.map(\.name)
    for pattern in patterns where !names.contains(where: { matches($0, pattern) }) {
      let places = model.namedModules.map(\.name).filter { !$0.isEmpty } + names
      throw StrataError(
        .argument,
        "no parameter of \(model.typeName) fits `\(pattern)`\(suggestion(for: pattern, among: places))")
    }
  }

  /// The optimiser that options describe.
  static func optimizer(for model: Module, _ options: TrainingOptions) throws(StrataError) -> Optimizer {
    var scales: [Scale] = []
    for text in options.rateScales { scales.append(try Scale(text)) }
    try check(scales.map(\.pattern), in: model)
    struct Key: Hashable {
      let factor: Double
      let decays: Bool
    }
    var order: [Key] = []
    var parts: [Key: [(name: String, parameter: Parameter)]] = [:]
    for (name, parameter) in model.namedParameters {
      let key = Key(
        factor: scales.first { matches(name, $0.pattern) }?.factor ?? 1,
        // As timm has it: whatever has one axis is a bias or belongs to a norm.
        decays: !options.sparesNorms || parameter.shape.rank > 1)
      if parts[key] == nil { order.append(key) }
      parts[key, default: []].append((name, parameter))
    }
    let groups = order.map { key in
      Optimizer.Group(parts[key] ?? []) { settings in
        settings.lr *= key.factor
        if !key.decays { settings.weightDecay = 0 }
      }
    }
    guard !groups.isEmpty else { throw StrataError(.argument, "\(model.typeName) has nothing to train") }
    return make(groups, options)
  }

  private static func make(_ groups: [Optimizer.Group], _ options: TrainingOptions) -> Optimizer {
    let (lr, decay, momentum) = (options.highestRate, options.decay, options.momentum)
    let betas =
      options.betas.count == 2
      ? Optimizer.Betas(options.betas[0], options.betas[1]) : Optimizer.Betas(0.9, 0.999)
    let eps = options.epsilon ?? options.optimizer.epsilon
    switch options.optimizer {
    case .sgd:
      return SGD(
        groups: groups, lr: lr, momentum: momentum, weightDecay: decay, nesterov: options.isNesterov)
    case .adam: return Adam(groups: groups, lr: lr, betas: betas, eps: eps, weightDecay: decay)
    case .adamw: return AdamW(groups: groups, lr: lr, betas: betas, eps: eps, weightDecay: decay)
    case .rmsprop:
      return RMSprop(groups: groups, lr: lr, eps: eps, weightDecay: decay, momentum: momentum)
    case .adagrad: return Adagrad(groups: groups, lr: lr, weightDecay: decay, eps: eps)
    case .lars:
      return LARS(
        groups: groups, lr: lr, momentum: momentum, weightDecay: decay, nesterov: options.isNesterov, eps: eps
      )
    case .lamb: return LAMB(groups: groups, lr: lr, betas: betas, eps: eps, weightDecay: decay)
    }
  }

  /// Lets the outermost modules that patterns mean compute their values again on the way back.
  static func recompute(_ patterns: [String], in model: Module) throws(StrataError) {
    let modules = model.namedModules.filter { !$0.name.isEmpty }
    var chosen: [String] = []
    for pattern in patterns {
      let found = modules.filter { $0.name.matches(pattern: pattern) }
      guard !found.isEmpty else {
        throw StrataError(
          .argument,
          "no module of \(model.typeName) fits `\(pattern)`"
            + suggestion(for: pattern, among: modules.map(\.name)))
      }
      chosen += found.map(\.name)
    }
    for (name, module) in modules where chosen.contains(name) {
      // A part that computes again by itself would keep what its whole is to forget.
      let isInner = chosen.contains { name.hasPrefix($0 + ".") }
      if !isInner { module.recomputesActivations = true }
    }
  }
}

extension OptimizerName {
  /// What PyTorch, and timm for LARS and LAMB, add to the divisor.
  fileprivate var epsilon: Double {
    switch self {
    case .sgd, .adam, .adamw, .rmsprop, .lars: 1e-8
    case .adagrad: 1e-10
    case .lamb: 1e-6
    }
  }
}
