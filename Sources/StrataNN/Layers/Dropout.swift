import StrataCore
import StrataGraph

/// Zeroes elements at random in training and scales the others up (`torch.nn.Dropout`; Hinton et al. 2012,
/// https://arxiv.org/abs/1207.0580).
///
/// Input and output have one shape. Each call takes its own key from the process's sequence, so that
/// `manualSeed` makes a run repeatable.
open class Dropout: Module {
  /// The probability of zero.
  public let p: Double
  /// Whether PyTorch would overwrite the input. It is printed and changes nothing.
  public let inplace: Bool
  private let text: String

  /// Creates a layer.
  public init(_ p: any Numeral, inplace: Bool = false) {
    precondition((0...1).contains(p.real), "Dropout: p must lie between 0 and 1, got \(p.pythonText)")
    self.p = p.real
    self.inplace = inplace
    text = p.pythonText
    super.init()
  }

  /// Creates a layer.
  public convenience init(p: any Numeral = 0.5, inplace: Bool = false) { self.init(p, inplace: inplace) }

  open override func forward(_ x: Tensor) -> Tensor {
    guard isTraining, p > 0 else { return x }
    // The key is an operand and no setting: steps of training then share one plan.
    let key = RandomKey.next()
    let words = [Int64(bitPattern: key.seed), Int64(bitPattern: key.stream)]
    return x.dropout(p, key: Tensor(HostTensor(words)))
  }

  open override func extraDescription(dialect: PrintDialect) -> String {
    "p=\(text), inplace=\(inplace.pythonText)"
  }
}

/// Merges neighbouring axes into one (`torch.nn.Flatten`).
///
/// Input `[N, …]`, output `[N, the product of the others]` as it is by default.
open class Flatten: Module {
  /// The first axis that is merged.
  public let startDim: Int
  /// The last axis that is merged.
  public let endDim: Int

  /// Creates a layer.
  public init(startDim: Int = 1, endDim: Int = -1) {
    self.startDim = startDim
    self.endDim = endDim
    super.init()
  }

  open override func forward(_ x: Tensor) -> Tensor { x.flatten(start: startDim, end: endDim) }

  open override func extraDescription(dialect: PrintDialect) -> String {
    "start_dim=\(startDim), end_dim=\(endDim)"
  }
}
