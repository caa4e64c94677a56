import StrataCore

/// Ways to set the first values of parameters (`torch.nn.init`).
///
/// Nothing is drawn until the values are needed. The random key is taken at once, though, so that a seed gives
/// the same network whatever the order of evaluation.
public enum Init {
  /// Which side of a layer keeps its variance.
  public enum Fan: Sendable {
    /// Inputs: the forward pass keeps it.
    case fanIn
    /// Outputs: the backward pass does.
    case fanOut
  }

  /// The nonlinearity after a layer.
  public enum Nonlinearity: Sendable, Hashable {
    /// None.
    case linear
    /// `sigmoid`.
    case sigmoid
    /// `tanh`.
    case tanh
    /// `relu`.
    case relu
    /// `leaky_relu`.
    case leakyReLU(slope: Double = 0.01)
    /// `selu`.
    case selu

    /// The recommended factor on standard deviations (`calculate_gain`).
    public var gain: Double {
      switch self {
      case .linear, .sigmoid: 1
      case .tanh: 5.0 / 3
      case .relu: 2.0.squareRoot()
      case .leakyReLU(let slope): (2 / (1 + slope * slope)).squareRoot()
      case .selu: 0.75
      }
    }
  }

  /// Sets all elements to zero (`zeros_`).
  public static func zeros(_ parameter: Parameter) { constant(parameter, 0) }

  /// Sets all elements to one (`ones_`).
  public static func ones(_ parameter: Parameter) { constant(parameter, 1) }

  /// Sets all elements to a value (`constant_`).
  public static func constant(_ parameter: Parameter, _ value: Double) {
    let (shape, dtype) = (parameter.shape, parameter.dtype)
    parameter.variable.reset { .filled(value, shape: shape, dtype: dtype) }
  }

  /// Draws evenly from `low..<high` (`uniform_`).
  public static func uniform(_ parameter: Parameter, _ low: Double = 0, _ high: Double = 1) {
    precondition(low <= high, "uniform needs low <= high, got \(low) and \(high)")
    let (shape, dtype, key) = (parameter.shape, parameter.dtype, RandomKey.next())
    parameter.variable.reset {
      HostTensor.uniform(low: Float(low), high: Float(high), shape: shape, key: key).converted(to: dtype)
    }
  }

  /// Draws from a normal distribution (`normal_`).
  public static func normal(_ parameter: Parameter, mean: Double = 0, std: Double = 1) {
    precondition(std >= 0, "normal needs std >= 0, got \(std)")
    let (shape, dtype, key) = (parameter.shape, parameter.dtype, RandomKey.next())
    parameter.variable.reset {
      HostTensor.normal(mean: Float(mean), std: Float(std), shape: shape, key: key).converted(to: dtype)
    }
  }

  /// Draws evenly with the variance of Glorot and Bengio 2010 (`xavier_uniform_`).
  public static func xavierUniform(_ parameter: Parameter, gain: Double = 1) {
    let bound = 3.0.squareRoot() * xavierDeviation(parameter, gain)
    uniform(parameter, -bound, bound)
  }

  /// Draws from a normal distribution with the variance of Glorot and Bengio 2010 (`xavier_normal_`).
  public static func xavierNormal(_ parameter: Parameter, gain: Double = 1) {
    normal(parameter, std: xavierDeviation(parameter, gain))
  }

  /// Draws evenly with the variance of He et al. 2015 (`kaiming_uniform_`).
  ///
  /// `a` is the negative slope of the leaky ReLU that is assumed where no other nonlinearity is given.
  public static func kaimingUniform(
    _ parameter: Parameter, a: Double = 0, mode: Fan = .fanIn, nonlinearity: Nonlinearity? = nil
  ) {
    let bound = 3.0.squareRoot() * kaimingDeviation(parameter, a, mode, nonlinearity)
    uniform(parameter, -bound, bound)
  }

  /// Draws from a normal distribution with the variance of He et al. 2015 (`kaiming_normal_`).
  public static func kaimingNormal(
    _ parameter: Parameter, a: Double = 0, mode: Fan = .fanIn, nonlinearity: Nonlinearity? = nil
  ) {
    normal(parameter, std: kaimingDeviation(parameter, a, mode, nonlinearity))
  }

  /// The inputs and outputs that an element of weights `[out, in, …]` connects.
  public static func fans(_ shape: Shape) -> (input: Int, output: Int) {
    precondition(shape.rank >= 2, "fans need weights of at least two axes, got \(shape)")
    let window = shape.dropFirst(2).reduce(1, *)
    return (shape[1] * window, shape[0] * window)
  }

  /// What PyTorch's convolutions and linear layers begin with: weights and biases within ±1/√fan.
  static func layerDefaults(weight: Parameter, bias: Parameter?) {
    kaimingUniform(weight, a: 5.0.squareRoot())
    guard let bias else { return }
    let bound = 1 / Double(fans(weight.shape).input).squareRoot()
    uniform(bias, -bound, bound)
  }

  private static func xavierDeviation(_ parameter: Parameter, _ gain: Double) -> Double {
    let (input, output) = fans(parameter.shape)
    return gain * (2 / Double(input + output)).squareRoot()
  }

  private static func kaimingDeviation(
    _ parameter: Parameter, _ slope: Double, _ mode: Fan, _ nonlinearity: Nonlinearity?
  ) -> Double {
    let (input, output) = fans(parameter.shape)
    let gain = (nonlinearity ?? .leakyReLU(slope: slope)).gain
    switch mode {
    case .fanIn: return gain / Double(input).squareRoot()
    case .fanOut: return gain / Double(output).squareRoot()
    }
  }
}
