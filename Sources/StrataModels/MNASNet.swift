import StrataCore
import StrataGraph
import StrataNN

/// MNASNet B1: a network searched for its speed on a telephone.
///
/// Tan, Chen, Pang, Vasudevan, Sandler, Howard and Le: "MnasNet: Platform-Aware Neural Architecture Search for
/// Mobile" (2018), https://arxiv.org/abs/1807.11626.
///
/// Input `[N, 3, H, W]`, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds, here and for the block, because all properties are constant and `Module` locks
/// what can change.
public final class MNASNet: Module, @unchecked Sendable {
  private typealias Row = (kernel: IntPair, channels: Int, stride: IntPair, expansion: Int, blocks: Int)

  private static let rows: [Row] = [
    (3, 24, 2, 3, 3), (5, 40, 2, 3, 3), (5, 80, 2, 6, 3), (3, 96, 1, 6, 2), (5, 192, 2, 6, 4),
    (3, 320, 1, 6, 1),
  ]

  fileprivate static let table: [(name: String, width: Double)] = [
    ("mnasnet0_5", 0.5), ("mnasnet0_75", 0.75), ("mnasnet1_0", 1.0), ("mnasnet1_3", 1.3),
  ]

  /// 1×1 to more channels, a window for each channel, 1×1 to fewer; plus the input where that has the same
  /// shape.
  public final class InvertedResidual: Module, @unchecked Sendable {
    /// The layers.
    public let layers: Sequential
    private let isResidual: Bool

    /// Creates a block.
    public init(_ inChannels: Int, _ outChannels: Int, kernel: IntPair, stride: IntPair, expansion: Int) {
      let width = inChannels * expansion
      isResidual = stride == 1 && inChannels == outChannels
      layers = Sequential(
        Conv2d(inChannels, width, kernelSize: 1, bias: false), MNASNet.norm(width), ReLU(inplace: true),
        MNASNet.depthwise(width, kernel, stride), MNASNet.norm(width), ReLU(inplace: true),
        Conv2d(width, outChannels, kernelSize: 1, bias: false), MNASNet.norm(outChannels))
      super.init()
    }

    /// `_InvertedResidual`, as torchvision prints it.
    public override var typeName: String { "_InvertedResidual" }

    public override func forward(_ x: Tensor) -> Tensor { isResidual ? layers(x) + x : layers(x) }
  }

  /// A convolution, a depthwise separable one, six stages of blocks and a convolution.
  public let layers: Sequential
  /// Scores of the classes, with dropout before.
  public let classifier: Sequential

  /// Creates a network with torchvision's initial weights.
  public init(
    widthMultiplier: Double, classes: Int = 1000, inputChannels: Int = 3, dropout: Double = 0.2
  ) {
    func scaled(_ width: Int) -> Int { divisibleChannels(Double(width) * widthMultiplier) }
    let first = scaled(32)
    var channels = scaled(16)
    var modules: [Module] = [
      Conv2d(inputChannels, first, kernelSize: 3, stride: 2, padding: 1, bias: false), MNASNet.norm(first),
      ReLU(inplace: true),
      MNASNet.depthwise(first, 3, 1), MNASNet.norm(first), ReLU(inplace: true),
      Conv2d(first, channels, kernelSize: 1, bias: false), MNASNet.norm(channels),
    ]
    for row in MNASNet.rows {
      let outChannels = scaled(row.channels)
      let blocks = (0..<row.blocks).map { index in
        defer { channels = outChannels }
        return InvertedResidual(
          channels, outChannels, kernel: row.kernel, stride: index == 0 ? row.stride : 1,
          expansion: row.expansion)
      }
      modules.append(Sequential(blocks))
    }
    modules += [
      Conv2d(channels, 1280, kernelSize: 1, bias: false), MNASNet.norm(1280), ReLU(inplace: true),
    ]
    layers = Sequential(modules)
    classifier = Sequential(Dropout(p: dropout, inplace: true), Linear(1280, classes))
    super.init()
    forEach(Conv2d.self) { $0.drawForOutputs() }
    forEach(Linear.self) { layer in
      Init.kaimingUniform(layer.weight, mode: .fanOut, nonlinearity: .sigmoid)
      if let bias = layer.bias { Init.zeros(bias) }
    }
  }

  /// The momentum is the paper's 0.9997, written the other way round.
  private static func norm(_ channels: Int) -> Module { BatchNorm2d(channels, momentum: 1 - 0.9997) }

  private static func depthwise(_ channels: Int, _ kernel: IntPair, _ stride: IntPair) -> Module {
    let padding = IntPair(kernel.height / 2, kernel.width / 2)
    return Conv2d(
      channels, channels, kernelSize: kernel, stride: stride, padding: padding, groups: channels, bias: false)
  }

  public override func forward(_ x: Tensor) -> Tensor {
    // The mean of each image, as an operation that engines know best.
    classifier(layers(x).adaptiveAveragePool2d(1).flatten(start: 1))
  }
}

extension ModelEntry {
  static let mnasNets: [ModelEntry] = MNASNet.table.map { name, width in
    ModelEntry(
      name, "MNASNet",
      ModelPaper(
        "MnasNet: Platform-Aware Neural Architecture Search for Mobile",
        "Tan, Chen, Pang, Vasudevan, Sandler, Howard, Le", 2018, "https://arxiv.org/abs/1807.11626"),
      settings: [.width, .dropout]
    ) {
      MNASNet(
        widthMultiplier: $0.widthMultiplier ?? width, classes: $0.classes, inputChannels: $0.inputChannels,
        dropout: $0.dropout ?? 0.2)
    }
  }
}
