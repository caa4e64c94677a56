/// Two integers, vertical first: a kernel, stride, padding or dilation.
/// An integer literal stands for the same number twice, as in PyTorch.
public struct IntPair: Sendable, Hashable, ExpressibleByIntegerLiteral, CustomStringConvertible {
  /// Along the height.
  public let height: Int
  /// Along the width.
  public let width: Int

  /// Creates a pair of two numbers, height first.
  public init(_ height: Int, _ width: Int) {
    self.height = height
    self.width = width
  }

  /// Creates a pair of the same number twice.
  public init(_ both: Int) { self.init(both, both) }

  /// Creates a pair of the same number twice.
  public init(integerLiteral value: Int) { self.init(value, value) }

  /// Whether both numbers are the same.
  public var isSquare: Bool { height == width }

  /// `(3, 5)`, as Python prints a tuple.
  public var description: String { "(\(height), \(width))" }
}
