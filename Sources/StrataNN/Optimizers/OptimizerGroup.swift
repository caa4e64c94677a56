import StrataGraph

extension Optimizer {
  /// The settings of an optimiser, named as in `torch.optim`. Each optimiser reads those that it knows.
  public struct Settings: Sendable, Hashable {
    /// The learning rate.
    public var lr = 1e-3
    /// The share of the last step that the next one keeps.
    public var momentum = 0.0
    /// The share of the gradient that momentum leaves out.
    public var dampening = 0.0
    /// The pull of weights towards zero.
    public var weightDecay = 0.0
    /// Whether momentum looks ahead (Nesterov).
    public var nesterov = false
    /// Whether the objective is to rise, not to fall.
    public var maximize = false
    /// The shares that running means of the gradient and of its square keep.
    public var betas = Betas(0.9, 0.999)
    /// Added to a divisor, so that no division is by zero.
    public var eps = 1e-8
    /// Whether the largest mean square so far counts and not the last.
    public var amsgrad = false
    /// The share that RMSprop's running mean of squares keeps.
    public var alpha = 0.99
    /// Whether RMSprop divides by the variance and not by the mean square.
    public var centered = false
    /// How fast Adagrad's learning rate falls with the number of steps.
    public var lrDecay = 0.0
    /// Adagrad's first sum of squares.
    public var initialAccumulatorValue = 0.0
    /// LARS' learning rate of a layer as a share of its weights' norm over its gradient's.
    public var trustCoefficient = 1e-3

    /// Creates settings with the commonest defaults.
    public init() {}
  }

  /// Two decay rates: of the running mean of the gradient and of that of its square.
  public struct Betas: Sendable, Hashable {
    /// Of the mean of the gradient.
    public var first: Double
    /// Of the mean of its square.
    public var second: Double

    /// Creates a pair.
    public init(_ first: Double, _ second: Double) {
      self.first = first
      self.second = second
    }
  }

  /// Parameters that share settings (an entry of `param_groups`).
  public final class Group {
    /// The parameters with their names, frozen ones included.
    public let parameters: [(name: String, parameter: Parameter)]
    /// The settings; they may change between steps and cause no new plan.
    public var settings: Settings
    /// The learning rate that schedules start from, once there is one (`initial_lr`).
    public internal(set) var initialLR: Double?

    /// The learning rate.
    public var lr: Double {
      get { settings.lr }
      set { settings.lr = newValue }
    }

    /// Which settings differ from the optimiser's own.
    let change: (inout Settings) -> Void

    /// Creates a group.
    ///
    /// - Parameters:
    ///   - parameters: Parameters with names, such as `model.layer4.namedParameters`. Names must differ in all
    ///     groups of an optimiser, for its state is saved under them.
    ///   - change: Changes settings that differ from the optimiser's own: `{ $0.weightDecay = 0 }`.
    public init(
      _ parameters: [(name: String, parameter: Parameter)],
      _ change: @escaping (inout Settings) -> Void = { _ in }
    ) {
      self.parameters = parameters
      self.change = change
      settings = Settings()
    }

    /// Creates a group with a learning rate of its own.
    public convenience init(_ parameters: [(name: String, parameter: Parameter)], lr: Double) {
      self.init(parameters) { $0.lr = lr }
    }
  }
}
