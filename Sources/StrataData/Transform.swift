import StrataCore

/// What is done to a sample on its way to the network.
///
/// Whatever is random follows from the key, which the loader derives from seed, epoch and index: the same
/// sample comes out however many threads work, and after a run is resumed.
public protocol Transform: Sendable {
  /// The sample after the transform.
  func apply(_ sample: Sample, key: RandomKey) throws(StrataError) -> Sample
}

/// What is done to a batch as a whole, such as `Mixup`.
public protocol BatchTransform: Sendable {
  /// The batch after the transform.
  func apply(_ batch: Batch, key: RandomKey) throws(StrataError) -> Batch
}

/// Transforms one after the other, torchvision's `Compose`.
public struct Compose: Transform {
  /// The transforms, the first one first.
  public let transforms: [any Transform]

  /// Creates a chain.
  public init(_ transforms: [any Transform]) { self.transforms = transforms }

  /// The sample after all transforms; each has a key of its own.
  public func apply(_ sample: Sample, key: RandomKey) throws(StrataError) -> Sample {
    var sample = sample
    for (index, transform) in transforms.enumerated() {
      sample = try transform.apply(sample, key: key.child(index))
    }
    return sample
  }
}

/// Bytes become numbers from 0 to 1, torchvision's `ToTensor`: `[3, height, width]`, of greys
/// `[1, height, width]`. What already is a tensor stays as it is.
public struct ToTensor: Transform {
  /// Creates the transform.
  public init() {}

  /// The sample as a tensor.
  public func apply(_ sample: Sample, key: RandomKey) throws(StrataError) -> Sample {
    .tensor(sample.tensor)
  }
}

/// Takes a mean from each channel and divides by a deviation, torchvision's `Normalize`.
public struct Normalize: Transform {
  /// What is taken from each channel.
  public let mean: [Float]
  /// What each is divided by after that.
  public let std: [Float]

  /// Creates the transform of one number a channel, or one for all.
  public init(mean: [Float], std: [Float]) throws(StrataError) {
    guard !mean.isEmpty, mean.count == std.count else {
      throw StrataError(
        .argument, "Normalize takes a mean and a deviation a channel, got \(mean.count) and \(std.count)")
    }
    guard std.allSatisfy({ $0 != 0 && $0.isFinite }), mean.allSatisfy(\.isFinite) else {
      throw StrataError(.argument, "Normalize cannot divide by \(std) or take \(mean)")
    }
    self.mean = mean
    self.std = std
  }

  /// The means and deviations of ImageNet's colours.
  public static let imageNet = ImagePreset.imageNet.normalize

  init(mean: SIMD3<Float>, std: SIMD3<Float>) {
    self.mean = [mean.x, mean.y, mean.z]
    self.std = [std.x, std.y, std.z]
  }

  /// The normalised tensor.
  public func apply(_ sample: Sample, key: RandomKey) throws(StrataError) -> Sample {
    let tensor = sample.tensor.converted(to: .float32)
    guard tensor.shape.rank == 3, mean.count == 1 || mean.count == tensor.shape[0] else {
      throw StrataError(.shape, "Normalize expects [\(mean.count), height, width], got \(tensor.shape)")
    }
    let area = tensor.shape[1] * tensor.shape[2]
    return .tensor(
      HostTensor(shape: tensor.shape) { (target: UnsafeMutableBufferPointer<Float>) in
        tensor.withElements(as: Float.self) { source in
          for channel in 0..<tensor.shape[0] {
            let (mean, std) = mean.count == 1 ? (mean[0], std[0]) : (mean[channel], std[channel])
            for index in channel * area..<(channel + 1) * area {
              target.initializeElement(at: index, to: (source[index] - mean) / std)
            }
          }
        }
      })
  }
}

extension ImagePreset: Transform {
  /// The part that works on numbers.
  var normalize: Normalize { Normalize(mean: mean, std: std) }

  /// The network's input.
  public func apply(_ sample: Sample, key: RandomKey) throws(StrataError) -> Sample {
    switch sample {
    case .image(let image), .grey(let image): return .tensor(tensor(of: image))
    case .tensor:
      throw StrataError(.argument, "ImagePreset works on pictures: no transform before it may make a tensor")
    }
  }
}

extension Sample {
  /// The numbers that a network is shown: bytes become numbers from 0 to 1, tensors stay as they are.
  public var tensor: HostTensor {
    switch self {
    case .image(let image): image.planes(3)
    case .grey(let image): image.planes(1)
    case .tensor(let tensor): tensor
    }
  }

  /// The picture that a transform changes, which makes another of its kind.
  func mapImage(
    _ transform: StaticString, _ body: (Image) throws(StrataError) -> Image
  ) throws(StrataError) -> Sample {
    switch self {
    case .image(let image): return .image(try body(image))
    case .grey(let image): return .grey(try body(image))
    case .tensor:
      throw StrataError(.argument, "\(transform) works on pictures: put it before ToTensor")
    }
  }
}

extension Image {
  /// The first channels as numbers from 0 to 1, `[channels, height, width]`.
  func planes(_ channels: Int) -> HostTensor {
    let table = (0..<256).map { Float($0) / 255 }
    let area = width * height
    return HostTensor(shape: [channels, height, width]) { (target: UnsafeMutableBufferPointer<Float>) in
      guard let target = target.baseAddress else { return }
      table.withUnsafeBufferPointer { table in
        withStart { source in
          for channel in 0..<channels {
            let (plane, source) = (target + channel * area, source + channel)
            for index in 0..<area { (plane + index).initialize(to: table[Int(source[index * 3])]) }
          }
        }
      }
    }
  }
}
