/// How pixels are made when a picture is resized, as Pillow makes them: smaller pictures without aliasing.
public enum Interpolation: String, Sendable, Hashable, CaseIterable {
  /// The pixel that lies nearest.
  case nearest
  /// A triangle over the pixels around.
  case bilinear
  /// A cubic over the pixels around, with a = −0.5.
  case bicubic

  /// How far the filter reaches, in pixels of the smaller picture.
  var support: Double {
    switch self {
    case .nearest: 0.5
    case .bilinear: 1
    case .bicubic: 2
    }
  }

  func weight(_ distance: Double) -> Double {
    let x = distance.magnitude
    switch self {
    case .nearest: return x <= 0.5 ? 1 : 0
    case .bilinear: return x < 1 ? 1 - x : 0
    case .bicubic:
      let a = -0.5
      if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
    }
  }
}

/// The pixels along one axis that make each of a range of new pixels, and their weights in fixed point:
/// Pillow's, term by term, so that every rounding falls as there.
struct ResamplingAxis: Sendable {
  /// The bits behind the point; the rest of 32 holds eight bits of colour, the sign and one to spare.
  static let precision: Int32 = 22

  /// The pixels that make one.
  struct Span {
    /// The first of them.
    let start: Int
    /// How many there are.
    let count: Int
    /// Where their weights begin.
    let offset: Int
  }

  private(set) var spans: [Span] = []
  private(set) var weights: [Int32] = []

  /// Resizes `source` pixels to `target`, of which those of `range` are wanted.
  init(from source: Int, to target: Int, range: Range<Int>, _ interpolation: Interpolation) {
    if interpolation == .nearest {
      addNearest(source, target, range)
    } else {
      addFiltered(source, target, range, interpolation)
    }
  }

  /// The pixels that are read: all spans lie within.
  var extent: Range<Int> {
    let start = spans.reduce(Int.max) { min($0, $1.start) }
    return start..<spans.reduce(start) { max($0, $1.start + $1.count) }
  }

  private mutating func addFiltered(
    _ source: Int, _ target: Int, _ range: Range<Int>, _ interpolation: Interpolation
  ) {
    // Pillow hands the size of the source over as a `float`.
    let scale = Double(Float(source)) / Double(target)
    let filterScale = max(scale, 1)
    let support = interpolation.support * filterScale
    let step = 1 / filterScale
    var real: [Double] = []
    for position in range {
      let center = (Double(position) + 0.5) * scale
      let start = max(0, Int(center - support + 0.5))
      let end = min(source, Int(center + support + 0.5))
      real.removeAll(keepingCapacity: true)
      var sum = 0.0
      for pixel in start..<max(start, end) {
        let weight = interpolation.weight((Double(pixel) - center + 0.5) * step)
        real.append(weight)
        sum += weight
      }
      spans.append(Span(start: start, count: real.count, offset: weights.count))
      for weight in real {
        let share = (sum == 0 ? weight : weight / sum) * Double(1 << Self.precision)
        weights.append(Int32(share < 0 ? share - 0.5 : share + 0.5))
      }
    }
  }

  private mutating func addNearest(_ source: Int, _ target: Int, _ range: Range<Int>) {
    let scale = Double(source) / Double(target)
    var center = scale * 0.5
    // Pillow adds up, so the same rounding errors must be made; beyond what it can hold, they need not.
    if range.lowerBound < 1 << 26 {
      for _ in 0..<range.lowerBound { center += scale }
    } else {
      center += Double(range.lowerBound) * scale
    }
    for _ in range {
      spans.append(Span(start: min(Int(center), source - 1), count: 1, offset: weights.count))
      weights.append(1 << Self.precision)
      center += scale
    }
  }
}
