import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// An axis of equal steps between round numbers.
struct LinearAxis {
  private let low: Double
  private let high: Double
  /// Round values, the first and the last at the ends of what is shown or inside.
  let ticks: [Double]

  /// An axis on which all values lie.
  ///
  /// - Parameters:
  ///   - count: How many ticks have room.
  ///   - areWhole: Whether values between whole numbers mean nothing, as with epochs.
  ///   - isWidened: Whether the axis goes on to the next round values at both ends.
  init(_ values: [Double], count: Int, areWhole: Bool = false, isWidened: Bool = true) {
    var least = values.min() ?? 0
    var most = values.max() ?? 1
    // Values that are all the same need an axis too, and so do numbers whose difference is lost.
    let margin = max(areWhole ? 0.5 : 0, max(abs(least), abs(most)) * 1e-9, 1e-300)
    if most - least <= margin {
      let extra = least == 0 || areWhole ? 1 : abs(least) / 10
      (least, most) = (least - extra, most + extra)
    }
    let step = Self.step(most / Double(max(1, count)) - least / Double(max(1, count)), areWhole)
    let (first, last) = ((least / step).rounded(.down), (most / step).rounded(.up))
    (low, high) = isWidened ? (first * step, last * step) : (least, most)
    let (start, end) = isWidened ? (first, last) : ((least / step).rounded(.up), (most / step).rounded(.down))
    // Only steps that are lost beside their values make more.
    guard end - start <= 1000, end >= start else {
      ticks = [low, high]
      return
    }
    ticks = (0...Int(end - start)).map { (start + Double($0)) * step }
  }

  /// 1, 2 or 5 times a power of ten, at least `least`.
  private static func step(_ least: Double, _ isWhole: Bool) -> Double {
    let power = pow(10, log10(least).rounded(.down))
    let step = [1.0, 2, 5, 10].map { $0 * power }.first { $0 >= least * 0.999_999 } ?? 10 * power
    return isWhole ? max(1, step) : step
  }

  /// Where a value lies between both ends: 0 to 1.
  func place(_ value: Double) -> Double {
    // Halves, because the difference of the largest numbers is none.
    (value / 2 - low / 2) / (high / 2 - low / 2)
  }
}
