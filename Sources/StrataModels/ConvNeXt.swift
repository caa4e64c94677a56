import StrataCore
import StrataGraph
import StrataNN

/// ConvNeXt: a convolutional network with the habits of transformers.
///
/// Liu, Mao, Wu, Feichtenhofer, Darrell and Xie: "A ConvNet for the 2020s" (2022),
/// https://arxiv.org/abs/2201.03545.
///
/// Input `[N, 3, H, W]` of at least 32 × 32, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds, here and for the block, because all properties are constant and `Module` locks
/// what can change.
public final class ConvNeXt: Module, @unchecked Sendable {
  /// The sizes of one network.
  public struct Configuration: Sendable {
    /// Channels of each stage.
    public let widths: [Int]
    /// Blocks of each stage.
    public let depths: [Int]
    /// The probability with which the last block is left out in training; it rises evenly from 0.
    public let dropProbability: Double

    /// Creates a configuration.
    public init(widths: [Int], depths: [Int], dropProbability: Double) {
      self.widths = widths
      self.depths = depths
      self.dropProbability = dropProbability
    }
  }

  fileprivate static let table: [(name: String, configuration: Configuration)] = [
    (
      "convnext_tiny",
      Configuration(widths: [96, 192, 384, 768], depths: [3, 3, 9, 3], dropProbability: 0.1)
    ),
    (
      "convnext_small",
      Configuration(widths: [96, 192, 384, 768], depths: [3, 3, 27, 3], dropProbability: 0.4)
    ),
    (
      "convnext_base",
      Configuration(widths: [128, 256, 512, 1024], depths: [3, 3, 27, 3], dropProbability: 0.5)
    ),
    (
      "convnext_large",
      Configuration(widths: [192, 384, 768, 1536], depths: [3, 3, 27, 3], dropProbability: 0.5)
    ),
  ]

  /// A 7×7 window for each channel and two layers across channels, scaled and added to the input.
  public final class CNBlock: Module, @unchecked Sendable {
    // swift-format-ignore: AlwaysUseLowerCamelCase
    /// The weight of each channel of the block: `[C, 1, 1]`.
    public let layer_scale: Parameter
    /// The layers.
    public let block: Sequential
    // swift-format-ignore: AlwaysUseLowerCamelCase
    /// Leaves out the block at random in training.
    public let stochastic_depth: StochasticDepth

    /// Creates a block.
    public init(_ channels: Int, layerScale: Double = 1e-6, dropProbability: Double) {
      let shape: Shape = [channels, 1, 1]
      layer_scale = Parameter(shape) { .filled(layerScale, shape: shape) }
      block = Sequential(
        Conv2d(channels, channels, kernelSize: 7, padding: 3, groups: channels),
        Permute([0, 2, 3, 1]), LayerNorm(channels, eps: 1e-6), Linear(channels, 4 * channels), GELU(),
        Linear(4 * channels, channels), Permute([0, 3, 1, 2]))
      stochastic_depth = StochasticDepth(dropProbability, mode: .row)
      super.init()
    }

    public override func forward(_ x: Tensor) -> Tensor {
      stochastic_depth(block(x) * layer_scale.tensor) + x
    }
  }

  /// A stem and four stages of blocks with convolutions between that halve the image.
  public let features: Sequential
  /// The mean of the image.
  public let avgpool: AdaptiveAvgPool2d
  /// Scores of the classes, normalised before.
  public let classifier: Sequential

  /// Creates a network with torchvision's initial weights.
  public init(_ configuration: Configuration, classes: Int = 1000, inputChannels: Int = 3) {
    let (widths, depths) = (configuration.widths, configuration.depths)
    precondition(
      widths.count == depths.count && !widths.isEmpty,
      "ConvNeXt: as many widths as depths are needed, got \(widths) and \(depths)")
    let last = max(1, depths.reduce(0, +) - 1)
    var number = 0
    var layers: [Module] = [
      Conv2dNormActivation(
        inputChannels, widths[0], kernelSize: 4, stride: 4, padding: 0, norm: ConvNeXt.norm, activation: nil,
        bias: true)
    ]
    for stage in widths.indices {
      let blocks = (0..<depths[stage]).map { _ in
        defer { number += 1 }
        return CNBlock(
          widths[stage], dropProbability: configuration.dropProbability * Double(number) / Double(last))
      }
      layers.append(Sequential(blocks))
      guard stage + 1 < widths.count else { break }
      layers.append(
        Sequential(
          ConvNeXt.norm(widths[stage]), Conv2d(widths[stage], widths[stage + 1], kernelSize: 2, stride: 2)))
    }
    let channels = widths[widths.count - 1]
    features = Sequential(layers)
    avgpool = AdaptiveAvgPool2d(1)
    classifier = Sequential(ConvNeXt.norm(channels), Flatten(startDim: 1), Linear(channels, classes))
    super.init()
    // torchvision cuts the normal distribution off at a hundred standard deviations, which changes nothing.
    forEach(Conv2d.self) { $0.drawNormal(std: 0.02) }
    forEach(Linear.self) { $0.drawNormal(std: 0.02) }
  }

  private static func norm(_ channels: Int) -> Module { LayerNorm2d(channels, eps: 1e-6) }

  public override func forward(_ x: Tensor) -> Tensor { classifier(avgpool(features(x))) }
}

extension ModelEntry {
  static let convNeXts: [ModelEntry] = ConvNeXt.table.map { name, configuration in
    ModelEntry(
      name, "ConvNeXt",
      ModelPaper(
        "A ConvNet for the 2020s", "Liu, Mao, Wu, Feichtenhofer, Darrell, Xie", 2022,
        "https://arxiv.org/abs/2201.03545")
    ) {
      ConvNeXt(configuration, classes: $0.classes, inputChannels: $0.inputChannels)
    }
  }
}
