import StrataCore
import StrataGraph
import StrataNN

/// MobileNetV2: blocks that widen, look at each channel by itself and narrow again.
///
/// Sandler, Howard, Zhu, Zhmoginov and Chen: "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018),
/// https://arxiv.org/abs/1801.04381.
///
/// Input `[N, 3, H, W]`, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds, here and for the block, because all properties are constant and `Module` locks
/// what can change.
public final class MobileNetV2: Module, @unchecked Sendable {
  private typealias Row = (expansion: Int, channels: Int, blocks: Int, stride: IntPair)

  private static let rows: [Row] = [
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
  ]

  /// 1×1 to more channels, 3×3 for each channel, 1×1 to fewer; plus the input where that has the same shape.
  public final class InvertedResidual: Module, @unchecked Sendable {
    /// The layers.
    public let conv: Sequential
    private let isResidual: Bool

    /// Creates a block.
    public init(_ inChannels: Int, _ outChannels: Int, stride: IntPair, expansion: Int) {
      let width = inChannels * expansion
      isResidual = stride == 1 && inChannels == outChannels
      conv = Sequential {
        if expansion != 1 {
          Conv2dNormActivation(inChannels, width, kernelSize: 1, activation: ReLU6(inplace: true))
        }
        Conv2dNormActivation(width, width, stride: stride, groups: width, activation: ReLU6(inplace: true))
        Conv2d(width, outChannels, kernelSize: 1, bias: false)
        BatchNorm2d(outChannels)
      }
      super.init()
    }

    public override func forward(_ x: Tensor) -> Tensor { isResidual ? x + conv(x) : conv(x) }
  }

  /// A convolution, seventeen blocks and a convolution: `[N, 1280, H / 32, W / 32]`.
  public let features: Sequential
  /// Scores of the classes, with dropout before.
  public let classifier: Sequential

  /// Creates a network with torchvision's initial weights.
  public init(
    classes: Int = 1000, inputChannels: Int = 3, widthMultiplier: Double = 1, dropout: Double = 0.2
  ) {
    var channels = divisibleChannels(32 * widthMultiplier)
    let last = divisibleChannels(1280 * max(1, widthMultiplier))
    var layers: [Module] = [
      Conv2dNormActivation(inputChannels, channels, stride: 2, activation: ReLU6(inplace: true))
    ]
    for (expansion, width, blocks, stride) in MobileNetV2.rows {
      let outChannels = divisibleChannels(Double(width) * widthMultiplier)
      for index in 0..<blocks {
        layers.append(
          InvertedResidual(channels, outChannels, stride: index == 0 ? stride : 1, expansion: expansion))
        channels = outChannels
      }
    }
    layers.append(Conv2dNormActivation(channels, last, kernelSize: 1, activation: ReLU6(inplace: true)))
    features = Sequential(layers)
    classifier = Sequential(Dropout(p: dropout), Linear(last, classes))
    super.init()
    forEach(Conv2d.self) { $0.drawForOutputs() }
    forEach(Linear.self) { $0.drawNormal(std: 0.01) }
  }

  public override func forward(_ x: Tensor) -> Tensor {
    classifier(features(x).adaptiveAveragePool2d(1).flatten(start: 1))
  }
}

extension ModelEntry {
  static let mobileNetV2 = ModelEntry(
    "mobilenet_v2", "MobileNetV2",
    ModelPaper(
      "MobileNetV2: Inverted Residuals and Linear Bottlenecks", "Sandler, Howard, Zhu, Zhmoginov, Chen", 2018,
      "https://arxiv.org/abs/1801.04381"),
    settings: [.width, .dropout]
  ) {
    MobileNetV2(
      classes: $0.classes, inputChannels: $0.inputChannels, widthMultiplier: $0.widthMultiplier ?? 1,
      dropout: $0.dropout ?? 0.2)
  }
}
