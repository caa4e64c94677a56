import StrataCore
import StrataGraph
import StrataNN

/// A residual block of ResNet: 1×1 to fewer channels, 3×3, 1×1 to four times as many, plus the input.
///
/// The stride lies on the 3×3 convolution, as in PyTorch's networks. Input `[N, inChannels, H, W]`, output
/// `[N, 4 × midChannels, H / stride, W / stride]`.
public final class Bottleneck: Module, @unchecked Sendable {
  /// Channels of the output for each of the middle.
  public static let expansion = 4

  /// Reduces the channels.
  public let conv1: Conv2d
  /// Normalises the first convolution.
  public let bn1: BatchNorm2d
  /// Looks at the neighbourhood.
  public let conv2: Conv2d
  /// Normalises the second convolution.
  public let bn2: BatchNorm2d
  /// Widens the channels.
  public let conv3: Conv2d
  /// Normalises the third convolution.
  public let bn3: BatchNorm2d
  /// Follows each of the three, the last after the sum.
  public let relu = ReLU(inplace: true)
  /// Brings the input to the shape of the output where they differ.
  public let downsample: Sequential?

  /// Creates a block.
  public init(_ inChannels: Int, _ midChannels: Int, stride: IntPair = 1, downsample: Sequential? = nil) {
    let outChannels = midChannels * Bottleneck.expansion
    conv1 = Conv2d(inChannels, midChannels, kernelSize: 1, bias: false)
    bn1 = BatchNorm2d(midChannels)
    conv2 = Conv2d(midChannels, midChannels, kernelSize: 3, stride: stride, padding: 1, bias: false)
    bn2 = BatchNorm2d(midChannels)
    conv3 = Conv2d(midChannels, outChannels, kernelSize: 1, bias: false)
    bn3 = BatchNorm2d(outChannels)
    self.downsample = downsample
    super.init()
  }

  public override func forward(_ x: Tensor) -> Tensor {
    let shortcut = downsample?(x) ?? x
    var y = relu(bn1(conv1(x)))
    y = relu(bn2(conv2(y)))
    return relu(bn3(conv3(y)) + shortcut)
  }
}

/// ResNet with 50 layers of weights.
///
/// He, Zhang, Ren and Sun: "Deep Residual Learning for Image Recognition" (2015),
/// https://arxiv.org/abs/1512.03385.
///
/// Input `[N, 3, H, W]`, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds, here and for the block, because all properties are constant and `Module` locks
/// what can change.
public final class ResNet50: Module, @unchecked Sendable {
  private typealias Stage = (channels: Int, blocks: Int, stride: IntPair)

  private static let stages: [Stage] = [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]

  /// The first convolution: `[N, 64, H / 2, W / 2]`.
  public let conv1: Conv2d
  /// Normalises the first convolution.
  public let bn1: BatchNorm2d
  /// Follows it.
  public let relu: ReLU
  /// Halves the image: `[N, 64, H / 4, W / 4]`.
  public let maxpool: MaxPool2d
  /// Three blocks: `[N, 256, H / 4, W / 4]`.
  public let layer1: Sequential
  /// Four blocks: `[N, 512, H / 8, W / 8]`.
  public let layer2: Sequential
  /// Six blocks: `[N, 1024, H / 16, W / 16]`.
  public let layer3: Sequential
  /// Three blocks: `[N, 2048, H / 32, W / 32]`.
  public let layer4: Sequential
  /// The mean of the image: `[N, 2048, 1, 1]`.
  public let avgpool: AdaptiveAvgPool2d
  /// Scores of the classes.
  public let fc: Linear

  /// Creates a network with PyTorch's initial weights.
  public init(classes: Int = 1000) {
    conv1 = Conv2d(3, 64, kernelSize: 7, stride: 2, padding: 3, bias: false)
    bn1 = BatchNorm2d(64)
    relu = ReLU(inplace: true)
    maxpool = MaxPool2d(3, stride: 2, padding: 1)
    var channels = 64
    let layers = ResNet50.stages.map { ResNet50.makeStage($0, &channels) }
    (layer1, layer2, layer3, layer4) = (layers[0], layers[1], layers[2], layers[3])
    avgpool = AdaptiveAvgPool2d((1, 1))
    fc = Linear(channels, classes)
    super.init()
  }

  private static func makeStage(_ stage: Stage, _ channels: inout Int) -> Sequential {
    let blocks = (0..<stage.blocks).map { index in
      let stride = index == 0 ? stage.stride : 1
      let outChannels = stage.channels * Bottleneck.expansion
      let isResized = stride != 1 || channels != outChannels
      let downsample =
        isResized
        ? Sequential(
          Conv2d(channels, outChannels, kernelSize: 1, stride: stride, bias: false), BatchNorm2d(outChannels))
        : nil
      defer { channels = outChannels }
      return Bottleneck(channels, stage.channels, stride: stride, downsample: downsample)
    }
    return Sequential(blocks)
  }

  public override func forward(_ x: Tensor) -> Tensor {
    var x = maxpool(relu(bn1(conv1(x))))
    x = layer4(layer3(layer2(layer1(x))))
    return fc(avgpool(x).flatten(start: 1))
  }
}
