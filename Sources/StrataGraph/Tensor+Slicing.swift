import StrataCore

/// What a subscript takes of one axis.
public enum TensorIndex: Sendable, Hashable {
  /// One position, counted from the back if negative; the axis goes.
  case at(Int)
  /// Every `step`-th position from `start` up to but not including `end`, counted from the back if negative.
  case span(start: Int?, end: Int?, step: Int)
  /// A new axis of size 1.
  case insertion
  /// All of the axes that the other indices leave.
  case rest
}

/// Integers, ranges, `.all`, `.range(…)`, `.newAxis` and `.ellipsis`: what may stand in a tensor's subscript.
public protocol TensorIndexing {
  /// What is taken of the axis.
  var tensorIndex: TensorIndex { get }
}

extension TensorIndex: TensorIndexing {
  /// Itself.
  public var tensorIndex: TensorIndex { self }
}

extension TensorIndexing where Self == TensorIndex {
  /// The whole axis (`:`).
  public static var all: TensorIndex { .span(start: nil, end: nil, step: 1) }
  /// A new axis of size 1 (`None`).
  public static var newAxis: TensorIndex { .insertion }
  /// All of the axes that the other indices leave (`...`).
  public static var ellipsis: TensorIndex { .rest }
  /// Every `step`-th position from `start` up to but not including `end` (`start:end:step`).
  public static func range(_ start: Int? = nil, _ end: Int? = nil, step: Int = 1) -> TensorIndex {
    .span(start: start, end: end, step: step)
  }
}

extension Int: TensorIndexing {
  /// The position.
  public var tensorIndex: TensorIndex { .at(self) }
}

extension Range: TensorIndexing where Bound == Int {
  /// The positions in the range.
  public var tensorIndex: TensorIndex { .span(start: lowerBound, end: upperBound, step: 1) }
}

extension ClosedRange: TensorIndexing where Bound == Int {
  /// The positions in the range.
  public var tensorIndex: TensorIndex {
    // The position after -1 is the end, which has no negative number.
    .span(start: lowerBound, end: upperBound == -1 ? nil : upperBound &+ 1, step: 1)
  }
}

extension PartialRangeFrom: TensorIndexing where Bound == Int {
  /// The positions from the bound on.
  public var tensorIndex: TensorIndex { .span(start: lowerBound, end: nil, step: 1) }
}

extension PartialRangeUpTo: TensorIndexing where Bound == Int {
  /// The positions before the bound.
  public var tensorIndex: TensorIndex { .span(start: nil, end: upperBound, step: 1) }
}

extension PartialRangeThrough: TensorIndexing where Bound == Int {
  /// The positions up to the bound.
  public var tensorIndex: TensorIndex {
    .span(start: nil, end: upperBound == -1 ? nil : upperBound &+ 1, step: 1)
  }
}

extension Tensor {
  /// A part of the tensor: `x[0]`, `x[1..., 0..<2]`, `x[.all, -1]`, `x[.range(0, 8, step: 2)]`.
  ///
  /// Negative positions count from the back; write `x[(-2)...]` or `x[.range(-2)]`. What lies out of range gives an
  /// invalid tensor, where PyTorch shortens ranges in silence.
  public subscript(_ indices: any TensorIndexing...) -> Tensor {
    guard error == nil else { return self }
    var parts = indices.map(\.tensorIndex)
    let named = parts.count { $0 != .insertion && $0 != .rest }
    guard named <= rank else { return .mistake("\(named) indices are too many for \(shape)") }
    guard parts.count(where: { $0 == .rest }) <= 1 else { return .mistake("an ellipsis may stand only once") }
    let remaining = [TensorIndex](repeating: .all, count: rank - named)
    if let place = parts.firstIndex(of: .rest) {
      parts.replaceSubrange(place...place, with: remaining)
    } else {
      parts += remaining
    }
    return part(parts)
  }

  /// The part that one index an axis, and insertions, name.
  private func part(_ indices: [TensorIndex]) -> Tensor {
    var starts: [Int] = []
    var sizes: [Int] = []
    var steps: [Int] = []
    var result: [Int] = []
    for index in indices {
      let axis = starts.count
      switch index {
      case .insertion, .rest: result.append(1)
      case .at(let position):
        let length = shape[axis]
        guard (-length..<length).contains(position) else {
          return .mistake("index \(position) is out of range for axis \(axis) of \(shape)")
        }
        starts.append(position < 0 ? position + length : position)
        sizes.append(1)
        steps.append(1)
      case .span(let start, let end, let step):
        let length = shape[axis]
        let (first, last) = (start ?? 0, end ?? length)
        guard step > 0 else { return .mistake("the step \(step) along axis \(axis) is not positive") }
        guard (-length...length).contains(first), (-length...length).contains(last) else {
          let range = "\(start.map(String.init) ?? "")..<\(end.map(String.init) ?? "")"
          return .mistake("the range \(range) is out of range for axis \(axis) of \(shape)")
        }
        let (low, high) = (first < 0 ? first + length : first, last < 0 ? last + length : last)
        starts.append(low)
        sizes.append(high > low ? (high - low - 1) / step + 1 : 0)
        steps.append(step)
        result.append(sizes[axis])
      }
    }
    return sliced(starts, sizes, steps).reshape(result)
  }

  /// Part of one axis, all of the others.
  func sliced(_ axis: Int, start: Int, size: Int) -> Tensor {
    var starts = [Int](repeating: 0, count: rank)
    var sizes = shape.sizes
    starts[axis] = start
    sizes[axis] = size
    return sliced(starts, sizes, [Int](repeating: 1, count: rank))
  }

  func sliced(_ starts: [Int], _ sizes: [Int], _ steps: [Int]) -> Tensor {
    sizes == shape.sizes ? self : Tensor.apply(.slice(starts: starts, sizes: sizes, steps: steps), [self])
  }
}
