import StrataCore

/// How often which magnitudes occur. It grows by powers of two, so that batches may come one after the other.
struct MagnitudeHistogram: Sendable {
  private static let binCount = 2048
  private var counts = [Double](repeating: 0, count: binCount)
  /// Where the last bin ends; 0 while nothing but zeros was seen.
  private var end: Float = 0
  private var largest: Float = 0
  private var isSigned = false
  /// Zeros need no bin: every scale has them.
  private var zeros = 0.0

  /// Counts numbers; false where one of them is not finite.
  mutating func add(_ values: UnsafeBufferPointer<Float>) -> Bool {
    var most: Float = 0
    var least: Float = 0
    var sum: Float = 0
    for value in values {
      most = max(most, value)
      least = min(least, value)
      sum += value * 0
    }
    guard sum == 0, most.isFinite, least.isFinite else { return false }
    isSigned = isSigned || least < 0
    cover(max(most, -least))
    guard end > 0 else {
      zeros += Double(values.count)
      return true
    }
    let factor = Float(Self.binCount) / end
    var zeros = 0
    counts.withUnsafeMutableBufferPointer { counts in
      for value in values {
        if value == 0 {
          zeros += 1
        } else {
          counts[min(Self.binCount - 1, Int(abs(value) * factor))] += 1
        }
      }
    }
    self.zeros += Double(zeros)
    return true
  }

  private mutating func cover(_ magnitude: Float) {
    largest = max(largest, magnitude)
    guard magnitude > end else { return }
    if end == 0 {
      // Magnitudes whose inverse is no float are as good as 0.
      guard magnitude > 1e-30 else { return }
      end = 0x1p-100
      while end < magnitude { end *= 2 }
      return
    }
    while end < magnitude {
      end *= 2
      for bin in 0..<Self.binCount / 2 { counts[bin] = counts[2 * bin] + counts[2 * bin + 1] }
      for bin in Self.binCount / 2..<Self.binCount { counts[bin] = 0 }
    }
  }

  /// The range that a method chooses.
  func range(by method: Calibration.Method) -> Calibration.Range {
    let limit =
      switch method {
      case .minMax: largest
      case .percentile(let percent): percentile(percent)
      case .meanSquaredError: leastSquaredError
      }
    return Calibration.Range(limit: min(limit, largest), isSigned: isSigned)
  }

  private var width: Float { end / Float(Self.binCount) }
  private var levels: Int { isSigned ? 127 : 255 }

  private func percentile(_ percent: Double) -> Float {
    let wanted = (zeros + counts.reduce(0, +)) * percent / 100
    var sum = zeros
    for (bin, count) in counts.enumerated() {
      sum += count
      if sum >= wanted { return Float(bin + 1) * width }
    }
    return largest
  }

  /// The end of the bins that lose least, among those down to an eighth of the largest.
  private var leastSquaredError: Float {
    guard end > 0 else { return largest }
    let used = min(Self.binCount, Int((largest / width).rounded(.up)))
    var best = (bins: used, error: squaredError(used))
    for bins in stride(from: max(levels, used / 8), to: used, by: max(1, used / 256)) {
      let error = squaredError(bins)
      if error < best.error { best = (bins, error) }
    }
    return Float(best.bins) * width
  }

  /// What is lost where a number of bins is kept, in squares of a bin's width.
  private func squaredError(_ bins: Int) -> Double {
    let step = Double(bins) / Double(levels)
    var sum = counts[..<bins].reduce(0, +) * step * step / 12
    for bin in bins..<Self.binCount {
      let beyond = Double(bin - bins) + 0.5
      sum += counts[bin] * beyond * beyond
    }
    return sum
  }
}
