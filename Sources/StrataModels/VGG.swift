import StrataGraph
import StrataNN

/// VGG with 11, 13, 16 or 19 layers of weights, with or without batch norm, and pooling that takes any image.
///
/// Simonyan and Zisserman: "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2014),
/// https://arxiv.org/abs/1409.1556.
///
/// Input `[N, 3, H, W]` of at least 32 × 32, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds because all properties are constant and `Module` locks what can change.
public final class VGG: Module, @unchecked Sendable {
  /// The sizes of one network.
  public struct Configuration: Sendable {
    /// How many 3×3 convolutions each of the five blocks has; a pooling layer ends it.
    public let depths: [Int]
    /// Whether batch norm follows each convolution.
    public let isNormalised: Bool

    /// Creates a configuration.
    public init(depths: [Int], isNormalised: Bool = false) {
      self.depths = depths
      self.isNormalised = isNormalised
    }
  }

  private static let widths = [64, 128, 256, 512, 512]

  /// The paper's configurations A, B, D and E.
  fileprivate static let table: [(name: String, depths: [Int])] = [
    ("vgg11", [1, 1, 2, 2, 2]),
    ("vgg13", [2, 2, 2, 2, 2]),
    ("vgg16", [2, 2, 3, 3, 3]),
    ("vgg19", [2, 2, 4, 4, 4]),
  ]

  /// The convolutions in five blocks.
  public let features: Sequential
  /// The mean of parts of the image: `[N, 512, 7, 7]`.
  public let avgpool: AdaptiveAvgPool2d
  /// Three fully connected layers with dropout.
  public let classifier: Sequential

  /// Creates a network with torchvision's initial weights.
  public init(
    _ configuration: Configuration, classes: Int = 1000, inputChannels: Int = 3, dropout: Double = 0.5
  ) {
    precondition(configuration.depths.count == 5, "VGG: five blocks are needed, got \(configuration.depths)")
    var channels = inputChannels
    var layers: [Module] = []
    for (depth, width) in zip(configuration.depths, VGG.widths) {
      for _ in 0..<depth {
        layers.append(Conv2d(channels, width, kernelSize: 3, padding: 1))
        if configuration.isNormalised { layers.append(BatchNorm2d(width)) }
        layers.append(ReLU(inplace: true))
        channels = width
      }
      layers.append(MaxPool2d(2, stride: 2))
    }
    features = Sequential(layers)
    avgpool = AdaptiveAvgPool2d((7, 7))
    classifier = Sequential(
      Linear(512 * 7 * 7, 4096), ReLU(inplace: true), Dropout(p: dropout),
      Linear(4096, 4096), ReLU(inplace: true), Dropout(p: dropout),
      Linear(4096, classes))
    super.init()
    forEach(Conv2d.self) { $0.drawForOutputs() }
    forEach(Linear.self) { $0.drawNormal(std: 0.01) }
  }

  public override func forward(_ x: Tensor) -> Tensor {
    classifier(avgpool(features(x)).flatten(start: 1))
  }
}

extension ModelPaper {
  static let vgg = ModelPaper(
    "Very Deep Convolutional Networks for Large-Scale Image Recognition", "Simonyan, Zisserman", 2014,
    "https://arxiv.org/abs/1409.1556")
}

extension ModelEntry {
  /// All but `vgg16`, a name that the network without adaptive pooling has.
  static let vggs: [ModelEntry] = VGG.table.flatMap { name, depths in
    [false, true].map { isNormalised in
      let name = isNormalised ? name + "_bn" : name == "vgg16" ? "vgg16@torchvision" : name
      let configuration = VGG.Configuration(depths: depths, isNormalised: isNormalised)
      return ModelEntry(name, "VGG", .vgg, settings: .dropout) {
        VGG(
          configuration, classes: $0.classes, inputChannels: $0.inputChannels, dropout: $0.dropout ?? 0.5)
      }
    }
  }
}
