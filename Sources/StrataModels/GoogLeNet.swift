import StrataCore
import StrataGraph
import StrataNN

/// GoogLeNet with batch norm and without the auxiliary classifiers, which only ever served training.
///
/// Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke and Rabinovich: "Going Deeper with
/// Convolutions" (2014), https://arxiv.org/abs/1409.4842. As in torchvision, the third branch of a block has a
/// 3×3 window where the paper has 5×5, and images are not normalised a second time (`transform_input=False`).
///
/// Input `[N, 3, H, W]` of at least 15 × 15, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds, here and for the blocks, because all properties are constant and `Module` locks
/// what can change.
public final class GoogLeNet: Module, @unchecked Sendable {
  /// A convolution, its normalisation and a ReLU.
  public final class BasicConv2d: Module, @unchecked Sendable {
    /// The convolution.
    public let conv: Conv2d
    /// Normalises it.
    public let bn: BatchNorm2d

    /// Creates a block.
    public init(
      _ inChannels: Int, _ outChannels: Int, kernelSize: IntPair, stride: IntPair = 1, padding: IntPair = 0
    ) {
      conv = Conv2d(
        inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, bias: false)
      bn = BatchNorm2d(outChannels, eps: 0.001)
      super.init()
    }

    public override func forward(_ x: Tensor) -> Tensor { bn(conv(x)).relu() }
  }

  /// Four ways to look at an image, side by side.
  public final class Inception: Module, @unchecked Sendable {
    /// Channels of the branches: of the first; of the second and the third before and after their 3×3
    /// convolutions; of the last, behind pooling.
    public typealias Widths = (first: Int, second: (Int, Int), third: (Int, Int), pooled: Int)

    /// 1×1.
    public let branch1: BasicConv2d
    /// 1×1, then 3×3.
    public let branch2: Sequential
    /// 1×1, then 3×3 on fewer channels.
    public let branch3: Sequential
    /// The largest neighbour, then 1×1.
    public let branch4: Sequential

    /// Creates a block.
    public init(_ inChannels: Int, _ widths: Widths) {
      branch1 = BasicConv2d(inChannels, widths.first, kernelSize: 1)
      branch2 = Sequential(
        BasicConv2d(inChannels, widths.second.0, kernelSize: 1),
        BasicConv2d(widths.second.0, widths.second.1, kernelSize: 3, padding: 1))
      branch3 = Sequential(
        BasicConv2d(inChannels, widths.third.0, kernelSize: 1),
        BasicConv2d(widths.third.0, widths.third.1, kernelSize: 3, padding: 1))
      branch4 = Sequential(
        MaxPool2d(3, stride: 1, padding: 1, ceilMode: true),
        BasicConv2d(inChannels, widths.pooled, kernelSize: 1))
      super.init()
    }

    public override func forward(_ x: Tensor) -> Tensor {
      .cat([branch1(x), branch2(x), branch3(x), branch4(x)], dim: 1)
    }
  }

  /// The first convolution.
  public let conv1: BasicConv2d
  /// Halves the image.
  public let maxpool1 = MaxPool2d(3, stride: 2, ceilMode: true)
  /// Mixes channels.
  public let conv2: BasicConv2d
  /// Looks at the neighbourhood.
  public let conv3: BasicConv2d
  /// Halves the image.
  public let maxpool2 = MaxPool2d(3, stride: 2, ceilMode: true)
  /// The first block.
  public let inception3a: Inception
  /// The second block.
  public let inception3b: Inception
  /// Halves the image.
  public let maxpool3 = MaxPool2d(3, stride: 2, ceilMode: true)
  /// The third block.
  public let inception4a: Inception
  /// The fourth block.
  public let inception4b: Inception
  /// The fifth block.
  public let inception4c: Inception
  /// The sixth block.
  public let inception4d: Inception
  /// The seventh block.
  public let inception4e: Inception
  /// Halves the image.
  public let maxpool4 = MaxPool2d(2, stride: 2, ceilMode: true)
  /// The eighth block.
  public let inception5a: Inception
  /// The ninth block: `[N, 1024, H / 32, W / 32]`.
  public let inception5b: Inception
  /// The mean of the image.
  public let avgpool = AdaptiveAvgPool2d((1, 1))
  /// Follows it.
  public let dropout: Dropout
  /// Scores of the classes.
  public let fc: Linear

  /// Creates a network with PyTorch's initial weights.
  public init(classes: Int = 1000, inputChannels: Int = 3, dropout: Double = 0.2) {
    conv1 = BasicConv2d(inputChannels, 64, kernelSize: 7, stride: 2, padding: 3)
    conv2 = BasicConv2d(64, 64, kernelSize: 1)
    conv3 = BasicConv2d(64, 192, kernelSize: 3, padding: 1)
    inception3a = Inception(192, (64, (96, 128), (16, 32), 32))
    inception3b = Inception(256, (128, (128, 192), (32, 96), 64))
    inception4a = Inception(480, (192, (96, 208), (16, 48), 64))
    inception4b = Inception(512, (160, (112, 224), (24, 64), 64))
    inception4c = Inception(512, (128, (128, 256), (24, 64), 64))
    inception4d = Inception(512, (112, (144, 288), (32, 64), 64))
    inception4e = Inception(528, (256, (160, 320), (32, 128), 128))
    inception5a = Inception(832, (256, (160, 320), (32, 128), 128))
    inception5b = Inception(832, (384, (192, 384), (48, 128), 128))
    self.dropout = Dropout(p: dropout)
    fc = Linear(1024, classes)
    super.init()
  }

  public override func forward(_ x: Tensor) -> Tensor {
    var x = maxpool2(conv3(conv2(maxpool1(conv1(x)))))
    x = maxpool3(inception3b(inception3a(x)))
    x = inception4e(inception4d(inception4c(inception4b(inception4a(x)))))
    x = inception5b(inception5a(maxpool4(x)))
    return fc(dropout(avgpool(x).flatten(start: 1)))
  }
}

extension ModelEntry {
  static let googLeNet = ModelEntry(
    "googlenet", "GoogLeNet",
    ModelPaper(
      "Going Deeper with Convolutions",
      "Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich", 2014,
      "https://arxiv.org/abs/1409.4842"),
    settings: .dropout
  ) {
    GoogLeNet(classes: $0.classes, inputChannels: $0.inputChannels, dropout: $0.dropout ?? 0.2)
  }
}
