import StrataCore

/// Changes brightness, contrast, saturation and hue by factors of chance in an order of chance, torchvision's
/// `ColorJitter`.
public struct ColorJitter: Transform {
  private let brightness: ClosedRange<Double>?
  private let contrast: ClosedRange<Double>?
  private let saturation: ClosedRange<Double>?
  private let hue: ClosedRange<Double>?

  /// Creates a transform of how far each factor goes from 1, and the hue from 0.
  public init(
    brightness: Double = 0, contrast: Double = 0, saturation: Double = 0, hue: Double = 0
  ) throws(StrataError) {
    func range(_ value: Double, around center: Double) throws(StrataError) -> ClosedRange<Double>? {
      guard value >= 0, value.isFinite else {
        throw StrataError(.argument, "ColorJitter takes numbers of 0 or more, not \(value)")
      }
      guard value > 0 else { return nil }
      return (center == 1 ? max(0, 1 - value) : -value)...center + value
    }
    try self.init(
      brightness: range(brightness, around: 1), contrast: range(contrast, around: 1),
      saturation: range(saturation, around: 1), hue: range(hue, around: 0))
  }

  /// Creates a transform of the range of each factor; what has none stays as it is.
  public init(
    brightness: ClosedRange<Double>?, contrast: ClosedRange<Double>?, saturation: ClosedRange<Double>?,
    hue: ClosedRange<Double>?
  ) throws(StrataError) {
    for range in [brightness, contrast, saturation].compactMap({ $0 }) {
      guard range.lowerBound >= 0, range.upperBound.isFinite else {
        throw StrataError(.argument, "ColorJitter takes factors of 0 or more, not \(range)")
      }
    }
    if let hue, hue.lowerBound < -0.5 || hue.upperBound > 0.5 {
      throw StrataError(.argument, "ColorJitter takes a hue within -0.5 and 0.5, not \(hue)")
    }
    (self.brightness, self.contrast, self.saturation, self.hue) = (brightness, contrast, saturation, hue)
  }

  /// The picture in other colours.
  public func apply(_ sample: Sample, key: RandomKey) throws(StrataError) -> Sample {
    var draws = RandomDraws(key)
    let order = draws.permutation(4)
    let ranges = [brightness, contrast, saturation, hue]
    var factors: [Double?] = []
    for range in ranges { factors.append(range.map { draws.uniform($0) }) }
    return try sample.mapImage("ColorJitter") { image in
      order.reduce(image) { image, change in
        guard let factor = factors[change] else { return image }
        switch change {
        case 0: return image.brightness(factor)
        case 1: return image.contrast(factor)
        case 2: return image.saturation(factor)
        default: return image.hue(factor)
        }
      }
    }
  }
}
