import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Resizes a picture, torchvision's `Resize`: a number is the length of the shorter side.
public struct Resize: Transform {
  private let target: Target
  private let interpolation: Interpolation

  private enum Target {
    case shortSide(Int)
    case size(IntPair)
  }

  /// Creates a transform that gives the shorter side a length.
  public init(_ shortSide: Int, interpolation: Interpolation = .bilinear) throws(StrataError) {
    try Parameter.check("Resize", IntPair(shortSide))
    (target, self.interpolation) = (.shortSide(shortSide), interpolation)
  }

  /// Creates a transform that gives all pictures one size.
  public init(_ size: IntPair, interpolation: Interpolation = .bilinear) throws(StrataError) {
    try Parameter.check("Resize", size)
    (target, self.interpolation) = (.size(size), interpolation)
  }

  /// The resized picture.
  public func apply(_ sample: Sample, key: RandomKey) throws(StrataError) -> Sample {
    try sample.mapImage("Resize") { image throws(StrataError) in
      switch target {
      case .shortSide(let side): try image.resized(shortSide: side, interpolation: interpolation)
      case .size(let size):
        try image.resized(width: size.width, height: size.height, interpolation: interpolation)
      }
    }
  }
}

/// Cuts out the middle, torchvision's `CenterCrop`; what lies outside is black.
public struct CenterCrop: Transform {
  private let size: IntPair

  /// Creates a transform that cuts out a size.
  public init(_ size: IntPair) throws(StrataError) {
    try Parameter.check("CenterCrop", size)
    self.size = size
  }

  /// The middle.
  public func apply(_ sample: Sample, key: RandomKey) throws(StrataError) -> Sample {
    let (width, height) = try sample.size("CenterCrop")
    var (columns, rows) = (AxisMap(width), AxisMap(height))
    columns.center(size.width)
    rows.center(size.height)
    return sample.mapped(columns, rows)
  }
}

/// Cuts out a part anywhere, after a border was put around: torchvision's `RandomCrop`.
public struct RandomCrop: Transform {
  private let size: IntPair
  private let padding: ImagePadding
  private let padIfNeeded: Bool
  private let fill: UInt8
  private let paddingMode: PaddingMode

  /// Creates a transform that cuts out a size.
  public init(
    _ size: IntPair, padding: ImagePadding = 0, padIfNeeded: Bool = false, fill: UInt8 = 0,
    paddingMode: PaddingMode = .constant
  ) throws(StrataError) {
    try Parameter.check("RandomCrop", size)
    let sides = [padding.left, padding.top, padding.right, padding.bottom]
    guard sides.allSatisfy({ (0...Image.longestSide).contains($0) }) else {
      throw StrataError(.argument, "RandomCrop cannot put \(sides) pixels around a picture")
    }
    (self.size, self.padding, self.padIfNeeded) = (size, padding, padIfNeeded)
    (self.fill, self.paddingMode) = (fill, paddingMode)
  }

  /// The part.
  public func apply(_ sample: Sample, key: RandomKey) throws(StrataError) -> Sample {
    var draws = RandomDraws(key)
    return try apply(sample) { draws.integer(below: $0) }
  }

  /// The part whose top and left, in this order, `draw` chooses below a bound.
  package func apply(_ sample: Sample, draw: (Int) -> Int) throws(StrataError) -> Sample {
    let (width, height) = try sample.size("RandomCrop")
    var (columns, rows) = (AxisMap(width), AxisMap(height))
    columns.pad(padding.left, padding.right, paddingMode)
    rows.pad(padding.top, padding.bottom, paddingMode)
    if padIfNeeded {
      let (across, down) = (max(size.width - columns.count, 0), max(size.height - rows.count, 0))
      columns.pad(across, across, paddingMode)
      rows.pad(down, down, paddingMode)
    }
    guard columns.count >= size.width, rows.count >= size.height else {
      throw StrataError(
        .argument,
        "RandomCrop cannot cut \(size.width) × \(size.height) pixels out of \(columns.count) × \(rows.count)")
    }
    let top = draw(rows.count - size.height + 1)
    let left = draw(columns.count - size.width + 1)
    rows.cut(top..<top + size.height)
    columns.cut(left..<left + size.width)
    return sample.mapped(columns, rows, fill: fill)
  }
}

/// Cuts out a part of any place, size and form and resizes it, torchvision's `RandomResizedCrop`.
public struct RandomResizedCrop: Transform {
  private let size: IntPair
  private let scale: ClosedRange<Double>
  private let ratio: ClosedRange<Double>
  private let interpolation: Interpolation

