import StrataCore

/// Mirrors left and right with a probability, torchvision's `RandomHorizontalFlip`.
public struct RandomHorizontalFlip: Transform {
  private let p: Double

  /// Creates a transform.
  public init(p: Double = 0.5) throws(StrataError) {
    try Parameter.check("RandomHorizontalFlip", probability: p)
    self.p = p
  }

  /// The sample, mirrored or not.
  public func apply(_ sample: Sample, key: RandomKey) throws(StrataError) -> Sample {
    var draws = RandomDraws(key)
    let (width, height) = try sample.size("RandomHorizontalFlip")
    guard draws.chance(p) else { return sample }
    var columns = AxisMap(width)
    columns.reverse()
    return sample.mapped(columns, AxisMap(height))
  }
}

/// Mirrors top and bottom with a probability, torchvision's `RandomVerticalFlip`.
public struct RandomVerticalFlip: Transform {
  private let p: Double

  /// Creates a transform.
  public init(p: Double = 0.5) throws(StrataError) {
    try Parameter.check("RandomVerticalFlip", probability: p)
    self.p = p
  }

  /// The sample, mirrored or not.
  public func apply(_ sample: Sample, key: RandomKey) throws(StrataError) -> Sample {
    var draws = RandomDraws(key)
    let (width, height) = try sample.size("RandomVerticalFlip")
    guard draws.chance(p) else { return sample }
    var rows = AxisMap(height)
    rows.reverse()
    return sample.mapped(AxisMap(width), rows)
  }
}

/// Turns a picture by an angle of chance, torchvision's `RandomRotation`.
public struct RandomRotation: Transform {
  private let degrees: ClosedRange<Double>
  private let interpolation: Interpolation
  private let expand: Bool
  private let fill: UInt8

  /// Creates a transform that turns by up to some degrees either way.
  public init(
    _ degrees: Double, interpolation: Interpolation = .nearest, expand: Bool = false, fill: UInt8 = 0
  ) throws(StrataError) {
    guard degrees >= 0, degrees.isFinite else {
      throw StrataError(.argument, "RandomRotation takes 0 degrees or more, not \(degrees)")
    }
    try self.init(-degrees...degrees, interpolation: interpolation, expand: expand, fill: fill)
  }

  /// Creates a transform that turns by an angle of a range, in degrees against the clock.
  public init(
    _ degrees: ClosedRange<Double>, interpolation: Interpolation = .nearest, expand: Bool = false,
    fill: UInt8 = 0
  ) throws(StrataError) {
    guard degrees.lowerBound.isFinite, degrees.upperBound.isFinite else {
      throw StrataError(.argument, "RandomRotation cannot turn by \(degrees) degrees")
    }
    (self.degrees, self.interpolation, self.expand, self.fill) = (degrees, interpolation, expand, fill)
  }

  /// The turned picture.
  public func apply(_ sample: Sample, key: RandomKey) throws(StrataError) -> Sample {
    try sample.mapImage("RandomRotation") { image throws(StrataError) in
      var draws = RandomDraws(key)
      return image.rotated(
        draws.uniform(degrees), interpolation: interpolation, expand: expand, fill: fill)
    }
  }
}
