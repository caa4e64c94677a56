import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// From the middle of a new pixel to where it lies in the source: x′ = ax + by + c, y′ = dx + ey + f.
struct AffineMap {
  var (a, b, c) = (1.0, 0.0, 0.0)
  var (d, e, f) = (0.0, 1.0, 0.0)

  func callAsFunction(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    (a * x + b * y + c, d * x + e * y + f)
  }
}

extension AffineMap {
  /// What torchvision's `affine` hands to Pillow for shears in degrees around the upper left corner and a
  /// shift, of which the others are none.
  static func sheared(x: Double, y: Double, by shift: (x: Double, y: Double)) -> AffineMap {
    let (sx, sy) = (x * .pi / 180, y * .pi / 180)
    let a = cos(-sy) / cos(sy)
    let b = -cos(-sy) * tan(sx) / cos(sy)
    let c = sin(-sy) / cos(sy)
    let d = -sin(-sy) * tan(sx) / cos(sy) + 1
    var map = AffineMap()
    (map.a, map.b, map.d, map.e) = (d, -b, -c, a)
    map.c = map.a * -shift.x + map.b * -shift.y
    map.f = map.d * -shift.x + map.e * -shift.y
    return map
  }
}

extension Image {
  /// The picture turned against the clock, as Pillow's `rotate` turns it.
  package func rotated(
    _ degrees: Double, interpolation: Interpolation = .nearest, expand: Bool = false, fill: UInt8 = 0
  ) -> Image {
    var angle = degrees.truncatingRemainder(dividingBy: 360)
    if angle < 0 { angle += 360 }
    if let turned = quarterTurned(angle, expand: expand) { return turned }
    let radians = -(angle * (.pi / 180))
    var map = AffineMap()
    (map.a, map.b) = (cos(radians).roundedTo15Places, sin(radians).roundedTo15Places)
    (map.d, map.e) = ((-sin(radians)).roundedTo15Places, cos(radians).roundedTo15Places)
    let (x, y) = (Double(width) / 2, Double(height) / 2)
    (map.c, map.f) = map(-x, -y)
    map.c += x
    map.f += y
    guard expand else { return transformed((width, height), map, interpolation, fill: fill) }
    let (right, bottom) = (Double(width), Double(height))
    let corners = [map(0, 0), map(right, 0), map(right, bottom), map(0, bottom)]
    let span = { (values: [Double]) in
      (values.max() ?? 0).rounded(.up) - (values.min() ?? 0).rounded(.down)
    }
    let size = (width: span(corners.map(\.x)), height: span(corners.map(\.y)))
    (map.c, map.f) = map(-(size.width - right) / 2, -(size.height - bottom) / 2)
    return transformed((Int(size.width), Int(size.height)), map, interpolation, fill: fill)
  }

  /// The picture after a turn that moves whole pixels.
  private func quarterTurned(_ angle: Double, expand: Bool) -> Image? {
    switch angle {
    case 0: return self
    case 180: return turned(.turnedHalf)
    case 90 where expand || width == height: return turned(.turnedLeft)
    case 270 where expand || width == height: return turned(.turnedRight)
    default: return nil
    }
  }

  /// The picture of another size whose pixels a map finds, as Pillow's `transform` makes it.
  func transformed(
    _ size: (width: Int, height: Int), _ map: AffineMap, _ interpolation: Interpolation, fill: UInt8
  ) -> Image {
    withStart { source in
      let sampler = Sampler(source: source, width: width, height: height)
      return Image(width: size.width, height: size.height) { target in
        target.initialize(repeating: fill, count: size.width * size.height * 3)
        switch interpolation {
        case .nearest where map.b == 0 && map.d == 0: sampler.scale(size, map, target)
        case .nearest: sampler.pick(size, map, target)
        case .bilinear: sampler.filter(size, map, target, sampler.bilinear)
        case .bicubic: sampler.filter(size, map, target, sampler.bicubic)
        }
      }
    }
  }
}

extension Double {
  /// Python's `round(self, 15)`, which looks at all digits of the number: the product alone would hide some.
  fileprivate var roundedTo15Places: Double {
    let scaled = self * 1e15
    let lost = (-scaled).addingProduct(self, 1e15)
    var integer = scaled.rounded(.toNearestOrEven)
    let rest = scaled - integer + lost
    if rest.magnitude > 0.5 { integer += rest > 0 ? 1 : -1 }
    return integer / 1e15
  }
}

/// Pillow's ways to a pixel between others (`Geometry.c`), term by term.
private struct Sampler {
  let source: UnsafePointer<UInt8>
  let width: Int
  let height: Int

