import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Changes of colour, each as torchvision makes it with Pillow: `ImageEnhance`, `ImageOps`, the hue by way of
/// Pillow's HSV.
extension Image {
  /// Black at 0, the picture itself at 1, brighter beyond.
  package func brightness(_ factor: Double) -> Image {
    if factor == 1 { return self }
    return looked(up: (0...255).map { Self.blend(0, $0, Float(factor)) })
  }

  /// One grey at 0, the picture itself at 1, stronger beyond.
  package func contrast(_ factor: Double) -> Image {
    if factor == 1 { return self }
    let sum = withStart { source in
      (0..<width * height).reduce(0) { $0 + Self.grey(source + $1 * 3) }
    }
    let mean = UInt8(Double(sum) / Double(width * height) + 0.5)
    return looked(up: (0...255).map { Self.blend(mean, $0, Float(factor)) })
  }

  /// Greys at 0, the picture itself at 1, more colourful beyond.
  package func saturation(_ factor: Double) -> Image {
    if factor == 1 { return self }
    let factor = Float(factor)
    return mapped { source, target in
      let grey = UInt8(truncatingIfNeeded: Self.grey(source))
      for channel in 0..<3 { target[channel] = Self.blend(grey, source[channel], factor) }
    }
  }

  /// All colours moved along the circle of hues by a part of it, −0.5 to 0.5.
  package func hue(_ factor: Double) -> Image {
    let shift = UInt8(truncatingIfNeeded: Int(factor * 255))
    return mapped { source, target in
      var (hue, saturation, value) = Self.hsv(source[0], source[1], source[2])
      hue &+= shift
      (target[0], target[1], target[2]) = Self.rgb(hue, saturation, value)
    }
  }

  /// Smooth at 0, the picture itself at 1, sharper beyond.
  package func sharpness(_ factor: Double) -> Image {
    if factor == 1 { return self }
    let (factor, row) = (Float(factor), width * 3)
    return withStart { source in
      Image(width: width, height: height) { target in
        // Pillow leaves the border as it is.
        target.initialize(from: source, count: row * height)
        guard width > 2, height > 2 else { return }
        for y in 1..<height - 1 {
          for index in y * row + 3..<(y + 1) * row - 3 {
            var sum = 4 * Int(source[index])
            for line in [index - row, index, index + row] {
              sum += Int(source[line - 3]) + Int(source[line]) + Int(source[line + 3])
            }
            let smooth = UInt8((2 * sum + 13) / 26)
            target[index] = Self.blend(smooth, source[index], factor)
          }
        }
      }
    }
  }

  /// The first bits of each byte.
  package func posterized(bits: Int) -> Image {
    let mask = UInt8(truncatingIfNeeded: -1 << (8 - min(max(bits, 0), 8)))
    return looked(up: (0...255).map { $0 & mask })
  }

  /// Bytes from a threshold on inverted.
  package func solarized(threshold: Double) -> Image {
    looked(up: (0...255).map { Double($0) < threshold ? $0 : 255 - $0 })
  }

  /// Each colour stretched from its darkest to 0 and from its brightest to 255.
  package func autocontrasted() -> Image {
    looked { histogram in
      let present = histogram.indices.filter { histogram[$0] > 0 }
      guard let low = present.first, let high = present.last, low < high else { return nil }
      let scale = 255 / Double(high - low)
      let offset = Double(-low) * scale
      return (0..<256).map { UInt8(min(max(Int(Double($0) * scale + offset), 0), 255)) }
    }
  }

  /// Each colour's bytes spread so that all come about equally often.
  package func equalized() -> Image {
    looked { histogram in
      let present = histogram.filter { $0 > 0 }
      guard present.count > 1, let last = present.last else { return nil }
      let step = (present.reduce(0, +) - last) / 255
      guard step > 0 else { return nil }
      var sum = step / 2
      return histogram.map { count in
        defer { sum += count }
        return UInt8(min(sum / step, 255))
      }
    }
  }

  /// Pillow's `Image.blend` of two bytes.
  private static func blend(_ first: UInt8, _ second: UInt8, _ factor: Float) -> UInt8 {
    let value = Float(first) + factor * (Float(second) - Float(first))
    return UInt8(min(max(value, 0), 255))
  }

  /// Pillow's luminance of a pixel.
  private static func grey(_ pixel: UnsafePointer<UInt8>) -> Int {
    (Int(pixel[0]) * 19595 + Int(pixel[1]) * 38470 + Int(pixel[2]) * 7471 + 0x8000) >> 16
  }

  /// Hue, saturation and value as Pillow computes them, now in single and now in double precision.
  private static func hsv(_ r: UInt8, _ g: UInt8, _ b: UInt8) -> (UInt8, UInt8, UInt8) {
    let (high, low) = (max(r, g, b), min(r, g, b))
    guard low < high else { return (0, 0, high) }
    let range = Float(high - low)
    let saturation = range / Float(high)
    let (rc, gc, bc) = (Float(high - r) / range, Float(high - g) / range, Float(high - b) / range)
    var hue: Float
    if r == high {
      hue = bc - gc
    } else if g == high {
      hue = Float(2 + Double(rc) - Double(bc))
    } else {
      hue = Float(4 + Double(gc) - Double(rc))
    }
    hue = Float((Double(hue) / 6 + 1).truncatingRemainder(dividingBy: 1))
    return (UInt8(Double(hue) * 255), UInt8(Double(saturation) * 255), high)
  }

  private static func rgb(_ h: UInt8, _ s: UInt8, _ v: UInt8) -> (UInt8, UInt8, UInt8) {
    guard s > 0 else { return (v, v, v) }
    let place = Double(h) * 6 / 255
    let sector = Int(place)
    let rest = Double(Float(place - Double(sector)))
    let share = Double(Float(Double(s) / 255))
    let value = { (part: Double) in UInt8((Double(v) * part).rounded(.toNearestOrAwayFromZero)) }
    let (p, q, t) = (value(1 - share), value(1 - share * rest), value(1 - share * (1 - rest)))
    switch sector % 6 {
    case 0: return (v, t, p)
    case 1: return (q, v, p)
    case 2: return (p, v, t)
    case 3: return (p, q, v)
    case 4: return (t, p, v)
    default: return (v, p, q)
    }
  }

  /// Each pixel made of the one in its place.
  private func mapped(_ body: (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>) -> Void) -> Image {
    withStart { source in
      Image(width: width, height: height) { target in
        for index in 0..<width * height { body(source + index * 3, target + index * 3) }
      }
    }
  }

  /// Each byte replaced by a table's.
  private func looked(up table: [UInt8]) -> Image {
    table.withUnsafeBufferPointer { table in
      withStart { source in
        Image(width: width, height: height) { target in
          for index in 0..<width * height * 3 { target[index] = table[Int(source[index])] }
        }
      }
    }
  }

  /// Each byte replaced by that of a table for its colour, which is made of how often each of its bytes comes.
  private func looked(_ table: ([Int]) -> [UInt8]?) -> Image {
    withStart { source in
      Image(width: width, height: height) { target in
        for channel in 0..<3 {
          let places = stride(from: channel, to: width * height * 3, by: 3)
          var histogram = [Int](repeating: 0, count: 256)
          for index in places { histogram[Int(source[index])] += 1 }
          let table = table(histogram) ?? Array(0...255)
          for index in places { target[index] = table[Int(source[index])] }
        }
      }
    }
  }
}
