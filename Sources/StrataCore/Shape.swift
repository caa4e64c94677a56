/// The sizes of a tensor's axes, outermost first: `[N, C, H, W]` for a batch of images.
public struct Shape: Sendable, Hashable, ExpressibleByArrayLiteral, RandomAccessCollection,
  CustomStringConvertible
{
  /// One size an axis; empty for a scalar.
  public let sizes: [Int]

  /// Creates a shape from its sizes, none of which may be negative.
  public init(_ sizes: [Int]) {
    precondition(sizes.allSatisfy { $0 >= 0 }, "negative size in shape \(sizes)")
    self.sizes = sizes
  }

  /// Creates a shape from its sizes.
  public init(arrayLiteral sizes: Int...) { self.init(sizes) }

  /// The number of axes.
  public var rank: Int { sizes.count }

  /// The number of elements: the product of the sizes, 1 for a scalar.
  public var elementCount: Int { sizes.reduce(1, *) }

  /// The number of elements, or nil where it does not fit in an `Int`, not even without the sizes of 0:
  /// a shape that passes here has strides as well.
  public var checkedElementCount: Int? {
    var count = 1
    for size in sizes {
      let (product, overflow) = count.multipliedReportingOverflow(by: Swift.max(size, 1))
      if overflow { return nil }
      count = product
    }
    return sizes.contains(0) ? 0 : count
  }

  /// Elements between neighbours along each axis, in row-major order.
  public var strides: [Int] {
    var strides = [Int](repeating: 1, count: rank)
    for axis in stride(from: rank - 2, through: 0, by: -1) {
      strides[axis] = strides[axis + 1] * sizes[axis + 1]
    }
    return strides
  }

  /// The axis counted from the front, for one that may be counted from the back (`-1` is the last), or nil.
  public func axis(_ axis: Int) -> Int? {
    let resolved = axis < 0 ? axis + rank : axis
    return (0..<Swift.max(rank, 1)).contains(resolved) ? resolved : nil
  }

  /// The common shape of two operands under NumPy's broadcasting rules, or nil.
  public func broadcast(with other: Shape) -> Shape? {
    let count = Swift.max(rank, other.rank)
    var result = [Int](repeating: 1, count: count)
    for back in 1...Swift.max(count, 1) where back <= count {
      let a = back <= rank ? sizes[rank - back] : 1
      let b = back <= other.rank ? other.sizes[other.rank - back] : 1
      guard a == b || a == 1 || b == 1 else { return nil }
      result[count - back] = a == 1 ? b : a
    }
    return Shape(result)
  }

  /// The outermost axis.
  public var startIndex: Int { 0 }
  /// The number of axes.
  public var endIndex: Int { sizes.count }
  /// The size of an axis, which is counted from the front.
  public subscript(position: Int) -> Int { sizes[position] }

  /// `[1, 3, 224, 224]`.
  public var description: String { "[" + sizes.map(String.init).joined(separator: ", ") + "]" }
}
