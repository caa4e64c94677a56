import StrataCore
import StrataGraph
import StrataNN

/// EfficientNet B0 to B7: one searched network, of which width, depth and image grow together.
///
/// Tan and Le: "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019),
/// https://arxiv.org/abs/1905.11946.
///
/// Input `[N, 3, H, W]`, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds, here and for the block, because all properties are constant and `Module` locks
/// what can change.
public final class EfficientNet: Module, @unchecked Sendable {
  /// How one network is scaled.
  public struct Configuration: Sendable {
    /// Multiplies the channels of B0.
    public let width: Double
    /// Multiplies the blocks of B0.
    public let depth: Double
    /// The height and width of the images it was made for.
    public let imageSize: Int
    /// The probability of dropout before the classifier.
    public let dropout: Double
    /// Whether batch norm has TensorFlow's settings, as in B5 to B7.
    public let hasTensorFlowNorm: Bool

    /// Creates a configuration.
    public init(
      width: Double, depth: Double, imageSize: Int, dropout: Double, hasTensorFlowNorm: Bool = false
    ) {
      self.width = width
      self.depth = depth
      self.imageSize = imageSize
      self.dropout = dropout
      self.hasTensorFlowNorm = hasTensorFlowNorm
    }

    fileprivate func channels(_ count: Int) -> Int { divisibleChannels(Double(count) * width) }

    fileprivate func norm(_ channels: Int) -> Module {
      hasTensorFlowNorm ? BatchNorm2d(channels, eps: 0.001, momentum: 0.01) : BatchNorm2d(channels)
    }
  }

  fileprivate static let table: [Configuration] = [
    Configuration(width: 1.0, depth: 1.0, imageSize: 224, dropout: 0.2),
    Configuration(width: 1.0, depth: 1.1, imageSize: 240, dropout: 0.2),
    Configuration(width: 1.1, depth: 1.2, imageSize: 288, dropout: 0.3),
    Configuration(width: 1.2, depth: 1.4, imageSize: 300, dropout: 0.3),
    Configuration(width: 1.4, depth: 1.8, imageSize: 380, dropout: 0.4),
    Configuration(width: 1.6, depth: 2.2, imageSize: 456, dropout: 0.4, hasTensorFlowNorm: true),
    Configuration(width: 1.8, depth: 2.6, imageSize: 528, dropout: 0.5, hasTensorFlowNorm: true),
    Configuration(width: 2.0, depth: 3.1, imageSize: 600, dropout: 0.5, hasTensorFlowNorm: true),
  ]

  private typealias Row = (expansion: Int, kernel: IntPair, stride: IntPair, channels: Int, blocks: Int)

  /// B0, table 1 of the paper.
  private static let rows: [Row] = [
    (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4), (6, 3, 1, 320, 1),
  ]

  /// 1×1 to more channels, a window for each channel, weights of the channels, 1×1 to fewer; plus the input
  /// where that has the same shape.
  public final class MBConv: Module, @unchecked Sendable {
    /// The layers.
    public let block: Sequential
    // swift-format-ignore: AlwaysUseLowerCamelCase
    /// Leaves out the block at random in training, where there is an input to stand for it.
    public let stochastic_depth: StochasticDepth
    private let isResidual: Bool

    fileprivate init(
      _ inChannels: Int, _ outChannels: Int, expansion: Int, kernel: IntPair, stride: IntPair,
      dropProbability: Double, norm: @escaping (Int) -> Module
    ) {
      let expanded = divisibleChannels(Double(inChannels * expansion))
      isResidual = stride == 1 && inChannels == outChannels
      block = Sequential {
        if expanded != inChannels {
          Conv2dNormActivation(
            inChannels, expanded, kernelSize: 1, norm: norm, activation: SiLU(inplace: true))
        }
        Conv2dNormActivation(
          expanded, expanded, kernelSize: kernel, stride: stride, groups: expanded, norm: norm,
          activation: SiLU(inplace: true))
        SqueezeExcitation(expanded, max(1, inChannels / 4), activation: SiLU(inplace: true))
        Conv2dNormActivation(expanded, outChannels, kernelSize: 1, norm: norm, activation: nil)
      }
      stochastic_depth = StochasticDepth(dropProbability, mode: .row)
      super.init()
    }

    public override func forward(_ x: Tensor) -> Tensor {
      isResidual ? stochastic_depth(block(x)) + x : block(x)
    }
  }

  /// A convolution, seven stages of blocks and a convolution.
  public let features: Sequential
  /// The mean of the image.
  public let avgpool: AdaptiveAvgPool2d
  /// Scores of the classes, with dropout before.
  public let classifier: Sequential

  /// Creates a network with torchvision's initial weights.
  public init(
    _ configuration: Configuration, classes: Int = 1000, inputChannels: Int = 3, dropout: Double? = nil
  ) {
    func depth(_ row: Row) -> Int { Int((Double(row.blocks) * configuration.depth).rounded(.up)) }
    let total = EfficientNet.rows.reduce(0) { $0 + depth($1) }
    var channels = configuration.channels(32)
    var number = 0
    var layers: [Module] = [
      Conv2dNormActivation(
        inputChannels, channels, stride: 2, norm: configuration.norm, activation: SiLU(inplace: true))
    ]
    for row in EfficientNet.rows {
      let outChannels = configuration.channels(row.channels)
      let blocks = (0..<depth(row)).map { index in
        defer { (channels, number) = (outChannels, number + 1) }
        return MBConv(
          channels, outChannels, expansion: row.expansion, kernel: row.kernel,
          stride: index == 0 ? row.stride : 1, dropProbability: 0.2 * Double(number) / Double(total),
          norm: configuration.norm)
      }
      layers.append(Sequential(blocks))
    }
    layers.append(
      Conv2dNormActivation(
        channels, 4 * channels, kernelSize: 1, norm: configuration.norm, activation: SiLU(inplace: true)))
    features = Sequential(layers)
    avgpool = AdaptiveAvgPool2d(1)
    classifier = Sequential(
      Dropout(p: dropout ?? configuration.dropout, inplace: true), Linear(4 * channels, classes))
    super.init()
    forEach(Conv2d.self) { $0.drawForOutputs() }
    forEach(Linear.self) { layer in
      let bound = 1 / Double(layer.outFeatures).squareRoot()
      Init.uniform(layer.weight, -bound, bound)
      if let bias = layer.bias { Init.zeros(bias) }
    }
  }

  public override func forward(_ x: Tensor) -> Tensor { classifier(avgpool(features(x)).flatten(start: 1)) }
}

extension ModelEntry {
  static let efficientNets: [ModelEntry] = EfficientNet.table.enumerated().map { number, configuration in
    ModelEntry(
      "efficientnet_b\(number)", "EfficientNet",
      ModelPaper(
        "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", "Tan, Le", 2019,
        "https://arxiv.org/abs/1905.11946"),
      imageShape: [3, configuration.imageSize, configuration.imageSize], settings: .dropout
    ) {
      EfficientNet(
        configuration, classes: $0.classes, inputChannels: $0.inputChannels, dropout: $0.dropout)
    }
  }
}
