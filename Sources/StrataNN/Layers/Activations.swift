import StrataCore
import StrataGraph

/// A nonlinearity, element by element; input and output have one shape. The base of those below.
open class ActivationLayer: Module {
  /// What is computed.
  public let activation: Activation
  /// Whether PyTorch would overwrite the input. It is printed and changes nothing: memory is planned anyway.
  public let inplace: Bool

  /// Creates a layer.
  public init(_ activation: Activation, inplace: Bool = false) {
    self.activation = activation
    self.inplace = inplace
    super.init()
  }

  open override func forward(_ x: Tensor) -> Tensor { x.activation(activation) }

  open override func extraDescription(dialect: PrintDialect) -> String { inplace ? "inplace=True" : "" }
}

/// `max(x, 0)` (`torch.nn.ReLU`).
open class ReLU: ActivationLayer {
  /// Creates a layer.
  public init(inplace: Bool = false) { super.init(.relu, inplace: inplace) }
}

/// `min(max(x, 0), 6)` (`torch.nn.ReLU6`).
open class ReLU6: ActivationLayer {
  /// Creates a layer.
  public init(inplace: Bool = false) { super.init(.relu6, inplace: inplace) }
}

/// `x` where positive, else `slope × x` (`torch.nn.LeakyReLU`).
open class LeakyReLU: ActivationLayer {
  private let slopeText: String

  /// Creates a layer.
  public init(_ negativeSlope: any Numeral = 0.01, inplace: Bool = false) {
    slopeText = negativeSlope.pythonText
    super.init(.leakyReLU(slope: negativeSlope.real), inplace: inplace)
  }

  open override func extraDescription(dialect: PrintDialect) -> String {
    "negative_slope=\(slopeText)" + (inplace ? ", inplace=True" : "")
  }
}

/// `x × relu6(x + 3) / 6` (`torch.nn.Hardswish`).
open class Hardswish: ActivationLayer {
  /// Creates a layer.
  public init(inplace: Bool = false) { super.init(.hardswish, inplace: inplace) }

  /// Nothing: PyTorch prints no settings here.
  open override func extraDescription(dialect: PrintDialect) -> String { "" }
}

/// `relu6(x + 3) / 6` (`torch.nn.Hardsigmoid`).
open class Hardsigmoid: ActivationLayer {
  /// Creates a layer.
  public init(inplace: Bool = false) { super.init(.hardsigmoid, inplace: inplace) }

  /// Nothing: PyTorch prints no settings here.
  open override func extraDescription(dialect: PrintDialect) -> String { "" }
}

/// `1 / (1 + exp(−x))` (`torch.nn.Sigmoid`).
open class Sigmoid: ActivationLayer {
  /// Creates a layer.
  public init() { super.init(.sigmoid) }
}

/// The hyperbolic tangent (`torch.nn.Tanh`).
open class Tanh: ActivationLayer {
  /// Creates a layer.
  public init() { super.init(.tanh) }
}

/// `x × sigmoid(x)` (`torch.nn.SiLU`).
open class SiLU: ActivationLayer {
  /// Creates a layer.
  public init(inplace: Bool = false) { super.init(.silu, inplace: inplace) }
}

/// `x × Φ(x)` (`torch.nn.GELU`).
open class GELU: ActivationLayer {
  /// How `Φ` is computed.
  public enum Approximation: String, Sendable, Hashable {
    /// With the error function.
    case none
    /// With the hyperbolic tangent.
    case tanh
  }

  private let approximation: Approximation

  /// Creates a layer.
  public init(approximate: Approximation = .none) {
    approximation = approximate
    super.init(.gelu(tanhApproximation: approximate == .tanh))
  }

  open override func extraDescription(dialect: PrintDialect) -> String {
    "approximate='\(approximation.rawValue)'"
  }
}

/// The input (`torch.nn.Identity`).
open class Identity: Module {
  open override func forward(_ x: Tensor) -> Tensor { x }
}

/// Exponentials over their sum along an axis (`torch.nn.Softmax`).
open class Softmax: Module {
  /// The axis; where nil, PyTorch's old rule chooses: 0 of one or three axes, else 1.
  public let dim: Int?

  /// Creates a layer.
  public init(dim: Int? = nil) {
    self.dim = dim
    super.init()
  }

  open override func forward(_ x: Tensor) -> Tensor { x.softmax(dim: dim ?? x.implicitSoftmaxAxis) }

  open override func extraDescription(dialect: PrintDialect) -> String { dim.axisText }
}

/// The logarithm of the softmax (`torch.nn.LogSoftmax`).
open class LogSoftmax: Module {
  /// The axis; where nil, PyTorch's old rule chooses: 0 of one or three axes, else 1.
  public let dim: Int?

  /// Creates a layer.
  public init(dim: Int? = nil) {
    self.dim = dim
    super.init()
  }

  open override func forward(_ x: Tensor) -> Tensor { x.logSoftmax(dim: dim ?? x.implicitSoftmaxAxis) }

  open override func extraDescription(dialect: PrintDialect) -> String { dim.axisText }
}

extension Tensor {
  fileprivate var implicitSoftmaxAxis: Int { [0, 1, 3].contains(rank) ? 0 : 1 }
}

extension Int? {
  fileprivate var axisText: String { "dim=\(map { "\($0)" } ?? "None")" }
}
