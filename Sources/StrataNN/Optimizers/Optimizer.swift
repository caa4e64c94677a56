import StrataCore
import StrataGraph

/// The base of optimisers (`torch.optim.Optimizer`).
///
/// `step` computes nothing: it makes each parameter's next value an update of the graph that the gradients belong
/// to. Evaluating the loss then runs forward, backward and update as one plan:
///
///     let optimizer = SGD(model, lr: 0.1, momentum: 0.9)
///     let loss = crossEntropy(model(images), labels)
///     optimizer.minimize(loss)
///     try loss.evaluate()
///
/// Settings such as the learning rate are operands of that plan: a schedule may change them without a new one.
/// A frozen parameter, and one that the loss does not depend on, stays as it is, with its state.
open class Optimizer {
  /// The groups of parameters, in order.
  public private(set) var groups: [Group] = []
  private let defaults: Settings
  private var states: [ObjectIdentifier: State] = [:]
  private var names: Set<String> = []

  /// Creates an optimiser; settings that a group does not change are `defaults`.
  public init(_ groups: [Group], defaults: Settings) {
    self.defaults = defaults
    for group in groups { add(group) }
  }

  /// Adds a group, such as layers that were just unfrozen (`add_param_group`).
  public final func add(_ group: Group) {
    group.settings = defaults
    group.change(&group.settings)
    for (name, parameter) in group.parameters {
      precondition(names.insert(name).inserted, "two parameters of an optimiser are called `\(name)`")
      let key = ObjectIdentifier(parameter)
      precondition(states[key] == nil, "the parameter `\(name)` is in two groups of an optimiser")
      states[key] = State(of: parameter)
    }
    groups.append(group)
  }

  /// The parameters that a step changes: all but frozen ones, group by group. `step` takes gradients in this order.
  public final var trainableParameters: [(name: String, parameter: Parameter)] {
    groups.flatMap { $0.parameters.filter(\.parameter.requiresGrad) }
  }

  /// The gradients of a loss for `trainableParameters`; nil for one that the loss does not depend on.
  public final func gradients(of loss: Tensor) -> [Tensor?] {
    usedGradients(of: loss, wrt: trainableParameters.map(\.parameter.tensor))
  }

  /// Makes the next values of the parameters updates of the gradients' graph.
  ///
  /// - Parameter gradients: One for each of `trainableParameters`; nil leaves the parameter as it is. An invalid
  ///   one changes nothing, and evaluating it throws.
  public final func step(_ gradients: [Tensor?]) {
    precondition(
      gradients.count == trainableParameters.count,
      "\(gradients.count) gradients came for \(trainableParameters.count) parameters")
    if gradients.contains(where: { $0?.error != nil }) { return }
    var rest = gradients[...]
    for group in groups {
      let numbers = StepNumbers(group)
      for (_, parameter) in group.parameters where parameter.requiresGrad {
        guard let gradient = rest.removeFirst(), let state = states[ObjectIdentifier(parameter)] else {
          continue
        }
        state.stepCount += 1
        let rising = group.settings.maximize ? -gradient : gradient
        let next = update(parameter.tensor, rising, state, group.settings, numbers)
        parameter.variable.assign(next)
      }
    }
  }

  /// Makes the next values of the parameters updates of the loss's graph, and returns the gradients used.
  @discardableResult
  public final func minimize(_ loss: Tensor) -> [Tensor?] {
    let gradients = gradients(of: loss)
    step(gradients)
    return gradients
  }

  /// The next value of a parameter; subclasses override it and assign the parts of `state` that they keep.
  open func update(
    _ parameter: Tensor, _ gradient: Tensor, _ state: State, _ settings: Settings, _ numbers: StepNumbers
  ) -> Tensor {
    preconditionFailure("\(type(of: self)) overrides no update")
  }

  /// What `state` holds of a parameter that has made a step, in the order in which it is saved.
  open func stateNames(_ settings: Settings) -> [String] { [] }

  /// The setting that a one-cycle schedule moves against the learning rate, if any.
  open var momentumSetting: WritableKeyPath<Settings, Double>? { nil }

  /// The state of a parameter.
  final func state(of parameter: Parameter) -> State? { states[ObjectIdentifier(parameter)] }
}

extension Optimizer {
  /// What an optimiser remembers about a parameter: tensors of its shape, and how many steps it has made.
  public final class State {
    private let type: TensorType
    private(set) var variables: [String: Variable] = [:]
    /// The number of the step that is being made, from 1.
    public internal(set) var stepCount = 0

    init(of parameter: Parameter) { type = parameter.variable.type }

    deinit { for variable in variables.values { variable.abandonUpdate() } }

    /// A tensor of the parameter's shape that lives from step to step, made with `initial` everywhere.
    public func variable(_ name: String, initial: Double = 0) -> Variable {
      if let known = variables[name] { return known }
      let (shape, dtype) = (type.shape, type.dtype)
      let made = Variable(shape, dtype) { .filled(initial, shape: shape, dtype: dtype) }
      variables[name] = made
      return made
    }

    /// Replaces a part of the state by a computed value and returns that.
    public func assign(_ name: String, _ value: Tensor, initial: Double = 0) -> Tensor {
      variable(name, initial: initial).assign(value)
      return value
    }

    func forget() {
      variables = [:]
      stepCount = 0
    }
  }

  /// The numbers of a step as operands: computed on the host in double precision, as PyTorch does, and given to
  /// the plan as data, so that a changed one needs no new plan.
  public final class StepNumbers {
    private let group: Group
    private struct Key: Hashable {
      let name: String
      let step: Int
      let dtype: DType
    }
    private var known: [Key: Tensor] = [:]

    init(_ group: Group) { self.group = group }

    /// A number by its name, made once for all parameters whose step has the same count.
    public func callAsFunction(
      _ name: String, _ state: State, like tensor: Tensor,
      _ compute: @escaping (_ settings: Settings, _ step: Int) -> Double
    ) -> Tensor {
      let key = Key(name: name, step: state.stepCount, dtype: tensor.dtype)
      if let tensor = known[key] { return tensor }
      let value = HostTensor([compute(group.settings, state.stepCount)], shape: [])
      let made = Tensor(value.converted(to: tensor.dtype))
      known[key] = made
      return made
    }
  }
}
