/// How tensors are printed, with the names and defaults of `torch.set_printoptions`.
public struct PrintOptions: Sendable, Hashable {
  /// Digits after the point.
  public var precision = 4
  /// The largest number of elements that is printed in full.
  public var threshold = 1000
  /// Elements shown at either end of an axis that is printed in part.
  public var edgeItems = 3
  /// Characters after which a line is broken.
  public var lineWidth = 80
  /// Whether numbers have an exponent; nil lets the numbers decide.
  public var scientific: Bool?

  /// Creates PyTorch's defaults.
  public init() {}
}
