import StrataCore
import StrataGraph
import StrataNN

/// MobileNetV3, small and large: a searched network of inverted residuals, some of which weigh their channels.
///
/// Howard, Sandler, Chu, Chen, Chen, Tan, Wang, Zhu, Pang, Vasudevan, Le and Adam: "Searching for MobileNetV3"
/// (2019), https://arxiv.org/abs/1905.02244.
///
/// Input `[N, 3, H, W]`, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds, here and for the block, because all properties are constant and `Module` locks
/// what can change.
public final class MobileNetV3: Module, @unchecked Sendable {
  /// The two networks of the paper.
  public enum Size: String, Sendable, CaseIterable {
    /// 2,542,856 parameters for 1000 classes.
    case small
    /// 5,483,032 parameters for 1000 classes.
    case large
  }

  fileprivate typealias Row = (
    kernel: IntPair, expanded: Int, channels: Int, isWeighing: Bool, isHard: Bool, stride: IntPair
  )

  /// 1×1 to more channels, a window for each channel, perhaps weights of the channels, 1×1 to fewer; plus the
  /// input where that has the same shape.
  public final class InvertedResidual: Module, @unchecked Sendable {
    /// The layers.
    public let block: Sequential
    private let isResidual: Bool

    fileprivate init(_ inChannels: Int, _ row: Row, _ scaled: (Int) -> Int) {
      let (expanded, outChannels) = (scaled(row.expanded), scaled(row.channels))
      isResidual = row.stride == 1 && inChannels == outChannels
      func activation() -> Module { row.isHard ? Hardswish(inplace: true) : ReLU(inplace: true) }
      block = Sequential {
        if expanded != inChannels {
          Conv2dNormActivation(
            inChannels, expanded, kernelSize: 1, norm: MobileNetV3.norm, activation: activation())
        }
        Conv2dNormActivation(
          expanded, expanded, kernelSize: row.kernel, stride: row.stride, groups: expanded,
          norm: MobileNetV3.norm, activation: activation())
        if row.isWeighing {
          SqueezeExcitation(
            expanded, divisibleChannels(Double(expanded / 4)), scaleActivation: Hardsigmoid())
        }
        Conv2dNormActivation(expanded, outChannels, kernelSize: 1, norm: MobileNetV3.norm, activation: nil)
      }
      super.init()
    }

    public override func forward(_ x: Tensor) -> Tensor { isResidual ? block(x) + x : block(x) }
  }

  /// A convolution, the blocks and a convolution.
  public let features: Sequential
  /// The mean of the image.
  public let avgpool: AdaptiveAvgPool2d
  /// Two fully connected layers with dropout between.
  public let classifier: Sequential

  /// Creates a network with torchvision's initial weights.
  public init(
    _ size: Size, classes: Int = 1000, inputChannels: Int = 3, widthMultiplier: Double = 1,
    dropout: Double = 0.2
  ) {
    func scaled(_ width: Int) -> Int { divisibleChannels(Double(width) * widthMultiplier) }
    var channels = scaled(16)
    var layers: [Module] = [
      Conv2dNormActivation(
        inputChannels, channels, stride: 2, norm: MobileNetV3.norm, activation: Hardswish(inplace: true))
    ]
    for row in size.rows {
      layers.append(InvertedResidual(channels, row, scaled))
      channels = scaled(row.channels)
    }
    layers.append(
      Conv2dNormActivation(
        channels, 6 * channels, kernelSize: 1, norm: MobileNetV3.norm, activation: Hardswish(inplace: true)))
    let width = scaled(size == .small ? 1024 : 1280)
    features = Sequential(layers)
    avgpool = AdaptiveAvgPool2d(1)
    classifier = Sequential(
      Linear(6 * channels, width), Hardswish(inplace: true), Dropout(p: dropout, inplace: true),
      Linear(width, classes))
    super.init()
    forEach(Conv2d.self) { $0.drawForOutputs() }
    forEach(Linear.self) { $0.drawNormal(std: 0.01) }
  }

  private static func norm(_ channels: Int) -> Module { BatchNorm2d(channels, eps: 0.001, momentum: 0.01) }

  public override func forward(_ x: Tensor) -> Tensor { classifier(avgpool(features(x)).flatten(start: 1)) }
}

extension MobileNetV3.Size {
  /// The tables 1 and 2 of the paper.
  fileprivate var rows: [MobileNetV3.Row] {
    switch self {
    case .small:
      [
        (3, 16, 16, true, false, 2), (3, 72, 24, false, false, 2), (3, 88, 24, false, false, 1),
        (5, 96, 40, true, true, 2), (5, 240, 40, true, true, 1), (5, 240, 40, true, true, 1),
        (5, 120, 48, true, true, 1), (5, 144, 48, true, true, 1), (5, 288, 96, true, true, 2),
        (5, 576, 96, true, true, 1), (5, 576, 96, true, true, 1),
      ]
    case .large:
      [
        (3, 16, 16, false, false, 1), (3, 64, 24, false, false, 2), (3, 72, 24, false, false, 1),
        (5, 72, 40, true, false, 2), (5, 120, 40, true, false, 1), (5, 120, 40, true, false, 1),
        (3, 240, 80, false, true, 2), (3, 200, 80, false, true, 1), (3, 184, 80, false, true, 1),
        (3, 184, 80, false, true, 1), (3, 480, 112, true, true, 1), (3, 672, 112, true, true, 1),
        (5, 672, 160, true, true, 2), (5, 960, 160, true, true, 1), (5, 960, 160, true, true, 1),
      ]
    }
  }
}

extension ModelEntry {
  static let mobileNetV3s: [ModelEntry] = MobileNetV3.Size.allCases.map { size in
    ModelEntry(
      "mobilenet_v3_\(size.rawValue)", "MobileNetV3",
      ModelPaper(
        "Searching for MobileNetV3",
        "Howard, Sandler, Chu, Chen, Chen, Tan, Wang, Zhu, Pang, Vasudevan, Le, Adam", 2019,
        "https://arxiv.org/abs/1905.02244"),
      settings: [.width, .dropout]
    ) {
      MobileNetV3(
        size, classes: $0.classes, inputChannels: $0.inputChannels, widthMultiplier: $0.widthMultiplier ?? 1,
        dropout: $0.dropout ?? 0.2)
    }
  }
}
