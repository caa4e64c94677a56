import StrataCore

extension ReferenceKernels {
  /// Where the elements of a shape lie in memory.
  struct View {
    /// The place of the first element.
    var start = 0
    /// Elements between neighbours along each axis.
    var strides: [Int]
  }

  /// Walks up to four views of one shape together, a run along the innermost axis at a time.
  ///
  /// Axes that all views cross evenly are merged, so that equal shapes and scalars make a single run.
  struct StridedRuns: Sequence, IteratorProtocol {
    /// The elements of each run.
    let count: Int
    /// The distance between neighbours in a run, one lane for each view.
    let step: SIMD4<Int>
    private let axes: [(size: Int, step: SIMD4<Int>)]
    private var index: [Int]
    private var position = SIMD4<Int>.zero
    private var isDone: Bool

    init(_ shape: Shape, _ views: View...) {
      var axes: [(size: Int, step: SIMD4<Int>)] = []
      for (axis, size) in shape.enumerated() where size != 1 {
        var step = SIMD4<Int>.zero
        for (lane, view) in views.enumerated() { step[lane] = view.strides[axis] }
        if let outer = axes.last, outer.step == step &* size {
          axes[axes.count - 1] = (outer.size * size, step)
        } else {
          axes.append((size, step))
        }
      }
      for (lane, view) in views.enumerated() { position[lane] = view.start }
      (count, step) = axes.popLast() ?? (1, SIMD4(repeating: 1))
      self.axes = axes
      index = [Int](repeating: 0, count: axes.count)
      isDone = shape.elementCount == 0
    }

    /// The place where the next run starts in each view.
    mutating func next() -> SIMD4<Int>? {
      guard !isDone else { return nil }
      let current = position
      isDone = true
      for axis in axes.indices.reversed() {
        index[axis] += 1
        position &+= axes[axis].step
        if index[axis] < axes[axis].size {
          isDone = false
          break
        }
        position &-= axes[axis].step &* axes[axis].size
        index[axis] = 0
      }
      return current
    }
  }
}

extension ReferenceKernels.View {
  /// The dense elements of a tensor.
  init(_ shape: Shape) { strides = shape.strides }

  /// A tensor of `shape` read as one of a larger shape: repeated axes stand still.
  init(_ shape: Shape, broadcastTo target: Shape) {
    let own = zip(shape, shape.strides).map { size, stride in size == 1 ? 0 : stride }
    strides = [Int](repeating: 0, count: target.rank - shape.rank) + own
  }
}