  /// Creates a transform.
  ///
  /// - Parameters:
  ///   - size: what the part is resized to.
  ///   - scale: its share of the picture.
  ///   - ratio: its width for a height of 1.
  public init(
    _ size: IntPair, scale: ClosedRange<Double> = 0.08...1, ratio: ClosedRange<Double> = 3.0 / 4...4.0 / 3,
    interpolation: Interpolation = .bilinear
  ) throws(StrataError) {
    try Parameter.check("RandomResizedCrop", size)
    try Parameter.checkPositive("RandomResizedCrop", scale: scale, ratio: ratio)
    (self.size, self.scale, self.ratio, self.interpolation) = (size, scale, ratio, interpolation)
  }

  /// The part, resized.
  public func apply(_ sample: Sample, key: RandomKey) throws(StrataError) -> Sample {
    try sample.mapImage("RandomResizedCrop") { image throws(StrataError) in
      var draws = RandomDraws(key)
      return try crop(image, box(image.width, image.height, &draws))
    }
  }

  /// A part of a picture, resized.
  package func crop(_ image: Image, _ box: Box) throws(StrataError) -> Image {
    var (columns, rows) = (AxisMap(image.width), AxisMap(image.height))
    columns.cut(box.left..<box.left + box.width)
    rows.cut(box.top..<box.top + box.height)
    return try image.mapped(columns, rows, fill: 0)
      .resized(width: size.width, height: size.height, interpolation: interpolation)
  }

  /// The part that is drawn: after ten that do not fit, the middle.
  package func box(_ width: Int, _ height: Int, _ draws: inout RandomDraws) -> Box {
    let logarithms = log(ratio.lowerBound)...log(ratio.upperBound)
    for _ in 0..<10 {
      let area = Double(width * height) * draws.uniform(scale)
      let form = exp(draws.uniform(logarithms))
      let (w, h) = Self.size(area: area, form: form)
      if (1...width).contains(w), (1...height).contains(h) {
        let top = draws.integer(below: height - h + 1)
        return Box(left: draws.integer(below: width - w + 1), top: top, width: w, height: h)
      }
    }
    return middle(width, height)
  }

  /// The sides of a part of an area and a form. Halves go to the even number, as in Python.
  static func size(area: Double, form: Double) -> (width: Int, height: Int) {
    let rounded = { (side: Double) in
      Int(min(side.squareRoot().rounded(.toNearestOrEven), Double(Image.longestSide) * 2))
    }
    return (rounded(area * form), rounded(area / form))
  }

  /// As much of the middle as the ratio allows.
  package func middle(_ width: Int, _ height: Int) -> Box {
    let form = Double(width) / Double(height)
    var (w, h) = (width, height)
    if form < ratio.lowerBound {
      h = Int((Double(width) / ratio.lowerBound).rounded(.toNearestOrEven))
    } else if form > ratio.upperBound {
      w = Int((Double(height) * ratio.upperBound).rounded(.toNearestOrEven))
    }
    // A picture of one row leaves nothing where the ratio rounds down to none.
    (w, h) = (min(max(w, 1), width), min(max(h, 1), height))
    return Box(left: (width - w) / 2, top: (height - h) / 2, width: w, height: h)
  }
}

/// A part of a picture.
package struct Box: Sendable, Hashable {
  package let left: Int
  package let top: Int
  package let width: Int
  package let height: Int

  package init(left: Int, top: Int, width: Int, height: Int) {
    (self.left, self.top, self.width, self.height) = (left, top, width, height)
  }
}

/// What parameters of transforms must be.
enum Parameter {
  static func check(_ transform: StaticString, _ size: IntPair) throws(StrataError) {
    let sides = 1...Image.longestSide
    guard sides.contains(size.width), sides.contains(size.height) else {
      throw StrataError(.argument, "\(transform) cannot give \(size.width) × \(size.height) pixels")
    }
  }

  static func check(_ transform: StaticString, probability: Double) throws(StrataError) {
    guard (0...1).contains(probability) else {
      throw StrataError(
        .argument, "\(transform) takes a probability between 0 and 1, not \(probability)")
    }
  }

  static func checkPositive(
    _ transform: StaticString, scale: ClosedRange<Double>, ratio: ClosedRange<Double>
  ) throws(StrataError) {
    guard scale.lowerBound >= 0, scale.upperBound <= 1, ratio.lowerBound > 0, ratio.upperBound < 1e6 else {
      throw StrataError(
        .argument, "\(transform) takes a scale within 0 to 1 and a positive ratio, not \(scale) and \(ratio)")
    }
  }
}
