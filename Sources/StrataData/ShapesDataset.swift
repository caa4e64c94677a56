import StrataCore

/// The shapes of the toy set, in the order of their labels.
public enum ToyShape: String, Sendable, Hashable, CaseIterable {
  case circle, square, triangle, cross, star, ring, bar, crescent, heart, arrow

  /// Whether a point lies in the shape, which fills about the circle of radius 1; y goes down.
  func contains(_ x: Double, _ y: Double) -> Bool {
    switch self {
    case .circle: return x * x + y * y < 0.72
    case .square: return max(x.magnitude, y.magnitude) < 0.75
    case .triangle: return y < 0.55 && y > 1.73 * x.magnitude - 1
    case .cross: return min(x.magnitude, y.magnitude) < 0.27 && max(x.magnitude, y.magnitude) < 0.95
    case .star: return Self.star(x, y)
    case .ring: return (0.3..<0.8).contains(x * x + y * y)
    case .bar: return x.magnitude < 0.95 && y.magnitude < 0.24
    case .crescent: return x * x + y * y < 0.8 && (x - 0.42) * (x - 0.42) + y * y > 0.45
    case .heart: return Self.heart(x, y)
    case .arrow:
      let isInHead = x > 0.05 && x + 1.1 * y.magnitude < 0.95
      return isInHead || (x > -0.9 && x <= 0.05 && y.magnitude < 0.2)
    }
  }

  /// A five-pointed star: in at least three of the five half planes that its edges span.
  private static func star(_ x: Double, _ y: Double) -> Bool {
    // The sine and cosine of multiples of a fifth of a turn.
    let normals = [
      (0.0, 1.0), (0.951_056_516_3, 0.309_016_994_4), (0.587_785_252_3, -0.809_016_994_4),
      (-0.587_785_252_3, -0.809_016_994_4), (-0.951_056_516_3, 0.309_016_994_4),
    ]
    return normals.count { x * $0.0 + y * $0.1 < 0.31 } >= 4 && x * x + y * y < 1
  }

  private static func heart(_ x: Double, _ y: Double) -> Bool {
    let (across, up) = (1.25 * x, 0.15 - 1.25 * y)
    let sum = across * across + up * up - 0.75
    return sum * sum * sum < across * across * up * up * up * 1.4
  }
}

/// A toy set to learn from within a minute: shapes of any colour, size and angle on noisy grounds.
///
/// A picture depends on the seed, its number and its shape alone, and is drawn when it is asked for.
public struct ShapesDataset: Dataset {
  /// The number of pictures.
  public let count: Int
  /// Their width and height.
  public let size: Int
  /// What is drawn, in the order of labels.
  public let shapes: [ToyShape]
  /// What the pictures follow from.
  public let seed: UInt64

  /// Creates a set.
  public init(
    count: Int = 2000, size: Int = 32, shapes: [ToyShape] = Array(ToyShape.allCases.prefix(5)),
    seed: UInt64 = 0
  ) throws(StrataError) {
    guard count > 0 else { throw StrataError(.argument, "a set has 1 picture or more, not \(count)") }
    guard (8...1024).contains(size) else {
      throw StrataError(.argument, "pictures of shapes have sides of 8 to 1024 pixels, not \(size)")
    }
    guard !shapes.isEmpty, Set(shapes).count == shapes.count else {
      throw StrataError(.argument, "each shape is drawn for one class, and one class at least there must be")
    }
    (self.count, self.size, self.shapes, self.seed) = (count, size, shapes, seed)
  }

  /// The names of the shapes.
  public var classNames: [String] { shapes.map(\.rawValue) }
  /// The label of a number.
  public func label(at index: Int) throws(StrataError) -> Int { label(index) }

  /// Labels take turns, each time beginning with the next: so all come as often in every part of the set, be it
  /// each fifth picture.
  private func label(_ index: Int) -> Int { (index + index / shapes.count) % shapes.count }

  /// The picture of a number.
  public func item(at index: Int) throws(StrataError) -> Example {
    Example(.image(image(index)), label: label(index))
  }

  /// The picture of a number.
  public func image(_ index: Int) -> Image {
    let key = RandomKey(seed: seed).child(index)
    let scene = Scene(shapes[label(index)], size, key.child(0))
    let noise = key.child(1)
    return Image(width: size, height: size) { target in
      for pixel in 0..<size * size {
        let colour = scene.colour(pixel % size, pixel / size)
        // A word of 32 bits has three bytes to spare, and each makes the noise of a colour.
        let word = noise.words(UInt64(pixel)).x
        for channel in 0..<3 {
          let byte = Double((word >> (8 * UInt32(channel))) & 255)
          let value = colour[channel] + scene.noise * (byte - 127.5) / 127.5
          target[pixel * 3 + channel] = UInt8(min(max(value + 0.5, 0), 255))
        }
      }
    }
  }
}

/// What chance decides about a picture.
private struct Scene {
  let shape: ToyShape
  let center: (x: Double, y: Double)
  let radius: Double
  let direction: (x: Double, y: Double)
  let foreground: SIMD3<Double>
  let ground: SIMD3<Double>
  let slope: SIMD2<Double>
  let noise: Double

  init(_ shape: ToyShape, _ size: Int, _ key: RandomKey) {
    var draws = RandomDraws(key)
    let side = Double(size)
    self.shape = shape
    radius = side * draws.uniform(0.26...0.42)
    let room = side / 2 - radius
    center = (
      side / 2 + room * draws.uniform(-1...1), side / 2 + room * draws.uniform(-1...1)
    )
    // A point of the circle found by trying, so that no function of the C library can make a difference.
    var (x, y, length) = (1.0, 0.0, 0.0)
    while !(0.01...1).contains(length) {
      (x, y) = (draws.uniform(-1...1), draws.uniform(-1...1))
      length = x * x + y * y
    }
    direction = (x / length.squareRoot(), y / length.squareRoot())
    func colour() -> SIMD3<Double> {
      SIMD3(draws.uniform(0...255), draws.uniform(0...255), draws.uniform(0...255))
    }
    let ground = colour()
    var foreground = colour()
    // Shape and ground must differ: in some colour clearly, or in all somewhat.
    while ((foreground - ground) * (foreground - ground)).sum() < 130 * 130 { foreground = colour() }
    (self.ground, self.foreground) = (ground, foreground)
    slope = SIMD2(draws.uniform(-40...40), draws.uniform(-40...40)) / side
    noise = draws.uniform(5...30)
  }

  /// The colour of a pixel: sixteen points in it decide how much of the shape it has.
  func colour(_ column: Int, _ row: Int) -> SIMD3<Double> {
    var inside = 0.0
    for point in 0..<16 {
      let x = (Double(column) + (Double(point % 4) + 0.5) / 4 - center.x) / radius
      let y = (Double(row) + (Double(point / 4) + 0.5) / 4 - center.y) / radius
      let isInside = shape.contains(
        x * direction.x + y * direction.y, y * direction.x - x * direction.y)
      inside += isInside ? 0.0625 : 0
    }
    let shade = slope.x * (Double(column) - center.x) + slope.y * (Double(row) - center.y)
    return (ground + SIMD3(repeating: shade)) * (1 - inside) + foreground * inside
  }
}
