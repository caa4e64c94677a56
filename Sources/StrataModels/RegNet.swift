import StrataCore
import StrataGraph
import StrataNN

/// RegNet X and Y: networks whose widths follow a line; Y weighs its channels.
///
/// Radosavovic, Kosaraju, Girshick, He and Dollár: "Designing Network Design Spaces" (2020),
/// https://arxiv.org/abs/2003.13678.
///
/// Input `[N, 3, H, W]`, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds, here and for the blocks, because all properties are constant and `Module` locks
/// what can change.
public final class RegNet: Module, @unchecked Sendable {
  /// The sizes of one network.
  public struct Configuration: Sendable {
    /// Blocks of each stage.
    public let depths: [Int]
    /// Channels of each stage.
    public let widths: [Int]
    /// Channels of each group of the 3×3 convolutions, in narrower stages of the only group.
    public let groupWidth: Int
    /// Whether blocks weigh their channels (RegNet Y).
    public let isWeighing: Bool

    /// Creates a configuration.
    public init(depths: [Int], widths: [Int], groupWidth: Int, isWeighing: Bool) {
      self.depths = depths
      self.widths = widths
      self.groupWidth = groupWidth
      self.isWeighing = isWeighing
    }
  }

  fileprivate typealias Row = (name: String, depths: [Int], widths: [Int], groupWidth: Int)

  /// The paper's tables: the lines of the widths, rounded to what groups divide.
  fileprivate static let table: [Row] = [
    ("x_400mf", [1, 2, 7, 12], [32, 64, 160, 400], 16),
    ("x_800mf", [1, 3, 7, 5], [64, 128, 288, 672], 16),
    ("x_1_6gf", [2, 4, 10, 2], [72, 168, 408, 912], 24),
    ("x_3_2gf", [2, 6, 15, 2], [96, 192, 432, 1008], 48),
    ("x_8gf", [2, 5, 15, 1], [80, 240, 720, 1920], 120),
    ("x_16gf", [2, 6, 13, 1], [256, 512, 896, 2048], 128),
    ("x_32gf", [2, 7, 13, 1], [336, 672, 1344, 2520], 168),
    ("y_400mf", [1, 3, 6, 6], [48, 104, 208, 440], 8),
    ("y_800mf", [1, 3, 8, 2], [64, 144, 320, 784], 16),
    ("y_1_6gf", [2, 6, 17, 2], [48, 120, 336, 888], 24),
    ("y_3_2gf", [2, 5, 13, 1], [72, 216, 576, 1512], 24),
    ("y_8gf", [2, 4, 10, 1], [224, 448, 896, 2016], 56),
    ("y_16gf", [2, 4, 11, 1], [224, 448, 1232, 3024], 112),
    ("y_32gf", [2, 5, 12, 1], [232, 696, 1392, 3712], 232),
    ("y_128gf", [2, 7, 17, 1], [528, 1056, 2904, 7392], 264),
  ]

  /// The first convolution, which halves the image.
  public final class SimpleStemIN: Conv2dNormActivation, @unchecked Sendable {}

  /// The blocks of one image size.
  public final class AnyStage: Sequential, @unchecked Sendable {}

  /// 1×1, 3×3 in groups, perhaps weights of the channels, 1×1.
  public final class BottleneckTransform: Sequential, @unchecked Sendable {
    fileprivate init(_ inChannels: Int, _ outChannels: Int, stride: IntPair, _ configuration: Configuration) {
      var layers: [(name: String, module: Module)] = [
        ("a", Conv2dNormActivation(inChannels, outChannels, kernelSize: 1)),
        (
          "b",
          Conv2dNormActivation(
            outChannels, outChannels, stride: stride,
            groups: outChannels / Swift.min(configuration.groupWidth, outChannels))
        ),
      ]
      if configuration.isWeighing {
        // The quarter is one of the block's input, and Python rounds halves to even.
        let squeezed = Int((0.25 * Double(inChannels)).rounded(.toNearestOrEven))
        layers.append(("se", SqueezeExcitation(outChannels, squeezed)))
      }
      layers.append(("c", Conv2dNormActivation(outChannels, outChannels, kernelSize: 1, activation: nil)))
      super.init(named: layers)
    }
  }

  /// The transform plus the input.
  public final class ResBottleneckBlock: Module, @unchecked Sendable {
    /// Brings the input to the shape of the output where they differ.
    public let proj: Conv2dNormActivation?
    /// The layers.
    public let f: BottleneckTransform
    /// Follows the sum.
    public let activation = ReLU(inplace: true)

    fileprivate init(_ inChannels: Int, _ outChannels: Int, stride: IntPair, _ configuration: Configuration) {
      let isResized = stride != 1 || inChannels != outChannels
      proj =
        isResized
        ? Conv2dNormActivation(inChannels, outChannels, kernelSize: 1, stride: stride, activation: nil) : nil
      f = BottleneckTransform(inChannels, outChannels, stride: stride, configuration)
      super.init()
    }

    public override func forward(_ x: Tensor) -> Tensor { activation((proj?(x) ?? x) + f(x)) }
  }

  /// The first convolution: `[N, 32, H / 2, W / 2]`.
  public let stem: SimpleStemIN
  // swift-format-ignore: AlwaysUseLowerCamelCase
  /// The stages, each of which halves the image.
  public let trunk_output: Sequential
  /// The mean of the image.
  public let avgpool: AdaptiveAvgPool2d
  /// Scores of the classes.
  public let fc: Linear

  /// Creates a network with torchvision's initial weights.
  public init(_ configuration: Configuration, classes: Int = 1000, inputChannels: Int = 3) {
    precondition(
      configuration.depths.count == configuration.widths.count,
      "RegNet: as many widths as depths are needed, got \(configuration.widths) and \(configuration.depths)")
    var channels = 32
    stem = SimpleStemIN(inputChannels, channels, stride: 2)
    let stages = zip(configuration.depths, configuration.widths).enumerated().map { stage, sizes in
      let (depth, width) = sizes
      let blocks = (0..<depth).map { index -> (name: String, module: Module) in
        defer { channels = width }
        return (
          "block\(stage + 1)-\(index)",
          ResBottleneckBlock(channels, width, stride: index == 0 ? 2 : 1, configuration)
        )
      }
      return (name: "block\(stage + 1)", module: AnyStage(named: blocks) as Module)
    }
    trunk_output = Sequential(named: stages)
    avgpool = AdaptiveAvgPool2d((1, 1))
    fc = Linear(channels, classes)
    super.init()
    // torchvision leaves the biases of convolutions, which only weigh channels, at PyTorch's values.
    forEach(Conv2d.self) { Init.kaimingNormal($0.weight, mode: .fanOut, nonlinearity: .relu) }
    forEach(Linear.self) { $0.drawNormal(std: 0.01) }
  }

  public override func forward(_ x: Tensor) -> Tensor {
    fc(avgpool(trunk_output(stem(x))).flatten(start: 1))
  }
}

extension ModelEntry {
  static let regNets: [ModelEntry] = RegNet.table.map { name, depths, widths, groupWidth in
    let configuration = RegNet.Configuration(
      depths: depths, widths: widths, groupWidth: groupWidth, isWeighing: name.hasPrefix("y"))
    return ModelEntry(
      "regnet_" + name, "RegNet",
      ModelPaper(
        "Designing Network Design Spaces", "Radosavovic, Kosaraju, Girshick, He, Dollár", 2020,
        "https://arxiv.org/abs/2003.13678")
    ) {
      RegNet(configuration, classes: $0.classes, inputChannels: $0.inputChannels)
    }
  }
}
