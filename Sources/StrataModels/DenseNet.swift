import StrataCore
import StrataGraph
import StrataNN

/// DenseNet: each layer sees the results of all layers before it in its block.
///
/// Huang, Liu, van der Maaten and Weinberger: "Densely Connected Convolutional Networks" (2016),
/// https://arxiv.org/abs/1608.06993.
///
/// Input `[N, 3, H, W]` of at least 29 × 29, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds, here and for the blocks, because all properties are constant and `Module` locks
/// what can change.
public final class DenseNet: Module, @unchecked Sendable {
  /// The sizes of one network.
  public struct Configuration: Sendable {
    /// Layers of each block.
    public let depths: [Int]
    /// Channels that each layer adds.
    public let growth: Int
    /// Channels of the first convolution.
    public let firstChannels: Int

    /// Creates a configuration.
    public init(depths: [Int], growth: Int = 32, firstChannels: Int = 64) {
      self.depths = depths
      self.growth = growth
      self.firstChannels = firstChannels
    }
  }

  fileprivate static let table: [(name: String, configuration: Configuration)] = [
    ("densenet121", Configuration(depths: [6, 12, 24, 16])),
    ("densenet161", Configuration(depths: [6, 12, 36, 24], growth: 48, firstChannels: 96)),
    ("densenet169", Configuration(depths: [6, 12, 32, 32])),
    ("densenet201", Configuration(depths: [6, 12, 48, 32])),
  ]

  /// 1×1 to four times the growth, then 3×3 to the growth, each after its normalisation.
  public final class Layer: Module, @unchecked Sendable {
    /// Normalises the input.
    public let norm1: BatchNorm2d
    /// Follows it.
    public let relu1 = ReLU(inplace: true)
    /// Reduces the channels.
    public let conv1: Conv2d
    /// Normalises the first convolution.
    public let norm2: BatchNorm2d
    /// Follows it.
    public let relu2 = ReLU(inplace: true)
    /// Looks at the neighbourhood.
    public let conv2: Conv2d
    private let dropout: Double

    /// Creates a layer.
    public init(_ inChannels: Int, growth: Int, dropout: Double = 0) {
      norm1 = BatchNorm2d(inChannels)
      conv1 = Conv2d(inChannels, 4 * growth, kernelSize: 1, bias: false)
      norm2 = BatchNorm2d(4 * growth)
      conv2 = Conv2d(4 * growth, growth, kernelSize: 3, padding: 1, bias: false)
      self.dropout = dropout
      super.init()
    }

    /// `_DenseLayer`, as torchvision prints it.
    public override var typeName: String { "_DenseLayer" }

    public override func forward(_ x: Tensor) -> Tensor {
      let y = conv2(relu2(norm2(conv1(relu1(norm1(x))))))
      return isTraining && dropout > 0 ? y.dropout(dropout) : y
    }
  }

  /// Layers of which each adds its channels to those of all before.
  public final class Block: ModuleDict, @unchecked Sendable {
    /// Creates a block.
    public init(_ inChannels: Int, depth: Int, growth: Int, dropout: Double = 0) {
      super.init(
        (0..<depth).map { index in
          ("denselayer\(index + 1)", Layer(inChannels + index * growth, growth: growth, dropout: dropout))
        })
    }

    /// `_DenseBlock`, as torchvision prints it.
    public override var typeName: String { "_DenseBlock" }

    public override func forward(_ x: Tensor) -> Tensor {
      reduce(x) { x, layer in .cat([x, layer(x)], dim: 1) }
    }
  }

  /// Halves the channels and the image between blocks.
  public final class Transition: Sequential, @unchecked Sendable {
    /// Creates the layers.
    public init(_ inChannels: Int, _ outChannels: Int) {
      super.init(named: [
        ("norm", BatchNorm2d(inChannels)), ("relu", ReLU(inplace: true)),
        ("conv", Conv2d(inChannels, outChannels, kernelSize: 1, bias: false)),
        ("pool", AvgPool2d(2, stride: 2)),
      ])
    }

    /// `_Transition`, as torchvision prints it.
    public override var typeName: String { "_Transition" }
  }

  /// A convolution and four blocks with transitions between.
  public let features: Sequential
  /// Scores of the classes.
  public let classifier: Linear

  /// Creates a network with torchvision's initial weights.
  public init(
    _ configuration: Configuration, classes: Int = 1000, inputChannels: Int = 3, dropout: Double = 0
  ) {
    var channels = configuration.firstChannels
    var layers: [(name: String, module: Module)] = [
      ("conv0", Conv2d(inputChannels, channels, kernelSize: 7, stride: 2, padding: 3, bias: false)),
      ("norm0", BatchNorm2d(channels)), ("relu0", ReLU(inplace: true)),
      ("pool0", MaxPool2d(3, stride: 2, padding: 1)),
    ]
    for (index, depth) in configuration.depths.enumerated() {
      let number = index + 1
      layers.append(
        ("denseblock\(number)", Block(channels, depth: depth, growth: configuration.growth, dropout: dropout))
      )
      channels += depth * configuration.growth
      guard number < configuration.depths.count else { break }
      layers.append(("transition\(number)", Transition(channels, channels / 2)))
      channels /= 2
    }
    layers.append(("norm\(configuration.depths.count + 1)", BatchNorm2d(channels)))
    features = Sequential(named: layers)
    classifier = Linear(channels, classes)
    super.init()
    forEach(Conv2d.self) { Init.kaimingNormal($0.weight) }
    if let bias = classifier.bias { Init.zeros(bias) }
  }

  public override func forward(_ x: Tensor) -> Tensor {
    classifier(features(x).relu().adaptiveAveragePool2d(1).flatten(start: 1))
  }
}

extension ModelEntry {
  static let denseNets: [ModelEntry] = DenseNet.table.map { name, configuration in
    ModelEntry(
      name, "DenseNet",
      ModelPaper(
        "Densely Connected Convolutional Networks", "Huang, Liu, van der Maaten, Weinberger", 2016,
        "https://arxiv.org/abs/1608.06993"),
      settings: .dropout
    ) {
      DenseNet(
        configuration, classes: $0.classes, inputChannels: $0.inputChannels, dropout: $0.dropout ?? 0)
    }
  }
}
