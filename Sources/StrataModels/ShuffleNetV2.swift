import StrataCore
import StrataGraph
import StrataNN

/// ShuffleNetV2: half of the channels pass through, and channels change places after each block.
///
/// Ma, Zhang, Zheng and Sun: "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design"
/// (2018), https://arxiv.org/abs/1807.11164.
///
/// Input `[N, 3, H, W]`, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds, here and for the block, because all properties are constant and `Module` locks
/// what can change.
public final class ShuffleNetV2: Module, @unchecked Sendable {
  /// Channels behind the three stages and behind the last convolution.
  public struct Configuration: Sendable {
    /// Channels behind each of the three stages.
    public let widths: [Int]
    /// Channels behind the last convolution.
    public let lastChannels: Int

    /// Creates a configuration.
    public init(widths: [Int], lastChannels: Int = 1024) {
      self.widths = widths
      self.lastChannels = lastChannels
    }
  }

  fileprivate static let table: [(name: String, configuration: Configuration)] = [
    ("shufflenet_v2_x0_5", Configuration(widths: [48, 96, 192])),
    ("shufflenet_v2_x1_0", Configuration(widths: [116, 232, 464])),
    ("shufflenet_v2_x1_5", Configuration(widths: [176, 352, 704])),
    ("shufflenet_v2_x2_0", Configuration(widths: [244, 488, 976], lastChannels: 2048)),
  ]

  /// Blocks of each stage.
  private static let depths = [4, 8, 4]

  /// Half of the channels through a depthwise convolution between two 1×1, the others as they are; at stride 2
  /// all channels through both branches.
  public final class InvertedResidual: Module, @unchecked Sendable {
    /// Empty where half of the channels pass.
    public let branch1: Sequential
    /// The layers.
    public let branch2: Sequential
    private let isHalved: Bool

    /// Creates a block.
    public init(_ inChannels: Int, _ outChannels: Int, stride: IntPair) {
      let half = outChannels / 2
      let isHalved = stride == 1
      self.isHalved = isHalved
      branch1 = Sequential {
        if !isHalved {
          InvertedResidual.depthwise(inChannels, stride)
          BatchNorm2d(inChannels)
          Conv2d(inChannels, half, kernelSize: 1, bias: false)
          BatchNorm2d(half)
          ReLU(inplace: true)
        }
      }
      branch2 = Sequential(
        Conv2d(isHalved ? half : inChannels, half, kernelSize: 1, bias: false), BatchNorm2d(half),
        ReLU(inplace: true),
        InvertedResidual.depthwise(half, stride), BatchNorm2d(half),
        Conv2d(half, half, kernelSize: 1, bias: false), BatchNorm2d(half), ReLU(inplace: true))
      super.init()
    }

    private static func depthwise(_ channels: Int, _ stride: IntPair) -> Module {
      Conv2d(channels, channels, kernelSize: 3, stride: stride, padding: 1, groups: channels, bias: false)
    }

    public override func forward(_ x: Tensor) -> Tensor {
      guard isHalved else { return shuffled(.cat([branch1(x), branch2(x)], dim: 1)) }
      guard x.error == nil else { return x }
      let halves = x.chunk(2, dim: 1)
      guard halves.count == 2 else { return branch2(x) }
      return shuffled(.cat([halves[0], branch2(halves[1])], dim: 1))
    }

    /// The channels of both halves in turn.
    private func shuffled(_ x: Tensor) -> Tensor {
      guard x.error == nil, x.rank == 4 else { return x }
      let (batch, channels, height, width) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
      return x.reshape(batch, 2, channels / 2, height, width).transpose(1, 2)
        .reshape(batch, channels, height, width)
    }
  }

  /// The first convolution: `[N, 24, H / 2, W / 2]`.
  public let conv1: Sequential
  /// Halves the image.
  public let maxpool: MaxPool2d
  /// The first stage.
  public let stage2: Sequential
  /// The second stage.
  public let stage3: Sequential
  /// The third stage.
  public let stage4: Sequential
  /// The last convolution.
  public let conv5: Sequential
  /// Scores of the classes.
  public let fc: Linear

  /// Creates a network with PyTorch's initial weights.
  public init(_ configuration: Configuration, classes: Int = 1000, inputChannels: Int = 3) {
    precondition(
      configuration.widths.count == 3 && configuration.widths.allSatisfy { $0 > 0 && $0 % 2 == 0 },
      "ShuffleNetV2: three even widths are needed, got \(configuration.widths)")
    conv1 = Sequential(
      Conv2d(inputChannels, 24, kernelSize: 3, stride: 2, padding: 1, bias: false), BatchNorm2d(24),
      ReLU(inplace: true))
    maxpool = MaxPool2d(3, stride: 2, padding: 1)
    var channels = 24
    let stages = zip(configuration.widths, ShuffleNetV2.depths).map { width, depth in
      Sequential(
        (0..<depth).map { index in
          defer { channels = width }
          return InvertedResidual(channels, width, stride: index == 0 ? 2 : 1)
        })
    }
    (stage2, stage3, stage4) = (stages[0], stages[1], stages[2])
    conv5 = Sequential(
      Conv2d(channels, configuration.lastChannels, kernelSize: 1, bias: false),
      BatchNorm2d(configuration.lastChannels), ReLU(inplace: true))
    fc = Linear(configuration.lastChannels, classes)
    super.init()
  }

  public override func forward(_ x: Tensor) -> Tensor {
    let x = conv5(stage4(stage3(stage2(maxpool(conv1(x))))))
    // The mean of each image, as an operation that engines know best.
    return fc(x.adaptiveAveragePool2d(1).flatten(start: 1))
  }
}

extension ModelEntry {
  static let shuffleNets: [ModelEntry] = ShuffleNetV2.table.map { name, configuration in
    ModelEntry(
      name, "ShuffleNetV2",
      ModelPaper(
        "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design",
        "Ma, Zhang, Zheng, Sun", 2018, "https://arxiv.org/abs/1807.11164")
    ) {
      ShuffleNetV2(configuration, classes: $0.classes, inputChannels: $0.inputChannels)
    }
  }
}
