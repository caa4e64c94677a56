import StrataCore

/// What is done to a picture before a network sees it, as torchvision's `weights.transforms()` does it: the
/// shorter side is resized, the middle cut out, bytes become numbers from 0 to 1 and these are normalised.
public struct ImagePreset: Sendable, Hashable {
  /// The pixels of the shorter side after resizing; nil leaves the size.
  public let resize: Int?
  /// The side of the square that is cut from the middle.
  public let crop: Int
  /// How pixels are made when resizing.
  public let interpolation: Interpolation
  /// What is taken from red, green and blue.
  public let mean: SIMD3<Float>
  /// What red, green and blue are divided by after that.
  public let std: SIMD3<Float>

  /// Creates a preset; the defaults are those of ImageNet's networks. Sides are 1 to 2²⁰ pixels.
  public init(
    resize: Int? = 256, crop: Int = 224, interpolation: Interpolation = .bilinear,
    mean: SIMD3<Float> = [0.485, 0.456, 0.406], std: SIMD3<Float> = [0.229, 0.224, 0.225]
  ) {
    let sides = 1...Image.longestSide
    precondition(
      sides.contains(crop) && sides.contains(resize ?? 1), "sides of \(resize ?? crop) and \(crop) pixels")
    self.resize = resize
    self.crop = crop
    self.interpolation = interpolation
    self.mean = mean
    self.std = std
  }

  /// 256 → 224: AlexNet, VGG, ResNet (`IMAGENET1K_V1`), MobileNet.
  public static let imageNet = ImagePreset()
  /// 232 → 224: torchvision's newer weights of ResNet and MobileNetV2 (`IMAGENET1K_V2`).
  public static let imageNetV2 = ImagePreset(resize: 232)

  /// The picture that the network sees, still in colours: resized and cut.
  public func image(of image: Image) -> Image {
    let size = image.size(ofShortSide: resize ?? min(image.width, image.height))
    let (columns, rows) = (CropAxis(size.width, crop), CropAxis(size.height, crop))
    return image.resampled(size, columns: columns.source, rows: rows.source, interpolation)
      .padded(left: columns.padding, top: rows.padding, width: crop, height: crop)
  }

  /// The network's input: `[3, crop, crop]` of type `float32`.
  public func tensor(of image: Image) -> HostTensor {
    HostTensor(shape: [3, crop, crop]) { (elements: UnsafeMutableBufferPointer<Float>) in
      if let start = elements.baseAddress { write(image, to: start) }
    }
  }

  /// The network's input for several pictures of any sizes: `[images.count, 3, crop, crop]`.
  public func batch(of images: [Image]) -> HostTensor {
    HostTensor(shape: [images.count, 3, crop, crop]) { (elements: UnsafeMutableBufferPointer<Float>) in
      guard let start = elements.baseAddress else { return }
      for (index, image) in images.enumerated() { write(image, to: start + index * 3 * crop * crop) }
    }
  }

  /// A byte has 256 values: each is normalised once, in the order in which PyTorch rounds.
  private func write(_ image: Image, to target: UnsafeMutablePointer<Float>) {
    let area = crop * crop
    self.image(of: image).withPixels { pixels in
      for channel in 0..<3 {
        let table = (0..<256).map { (Float($0) / 255 - mean[channel]) / std[channel] }
        for index in 0..<area {
          (target + channel * area + index).initialize(to: table[Int(pixels[index * 3 + channel])])
        }
      }
    }
  }
}
