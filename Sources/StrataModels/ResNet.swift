import StrataCore
import StrataGraph
import StrataNN

/// The residual block of the smaller ResNets: two 3×3 convolutions, plus the input.
///
/// Input `[N, inChannels, H, W]`, output `[N, outChannels, H / stride, W / stride]`.
public final class BasicBlock: Module, @unchecked Sendable {
  /// Looks at the neighbourhood.
  public let conv1: Conv2d
  /// Normalises the first convolution.
  public let bn1: BatchNorm2d
  /// Follows the first convolution, and the sum.
  public let relu = ReLU(inplace: true)
  /// Looks at the neighbourhood again.
  public let conv2: Conv2d
  /// Normalises the second convolution.
  public let bn2: BatchNorm2d
  /// Brings the input to the shape of the output where they differ.
  public let downsample: Sequential?

  /// Creates a block.
  public init(_ inChannels: Int, _ outChannels: Int, stride: IntPair = 1, downsample: Sequential? = nil) {
    conv1 = Conv2d(inChannels, outChannels, kernelSize: 3, stride: stride, padding: 1, bias: false)
    bn1 = BatchNorm2d(outChannels)
    conv2 = Conv2d(outChannels, outChannels, kernelSize: 3, padding: 1, bias: false)
    bn2 = BatchNorm2d(outChannels)
    self.downsample = downsample
    super.init()
  }

  public override func forward(_ x: Tensor) -> Tensor {
    let shortcut = downsample?(x) ?? x
    let y = relu(bn1(conv1(x)))
    return relu(bn2(conv2(y)) + shortcut)
  }
}

