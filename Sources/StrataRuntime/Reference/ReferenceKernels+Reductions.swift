import StrataCore
import StrataGraph

extension ReferenceKernels {
  private typealias Row<T> = UnsafeBufferPointer<T>

  /// One number for each place along the axes that stay: a column `[places, 1]`.
  static func reduce(
    _ reduction: Reduction, _ operand: HostTensor, _ axes: [Int], givesIndices: Bool = false
  ) -> HostTensor {
    let rows = rows(of: summable(operand), along: axes)
    return rows.dtype == .int64
      ? reduce(reduction, rows, givesIndices, as: Int64.self)
      : reduce(reduction, rows, givesIndices, as: Double.self)
  }

  static func argReduce(
    _ extreme: Extreme, _ operand: HostTensor, _ axis: Int
  ) throws(StrataError) -> HostTensor {
    guard operand.elementCount > 0 || operand.shape[axis] > 0 else {
      throw StrataError(.argument, "axis \(axis) of \(operand.shape) has no \(extreme.rawValue)")
    }
    return reduce(extreme == .maximum ? .maximum : .minimum, operand, [axis], givesIndices: true)
  }

  private static func reduce<T: Number>(
    _ reduction: Reduction, _ rows: HostTensor, _ givesIndices: Bool, as type: T.Type
  ) -> HostTensor {
    mapRows(rows, to: 1) { (row: Row<T>, result: UnsafeMutablePointer<T>) in
      switch reduction {
      case .sum, .mean:
        let sum = row.reduce(0) { (sum: T, value: T) in sum.plus(value) }
        result.pointee = reduction == .sum ? sum : sum.quotient(T(integer: Int64(row.count)))
      case .product: result.pointee = row.reduce(1) { (product: T, value: T) in product.times(value) }
      case .maximum, .minimum:
        var best = 0
        for index in 0..<row.count where precedes(row[index], row[best], reduction) { best = index }
        result.pointee = givesIndices ? T(integer: Int64(best)) : row[best]
      }
    }
  }

  static func topK(_ part: TopKPart, _ operand: HostTensor, _ count: Int, _ axis: Int) -> HostTensor {
    let rows = rows(of: summable(operand), along: [axis])
    let result =
      rows.dtype == .int64
      ? topK(part, rows, count, as: Int64.self) : topK(part, rows, count, as: Double.self)
    let sizes = operand.shape.sizes
    let (before, after) = (sizes[..<axis].reduce(1, *), sizes[(axis + 1)...].reduce(1, *))
    return permute(result.reshaped([before, after, count]), [0, 2, 1])
  }

  private static func topK<T: Number>(
    _ part: TopKPart, _ rows: HostTensor, _ count: Int, as type: T.Type
  ) -> HostTensor {
    mapRows(rows, to: count) { (row: Row<T>, result: UnsafeMutablePointer<T>) in
      for (rank, index) in fallingOrder(row).prefix(count).enumerated() {
        result[rank] = part == .values ? row[index] : T(integer: Int64(index))
      }
    }
  }

  /// The places of values from the greatest down, equals in the order they came.
  private static func fallingOrder<T: Number>(_ row: Row<T>) -> [Int] {
    row.indices.sorted { i, j in
      precedes(row[i], row[j], .maximum) || (!precedes(row[j], row[i], .maximum) && i < j)
    }
  }

  /// Whether a value is more extreme than another. A NaN, which differs from itself, is the most extreme of all.
  @inline(__always)
  private static func precedes<T: Number>(_ a: T, _ b: T, _ reduction: Reduction) -> Bool {
    (reduction == .maximum ? a > b : a < b) || (a != a && b == b)
  }

  /// A matrix of the elements along some axes, one row for each place along the others.
  private static func rows(of x: HostTensor, along axes: [Int]) -> HostTensor {
    let order = [x.shape.indices.filter { !axes.contains($0) }, x.shape.indices.filter(axes.contains)]
    let sizes = order.map { axes in axes.map { x.shape[$0] }.reduce(1, *) }
    return permute(x, order[0] + order[1]).reshaped(Shape(sizes))
  }

  /// A row of `width` numbers for each row of a matrix.
  @inline(__always)
  private static func mapRows<T: Number>(
    _ rows: HostTensor, to width: Int, _ body: (Row<T>, UnsafeMutablePointer<T>) -> Void
  ) -> HostTensor {
    defer { withExtendedLifetime(rows) {} }
    let (count, length) = (rows.shape[0], rows.shape[1])
    let (input, target) = (start(of: rows, as: T.self), Target<T>([count, width]))
    for row in 0..<count {
      body(Row(start: input + row * length, count: length), target.elements + row * width)
    }
    return target.tensor
  }
}