  typealias Target = UnsafeMutablePointer<UInt8>

  private func copy(_ x: Int, _ y: Int, _ target: Target) {
    target.update(from: source + (y * width + x) * 3, count: 3)
  }

  /// Nearest, without turning: positions add up along each axis.
  func scale(_ size: (width: Int, height: Int), _ map: AffineMap, _ target: Target) {
    let coordinate = { (value: Double) in value < 0 ? -1 : Int(value) }
    var y = map.f + map.e * 0.5
    for row in 0..<size.height {
      var x = map.c + map.a * 0.5
      for column in 0..<size.width {
        let (sourceX, sourceY) = (coordinate(x), coordinate(y))
        if (0..<width).contains(sourceX), (0..<height).contains(sourceY) {
          copy(sourceX, sourceY, target + (row * size.width + column) * 3)
        }
        x += map.a
      }
      y += map.e
    }
  }

  /// Nearest: Pillow counts in 65536ths of a pixel, unless the picture is too large for 32 bits.
  func pick(_ size: (width: Int, height: Int), _ map: AffineMap, _ target: Target) {
    let fixed = { (value: Double) in Int((value * 65536 + 0.5).rounded(.down)) }
    let (right, down) = ((fixed(map.a), fixed(map.d)), (fixed(map.b), fixed(map.e)))
    var row = (fixed(map.c + map.a * 0.5 + map.b * 0.5), fixed(map.f + map.d * 0.5 + map.e * 0.5))
    for y in 0..<size.height {
      var place = row
      for x in 0..<size.width {
        let (sourceX, sourceY) = (place.0 >> 16, place.1 >> 16)
        if (0..<width).contains(sourceX), (0..<height).contains(sourceY) {
          copy(sourceX, sourceY, target + (y * size.width + x) * 3)
        }
        place = (place.0 + right.0, place.1 + right.1)
      }
      row = (row.0 + down.0, row.1 + down.1)
    }
  }

  /// A filter over the pixels around; what lies outside keeps its colour.
  func filter(
    _ size: (width: Int, height: Int), _ map: AffineMap, _ target: Target,
    _ pixel: (Double, Double, Int) -> Double
  ) {
    for y in 0..<size.height {
      for x in 0..<size.width {
        let place = map(Double(x) + 0.5, Double(y) + 0.5)
        guard place.x >= 0, place.x < Double(width), place.y >= 0, place.y < Double(height) else { continue }
        let pixelTarget = target + (y * size.width + x) * 3
        for channel in 0..<3 {
          pixelTarget[channel] = UInt8(min(max(pixel(place.x - 0.5, place.y - 0.5, channel), 0), 255))
        }
      }
    }
  }

  private func value(_ x: Int, _ y: Int, _ channel: Int) -> Double {
    Double(source[(min(max(y, 0), height - 1) * width + min(max(x, 0), width - 1)) * 3 + channel])
  }

  func bilinear(_ x: Double, _ y: Double, _ channel: Int) -> Double {
    let (left, top) = (Int(x.rounded(.down)), Int(y.rounded(.down)))
    let (dx, dy) = (x - Double(left), y - Double(top))
    func line(_ y: Int) -> Double {
      let (a, b) = (value(left, y, channel), value(left + 1, y, channel))
      return a + (b - a) * dx
    }
    let first = line(top)
    let second = top + 1 < height ? line(top + 1) : first
    return first + (second - first) * dy
  }

  func bicubic(_ x: Double, _ y: Double, _ channel: Int) -> Double {
    let (left, top) = (Int(x.rounded(.down)), Int(y.rounded(.down)))
    let (dx, dy) = (x - Double(left), y - Double(top))
    func cubic(_ v: (Double, Double, Double, Double), _ d: Double) -> Double {
      let (p1, p2) = (v.1, -v.0 + v.2)
      let (p3, p4) = (2 * (v.0 - v.1) + v.2 - v.3, -v.0 + v.1 - v.2 + v.3)
      return p1 + d * (p2 + d * (p3 + d * p4))
    }
    func line(_ y: Int) -> Double {
      cubic(
        (
          value(left - 1, y, channel), value(left, y, channel), value(left + 1, y, channel),
          value(left + 2, y, channel)
        ), dx)
    }
    // Below the last row Pillow repeats the line before, not the last row's.
    let lines = (line(top - 1), top < 0 ? line(0) : line(top))
    let third = top + 1 < height ? line(top + 1) : lines.1
    let fourth = top + 2 < height ? line(top + 2) : third
    return cubic((lines.0, lines.1, third, fourth), dy)
  }
}
