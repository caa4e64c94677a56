import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A few changes of chance, all of one magnitude: torchvision's `RandAugment`, of Cubuk and others (2020).
public struct RandAugment: Transform {
  private let numOps: Int
  private let magnitude: Int
  private let numMagnitudeBins: Int
  private let interpolation: Interpolation
  private let fill: UInt8

  /// Creates a transform.
  ///
  /// - Parameters:
  ///   - numOps: how many changes follow each other.
  ///   - magnitude: how strong they are, below `numMagnitudeBins`.
  public init(
    numOps: Int = 2, magnitude: Int = 9, numMagnitudeBins: Int = 31,
    interpolation: Interpolation = .nearest, fill: UInt8 = 0
  ) throws(StrataError) {
    guard (0...1000).contains(numOps) else {
      throw StrataError(.argument, "RandAugment makes 0 to 1000 changes, not \(numOps)")
    }
    guard (2...1000).contains(numMagnitudeBins), (0..<numMagnitudeBins).contains(magnitude) else {
      throw StrataError(
        .argument, "RandAugment takes a magnitude below its \(numMagnitudeBins) bins, not \(magnitude)")
    }
    (self.numOps, self.magnitude, self.numMagnitudeBins) = (numOps, magnitude, numMagnitudeBins)
    (self.interpolation, self.fill) = (interpolation, fill)
  }

  /// The changed picture.
  public func apply(_ sample: Sample, key: RandomKey) throws(StrataError) -> Sample {
    try sample.mapImage("RandAugment") { image in
      var draws = RandomDraws(key)
      return (0..<numOps).reduce(image) { image, _ in
        let change = Change.allCases[draws.integer(below: Change.allCases.count)]
        let isNegative = change.isSigned && draws.chance(0.5)
        return apply(change, to: image, isNegative: isNegative)
      }
    }
  }

  /// The changes, in torchvision's order and with its names.
  package enum Change: String, CaseIterable, Sendable {
    case identity = "Identity"
    case shearX = "ShearX"
    case shearY = "ShearY"
    case translateX = "TranslateX"
    case translateY = "TranslateY"
    case rotate = "Rotate"
    case brightness = "Brightness"
    case color = "Color"
    case contrast = "Contrast"
    case sharpness = "Sharpness"
    case posterize = "Posterize"
    case solarize = "Solarize"
    case autoContrast = "AutoContrast"
    case equalize = "Equalize"

    var isSigned: Bool {
      switch self {
      case .identity, .posterize, .solarize, .autoContrast, .equalize: false
      case .shearX, .shearY, .translateX, .translateY, .rotate, .brightness, .color, .contrast, .sharpness:
        true
      }
    }
  }

  /// A change of a picture.
  package func apply(_ change: Change, to image: Image, isNegative: Bool) -> Image {
    let sign = isNegative ? -1.0 : 1.0
    let third = sign * bin(to: 0.3)
    let enhancement = 1 + sign * bin(to: 0.9)
    switch change {
    case .identity: return image
    case .shearX: return affine(image, .sheared(x: atan(third) * 180 / .pi, y: 0, by: (0, 0)))
    case .shearY: return affine(image, .sheared(x: 0, y: atan(third) * 180 / .pi, by: (0, 0)))
    case .translateX:
      let shift = (sign * bin(to: 150.0 / 331 * Double(image.width))).rounded(.towardZero)
      return affine(image, .sheared(x: 0, y: 0, by: (shift, 0)))
    case .translateY:
      let shift = (sign * bin(to: 150.0 / 331 * Double(image.height))).rounded(.towardZero)
      return affine(image, .sheared(x: 0, y: 0, by: (0, shift)))
    case .rotate: return image.rotated(sign * bin(to: 30), interpolation: interpolation, fill: fill)
    case .brightness: return image.brightness(enhancement)
    case .color: return image.saturation(enhancement)
    case .contrast: return image.contrast(enhancement)
    case .sharpness: return image.sharpness(enhancement)
    case .posterize:
      let width = Float(Double(numMagnitudeBins - 1) / 4)
      return image.posterized(bits: 8 - Int((Float(magnitude) / width).rounded(.toNearestOrEven)))
    case .solarize: return image.solarized(threshold: bin(from: 255, to: 0))
    case .autoContrast: return image.autocontrasted()
    case .equalize: return image.equalized()
    }
  }

  private func affine(_ image: Image, _ map: AffineMap) -> Image {
    image.transformed((image.width, image.height), map, interpolation, fill: fill)
  }

  /// The magnitude's place in `torch.linspace`, which counts in single precision from the nearer end.
  private func bin(from start: Double = 0, to end: Double) -> Double {
    let (first, last) = (Float(start), Float(end))
    let step = (last - first) / Float(numMagnitudeBins - 1)
    let isInFirstHalf = magnitude < numMagnitudeBins / 2
    let value =
      isInFirstHalf
      ? first + step * Float(magnitude) : last - step * Float(numMagnitudeBins - 1 - magnitude)
    return Double(value)
  }
}
