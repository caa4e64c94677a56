import StrataCore
import StrataData

/// How pictures become a network's input, in training and after it.
public struct Preparation: Sendable {
  /// The side of the input.
  public let side: Int
  /// The channels of the input.
  public let channels: Int
  /// What is taken from each channel.
  public let mean: [Float]
  /// What each channel is divided by after that.
  public let std: [Float]
  /// What is done to training pictures.
  public let training: any Transform
  /// What is done to all others.
  public let evaluation: any Transform

  /// Prepares data for a network.
  ///
  /// - Parameters:
  ///   - data: What the pictures are.
  ///   - side: The side of the input.
  ///   - channels: The channels of the input, 1 or 3.
  ///   - options: The changes by chance, and the normalisation: ImageNet's for colours, 0.5 for greys by default.
  public init(
    for data: TrainingData, side: Int, channels: Int, _ options: TrainingOptions
  ) throws(StrataError) {
    guard channels == 1 || channels == 3 else {
      throw StrataError(.argument, "pictures become 1 or 3 channels, not \(channels)")
    }
    guard channels >= data.channels else {
      throw StrataError(
        .argument, "\(data.title): the pictures have colours, and the network takes 1 channel")
    }
    let normal = Preparation.normalisation(channels: channels, options)
    (mean, std) = (normal.mean.map { Float($0) }, normal.std.map { Float($0) })
    (self.side, self.channels) = (side, channels)
    for (name, numbers) in [("mean", mean), ("std", std)]
    where numbers.count != 1 && numbers.count != channels {
      throw StrataError(
        .argument, "--\(name) has \(numbers.count) numbers, and the input \(channels) channels")
    }
    let end: [any Transform] = [ToTensor(), try Normalize(mean: mean, std: std)]
    let colours: [any Transform] = channels > data.channels ? [Colours()] : []
    let fitting = try Preparation.fitting(data, side, options)
    evaluation = Compose(colours + fitting + end)
    let chance = try Preparation.chance(options.augment, side)
    let first = options.augment.contains(.resizedCrop) ? [] : fitting
    var after: [any Transform] = []
    if options.augment.contains(.erase) { after = [try RandomErasing(p: 0.25)] }
    training = Compose(colours + first + chance + end + after)
  }

  /// What is taken from each channel, and what it is divided by after that: as the options say, or ImageNet's numbers
  /// for colours and 0.5 for greys.
  static func normalisation(
    channels: Int, _ options: TrainingOptions
  ) -> (mean: [Double], std: [Double]) {
    let (mean, std) = channels == 3 ? ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]) : ([0.5], [0.5])
    return (options.mean.isEmpty ? mean : options.mean, options.std.isEmpty ? std : options.std)
  }

  /// Pictures of one square size are resized as wholes, others have their middle cut out.
  private static func fitting(
    _ data: TrainingData, _ side: Int, _ options: TrainingOptions
  ) throws(StrataError) -> [any Transform] {
    if data.side == side && options.cropShare == nil { return [] }
    let share = options.cropShare ?? (data.side == nil && side >= 128 ? 0.875 : 1)
    let resized = max(side, Int((Double(side) / share).rounded()))
    return [try Resize(resized), try CenterCrop(IntPair(side))]
  }

  private static func chance(
    _ augmentations: [Augmentation], _ side: Int
  ) throws(StrataError) -> [any Transform] {
    var result: [any Transform] = []
    for augmentation in Augmentation.allCases where augmentations.contains(augmentation) {
      switch augmentation {
      case .flip: result.append(try RandomHorizontalFlip())
      case .crop:
        result.append(try RandomCrop(IntPair(side), padding: ImagePadding(max(1, side / 8))))
      case .resizedCrop: result.insert(try RandomResizedCrop(IntPair(side)), at: 0)
      case .rotate: result.append(try RandomRotation(15, interpolation: .bilinear))
      case .jitter:
        result.append(try ColorJitter(brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1))
      case .rand: result.append(try RandAugment())
      case .erase: break
      }
    }
    return result
  }
}

/// Gives pictures of greys three equal channels.
struct Colours: Transform {
  func apply(_ sample: Sample, key: RandomKey) throws(StrataError) -> Sample {
    guard case .grey(let image) = sample else { return sample }
    return .image(image)
  }
}
