import StrataCore
import StrataGraph

// The state is a dictionary of tensors, so that it can be written into the same kinds of files as weights.
extension Optimizer {
  /// Everything that the next steps depend on besides the parameters (`state_dict`).
  ///
  /// A part of a parameter's state is called by both names, `layer1.0.conv1.weight.momentum_buffer`; its `step` is
  /// the number of steps it has made. Settings are `param_groups.0.lr`, float64 without axes. Updates that wait
  /// are run.
  public final func stateDict() throws(StrataError) -> StateDict {
    var result = StateDict([])
    for (index, group) in groups.enumerated() {
      for (name, parameter) in group.parameters {
        guard let state = state(of: parameter), state.stepCount > 0 else { continue }
        result["\(name).step"] = HostTensor([Float(state.stepCount)], shape: [])
        for part in stateNames(group.settings) {
          result["\(name).\(part)"] = try state.variable(part).value()
        }
      }
      for (name, value) in group.settings.numbers {
        result["param_groups.\(index).\(name)"] = HostTensor([value], shape: [])
      }
      if let initial = group.initialLR {
        result["param_groups.\(index).initial_lr"] = HostTensor([initial], shape: [])
      }
    }
    return result
  }

  /// Takes over a state that `stateDict` gave (`load_state_dict`), for groups of the same parameters.
  ///
  /// - Throws: A `StrataError` that names what is missing or does not fit; then nothing was changed.
  public final func loadStateDict(_ dictionary: StateDict) throws(StrataError) {
    var loads: [() -> Void] = []
    for (index, group) in groups.enumerated() {
      for (name, parameter) in group.parameters {
        guard let state = state(of: parameter) else { continue }
        loads.append { state.forget() }
        guard let step = dictionary["\(name).step"]?.scalars(as: Double.self).first else { continue }
        loads.append { state.stepCount = Int(step) }
        for part in stateNames(group.settings) {
          let value = try required("\(name).\(part)", in: dictionary)
          guard value.shape == parameter.shape else {
            throw StrataError(
              .format,
              "the optimiser's state `\(name).\(part)` has shape \(value.shape), expected \(parameter.shape)")
          }
          loads.append { state.variable(part).store(value.converted(to: parameter.dtype)) }
        }
      }
      var settings = group.settings
      for name in Settings.numberNames {
        guard let path = Settings.path(name) else { continue }
        let value = try required("param_groups.\(index).\(name)", in: dictionary)
        settings[keyPath: path] = try number(value, name)
      }
      let initial = try dictionary["param_groups.\(index).initial_lr"].map { value throws(StrataError) in
        try number(value, "initial_lr")
      }
      loads.append { [settings] in
        group.settings = settings
        group.initialLR = initial
      }
    }
    for load in loads { load() }
  }

  private func required(_ name: String, in dictionary: StateDict) throws(StrataError) -> HostTensor {
    if let value = dictionary[name] { return value }
    throw StrataError(
      .format, "the optimiser's state has no `\(name)`; it belongs to other parameters or settings")
  }

  private func number(_ value: HostTensor, _ name: String) throws(StrataError) -> Double {
    guard value.elementCount == 1 else {
      throw StrataError(
        .format, "the optimiser's setting `\(name)` has shape \(value.shape), expected one number")
    }
    return value.scalars(as: Double.self)[0]
  }
}

extension Optimizer.Settings {
  /// The settings that are numbers, by torch.optim's names.
  static let numberNames = [
    "lr", "momentum", "dampening", "weight_decay", "beta1", "beta2", "eps", "alpha", "lr_decay",
    "trust_coefficient",
  ]

  static func path(_ name: String) -> WritableKeyPath<Self, Double>? {
    switch name {
    case "lr": \.lr
    case "momentum": \.momentum
    case "dampening": \.dampening
    case "weight_decay": \.weightDecay
    case "beta1": \.betas.first
    case "beta2": \.betas.second
    case "eps": \.eps
    case "alpha": \.alpha
    case "lr_decay": \.lrDecay
    case "trust_coefficient": \.trustCoefficient
    default: nil
    }
  }

  var numbers: [(name: String, value: Double)] {
    Self.numberNames.compactMap { name in Self.path(name).map { (name, self[keyPath: $0]) } }
  }
}
