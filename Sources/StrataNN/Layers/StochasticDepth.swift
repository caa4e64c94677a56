import StrataCore
import StrataGraph

/// Leaves out a branch of a residual network at random in training and scales it up where it stays
/// (`torchvision.ops.StochasticDepth`; Huang and others 2016, https://arxiv.org/abs/1603.09382).
///
/// Input and output have one shape.
open class StochasticDepth: Module {
  /// What is left out together.
  public enum Mode: String, Sendable, Hashable {
    /// The whole batch.
    case batch
    /// Each sample by itself.
    case row
  }

  /// The probability of leaving out.
  public let p: Double
  /// What is left out together.
  public let mode: Mode
  private let text: String

  /// Creates a layer.
  public init(_ p: any Numeral, mode: Mode) {
    precondition((0...1).contains(p.real), "StochasticDepth: p must lie between 0 and 1, got \(p.pythonText)")
    self.p = p.real
    self.mode = mode
    text = p.pythonText
    super.init()
  }

  open override func forward(_ x: Tensor) -> Tensor {
    guard isTraining, p > 0, x.error == nil, x.rank > 0 else { return x }
    var sizes = [Int](repeating: 1, count: x.rank)
    if mode == .row { sizes[0] = x.shape[0] }
    // Dropout of ones is the factor of each sample: 0, or 1 / (1 − p).
    return x * Tensor(.ones(Shape(sizes), dtype: x.dtype)).dropout(p)
  }

  open override func extraDescription(dialect: PrintDialect) -> String { "p=\(text), mode=\(mode.rawValue)" }
}

extension Tensor {
  /// Dropout with a key of its own from the process's sequence.
  package func dropout(_ probability: Double) -> Tensor {
    let key = RandomKey.next()
    let words = Tensor(HostTensor([Int64(bitPattern: key.seed), Int64(bitPattern: key.stream)]))
    return dropout(probability, key: words)
  }
}
