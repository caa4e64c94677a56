import StrataCore
import StrataGraph
import StrataNN

/// A convolution in two steps: one 3×3 window for each channel, then 1×1 across channels.
///
/// Input `[N, inChannels, H, W]`, output `[N, outChannels, H / stride, W / stride]`.
public final class DepthwiseSeparableConv: Module, @unchecked Sendable {
  /// One window for each channel.
  public let depthwise: Conv2d
  /// Normalises the first step.
  public let bn1: BatchNorm2d
  /// Follows the first step.
  public let relu1: ReLU
  /// Mixes channels.
  public let pointwise: Conv2d
  /// Normalises the second step.
  public let bn2: BatchNorm2d
  /// Follows the second step.
  public let relu2: ReLU

  /// Creates a block.
  public init(_ inChannels: Int, _ outChannels: Int, stride: IntPair = 1) {
    depthwise = Conv2d(
      inChannels, inChannels, kernelSize: 3, stride: stride, padding: 1, groups: inChannels, bias: false)
    bn1 = BatchNorm2d(inChannels)
    relu1 = ReLU(inplace: true)
    pointwise = Conv2d(inChannels, outChannels, kernelSize: 1, bias: false)
    bn2 = BatchNorm2d(outChannels)
    relu2 = ReLU(inplace: true)
    super.init()
  }

  public override func forward(_ x: Tensor) -> Tensor {
    let y = relu1(bn1(depthwise(x)))
    return relu2(bn2(pointwise(y)))
  }
}

/// MobileNet, the first of its family.
///
/// Howard and others: "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications"
/// (2017), https://arxiv.org/abs/1704.04861.
///
/// Input `[N, 3, H, W]`, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds, here and for the block, because all properties are constant and `Module` locks
/// what can change.
public final class MobileNetV1: Module, @unchecked Sendable {
  private typealias Row = (channels: Int, stride: IntPair, repeats: Int)

  private static let rows: [Row] = [
    (64, 1, 1), (128, 2, 1), (128, 1, 1), (256, 2, 1), (256, 1, 1), (512, 2, 1), (512, 1, 5), (1024, 2, 1),
    (1024, 1, 1),
  ]

  /// A convolution, thirteen blocks and the mean of the image: `[N, 1024, 1, 1]`.
  public let features: Sequential
  /// Scores of the classes.
  public let classifier: Linear

  /// Creates a network with PyTorch's initial weights.
  ///
  /// - Parameters:
  ///   - classes: The number of scores in the output.
  ///   - inputChannels: Channels of the images.
  ///   - widthMultiplier: Multiplies the channels of all layers (α in the paper: 1, 0.75, 0.5, 0.25), which
  ///     are rounded to multiples of 8.
  public init(classes: Int = 1000, inputChannels: Int = 3, widthMultiplier: Double = 1) {
    func scaled(_ width: Int) -> Int { divisibleChannels(Double(width) * widthMultiplier) }
    var channels = scaled(32)
    var layers: [Module] = [
      Conv2d(inputChannels, channels, kernelSize: 3, stride: 2, padding: 1, bias: false),
      BatchNorm2d(channels), ReLU(inplace: true),
    ]
    for row in MobileNetV1.rows {
      for _ in 0..<row.repeats {
        layers.append(DepthwiseSeparableConv(channels, scaled(row.channels), stride: row.stride))
        channels = scaled(row.channels)
      }
    }
    layers.append(AdaptiveAvgPool2d(1))
    features = Sequential(layers)
    classifier = Linear(channels, classes)
    super.init()
  }

  public override func forward(_ x: Tensor) -> Tensor { classifier(features(x).flatten(start: 1)) }
}

extension ModelEntry {
  /// The four widths of the paper.
  static let mobileNetV1s: [ModelEntry] = [1, 0.75, 0.5, 0.25].map { width in
    ModelEntry(
      width == 1 ? "mobilenet_v1" : "mobilenet_v1@\(width)", "MobileNetV1",
      ModelPaper(
        "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
        "Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto, Adam", 2017,
        "https://arxiv.org/abs/1704.04861"),
      settings: .width
    ) {
      MobileNetV1(
        classes: $0.classes, inputChannels: $0.inputChannels, widthMultiplier: $0.widthMultiplier ?? width)
    }
  }
}