/// The residual block of the larger ResNets: 1×1 to fewer channels, 3×3, 1×1 to more, plus the input.
///
/// Input `[N, inChannels, H, W]`, output `[N, 4 × midChannels, H / stride, W / stride]`.
public final class Bottleneck: Module, @unchecked Sendable {
  /// Channels of the output for each of the middle, where the middle has the plain width.
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
  ///
  /// - Parameters:
  ///   - inChannels: Channels of the input.
  ///   - midChannels: A quarter of the channels of the output.
  ///   - stride: Distance between windows.
  ///   - downsample: Brings the input to the shape of the output.
  ///   - groups: Groups of the 3×3 convolution (ResNeXt).
  ///   - groupWidth: Channels of a group for each 64 of `midChannels` (Wide ResNet, ResNeXt).
  ///   - stridesFirst: Whether the stride lies on the first convolution, as in the paper, and not on the 3×3.
  public init(
    _ inChannels: Int, _ midChannels: Int, stride: IntPair = 1, downsample: Sequential? = nil,
    groups: Int = 1, groupWidth: Int = 64, stridesFirst: Bool = false
  ) {
    let width = midChannels * groupWidth / 64 * groups
    let outChannels = midChannels * Bottleneck.expansion
    conv1 = Conv2d(inChannels, width, kernelSize: 1, stride: stridesFirst ? stride : 1, bias: false)
    bn1 = BatchNorm2d(width)
    conv2 = Conv2d(
      width, width, kernelSize: 3, stride: stridesFirst ? 1 : stride, padding: 1, groups: groups, bias: false)
    bn2 = BatchNorm2d(width)
    conv3 = Conv2d(width, outChannels, kernelSize: 1, bias: false)
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

/// ResNet and its wider and grouped relatives.
///
/// - He, Zhang, Ren and Sun: "Deep Residual Learning for Image Recognition" (2015),
///   https://arxiv.org/abs/1512.03385.
/// - Zagoruyko and Komodakis: "Wide Residual Networks" (2016), https://arxiv.org/abs/1605.07146.
/// - Xie, Girshick, Dollár, Tu and He: "Aggregated Residual Transformations for Deep Neural Networks" (2016),
///   https://arxiv.org/abs/1611.05431.
///
/// Input `[N, 3, H, W]`, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds, here and for the blocks, because all properties are constant and `Module` locks
/// what can change.
public class ResNet: Module, @unchecked Sendable {
  /// The sizes of one network.
  public struct Configuration: Sendable {
    /// Blocks of each of the four stages.
    public var depths: [Int]
    /// Whether blocks are `Bottleneck`s and not `BasicBlock`s.
    public var isDeep = true
    /// Groups of the 3×3 convolutions (ResNeXt).
    public var groups = 1
    /// Channels of a group for each 64 of a stage (Wide ResNet, ResNeXt).
    public var groupWidth = 64
    /// Whether the stride lies on the first convolution of a block, as in the paper, and not on the 3×3.
    public var stridesFirst = false

    /// Creates the configuration of a plain, deep ResNet.
    public init(depths: [Int]) { self.depths = depths }
  }

  private static let widths = [64, 128, 256, 512]

  /// The first convolution: `[N, 64, H / 2, W / 2]`.
  public let conv1: Conv2d
  /// Normalises the first convolution.
  public let bn1: BatchNorm2d
  /// Follows it.
  public let relu: ReLU
  /// Halves the image: `[N, 64, H / 4, W / 4]`.
  public let maxpool: MaxPool2d
  /// The first stage: `[N, 256, H / 4, W / 4]` of bottlenecks, a quarter of the channels of basic blocks.
  public let layer1: Sequential
  /// The second stage: `[N, 512, H / 8, W / 8]`.
  public let layer2: Sequential
  /// The third stage: `[N, 1024, H / 16, W / 16]`.
  public let layer3: Sequential
  /// The fourth stage: `[N, 2048, H / 32, W / 32]`.
  public let layer4: Sequential
  /// The mean of the image.
  public let avgpool: AdaptiveAvgPool2d
  /// Scores of the classes.
  public let fc: Linear

  /// Creates a network with torchvision's initial weights.
  public convenience init(_ configuration: Configuration, classes: Int = 1000, inputChannels: Int = 3) {
    self.init(plain: configuration, classes: classes, inputChannels: inputChannels)
    forEach(Conv2d.self) { $0.drawForOutputs() }
  }

  /// Creates a network whose layers have their own initial weights.
  init(plain configuration: Configuration, classes: Int, inputChannels: Int) {
    precondition(
      configuration.depths.count == 4, "ResNet: four stages are needed, got \(configuration.depths)")
    conv1 = Conv2d(inputChannels, 64, kernelSize: 7, stride: 2, padding: 3, bias: false)
    bn1 = BatchNorm2d(64)
    relu = ReLU(inplace: true)
    maxpool = MaxPool2d(3, stride: 2, padding: 1)
    var channels = 64
    let layers = (0..<4).map { ResNet.makeStage($0, configuration, &channels) }
    (layer1, layer2, layer3, layer4) = (layers[0], layers[1], layers[2], layers[3])
    avgpool = AdaptiveAvgPool2d((1, 1))
    fc = Linear(channels, classes)
    super.init()
  }

  private static func makeStage(
    _ stage: Int, _ configuration: Configuration, _ channels: inout Int
  ) -> Sequential {
    let width = widths[stage]
    let outChannels = configuration.isDeep ? width * Bottleneck.expansion : width
    let blocks = (0..<configuration.depths[stage]).map { index -> Module in
      let stride: IntPair = stage > 0 && index == 0 ? 2 : 1
      let isResized = stride != 1 || channels != outChannels
      let downsample =
        isResized
        ? Sequential(
          Conv2d(channels, outChannels, kernelSize: 1, stride: stride, bias: false), BatchNorm2d(outChannels))
        : nil
      defer { channels = outChannels }
      guard configuration.isDeep else {
        return BasicBlock(channels, width, stride: stride, downsample: downsample)
      }
      return Bottleneck(
        channels, width, stride: stride, downsample: downsample, groups: configuration.groups,
        groupWidth: configuration.groupWidth, stridesFirst: configuration.stridesFirst)
    }
    return Sequential(blocks)
  }

  public override func forward(_ x: Tensor) -> Tensor {
    var x = maxpool(relu(bn1(conv1(x))))
    x = layer4(layer3(layer2(layer1(x))))
    return fc(avgpool(x).flatten(start: 1))
  }
}
