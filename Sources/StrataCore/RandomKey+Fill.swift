import StrataKernels

extension RandomKey {
  /// Elements that one group of counters makes: element 16g + 4w + l is made of word w of counter 4g + l.
  private static let groupSize = 16

  /// Elements a thread takes at a time: two huge pages.
  private static let grain = 1 << 20

  /// Writes numbers spread evenly over `low..<high`; element `i` depends on the key and `i` alone.
  public func fillUniform(_ target: UnsafeMutableBufferPointer<Float>, low: Float = 0, high: Float = 1) {
    // Rounding may reach the upper bound, which does not belong to the range.
    let limit = high > low ? high.nextDown : low
    let scale = (high - low) * 0x1p-24
    fill(target) { strata_fill_uniform($0, Int64($1), Int64($2), seed, stream, scale, low, limit) }
  }

  /// Writes numbers of a normal distribution; element `i` depends on the key and `i` alone.
  public func fillNormal(
    _ target: UnsafeMutableBufferPointer<Float>, mean: Float = 0, standardDeviation: Float = 1
  ) {
    fill(target) { strata_fill_normal($0, Int64($1), Int64($2), seed, stream, mean, standardDeviation) }
  }

  /// Lets `write` make whole groups, given where they go, the number of the first and how many, on all cores.
  private func fill(
    _ target: UnsafeMutableBufferPointer<Float>,
    _ write: @Sendable (UnsafeMutablePointer<Float>, Int, Int) -> Void
  ) {
    guard let address = target.baseAddress else { return }
    nonisolated(unsafe) let start = address
    let size = Self.groupSize
    Parallel.forEachRange(of: target.count, grain: Self.grain) { range in
      let whole = range.lowerBound / size..<range.upperBound / size
      write(start + range.lowerBound, whole.lowerBound, whole.count)
      // Only the last range can end within a group.
      let rest = whole.upperBound * size..<range.upperBound
      guard !rest.isEmpty else { return }
      withUnsafeTemporaryAllocation(of: Float.self, capacity: size) { group in
        guard let numbers = group.baseAddress else { return }
        write(numbers, whole.upperBound, 1)
        (start + rest.lowerBound).update(from: numbers, count: rest.count)
      }
    }
  }
}
