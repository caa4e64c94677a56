import StrataCore
import StrataGraph
import StrataNN

/// SqueezeNet 1.0 and 1.1: AlexNet's accuracy with a fiftieth of its parameters.
///
/// Iandola, Han, Moskewicz, Ashraf, Dally and Keutzer: "SqueezeNet: AlexNet-level accuracy with 50x fewer
/// parameters and <0.5MB model size" (2016), https://arxiv.org/abs/1602.07360.
///
/// Input `[N, 3, H, W]` of at least 17 × 17, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds, here and for the block, because all properties are constant and `Module` locks
/// what can change.
public final class SqueezeNet: Module, @unchecked Sendable {
  /// The versions of the network.
  public enum Version: String, Sendable, CaseIterable {
    /// 1.0, the paper's: 1,248,424 parameters for 1000 classes.
    case first = "1_0"
    /// 1.1, with less than half the work: 1,235,496 parameters for 1000 classes.
    case second = "1_1"
  }

  /// 1×1 to few channels, then 1×1 and 3×3 side by side.
  public final class Fire: Module, @unchecked Sendable {
    /// Reduces the channels.
    public let squeeze: Conv2d
    // swift-format-ignore: AlwaysUseLowerCamelCase
    /// Follows that.
    public let squeeze_activation = ReLU(inplace: true)
    /// The first half of the output.
    public let expand1x1: Conv2d
    // swift-format-ignore: AlwaysUseLowerCamelCase
    /// Follows that.
    public let expand1x1_activation = ReLU(inplace: true)
    /// The second half of the output.
    public let expand3x3: Conv2d
    // swift-format-ignore: AlwaysUseLowerCamelCase
    /// Follows that.
    public let expand3x3_activation = ReLU(inplace: true)

    /// Creates a block with `2 × expanded` channels of output.
    public init(_ inChannels: Int, squeezed: Int, expanded: Int) {
      squeeze = Conv2d(inChannels, squeezed, kernelSize: 1)
      expand1x1 = Conv2d(squeezed, expanded, kernelSize: 1)
      expand3x3 = Conv2d(squeezed, expanded, kernelSize: 3, padding: 1)
      super.init()
    }

    public override func forward(_ x: Tensor) -> Tensor {
      let x = squeeze_activation(squeeze(x))
      return .cat([expand1x1_activation(expand1x1(x)), expand3x3_activation(expand3x3(x))], dim: 1)
    }
  }

  /// A convolution and eight blocks: `[N, 512, H / 16, W / 16]`.
  public let features: Sequential
  /// A convolution whose means are the scores.
  public let classifier: Sequential

  /// Creates a network with torchvision's initial weights.
  public init(_ version: Version, classes: Int = 1000, inputChannels: Int = 3, dropout: Double = 0.5) {
    let (first, kernel, pooled): (Int, IntPair, Set<Int>) =
      switch version {
      case .first: (96, 7, [3, 7])
      case .second: (64, 3, [2, 4])
      }
    var layers: [Module] = [
      Conv2d(inputChannels, first, kernelSize: kernel, stride: 2), ReLU(inplace: true), SqueezeNet.pool(),
    ]
    var channels = first
    for block in 0..<8 {
      // Both versions widen after every second block; only the places of pooling differ.
      let step = block / 2 + 1
      if pooled.contains(block) { layers.append(SqueezeNet.pool()) }
      layers.append(Fire(channels, squeezed: 16 * step, expanded: 64 * step))
      channels = 2 * 64 * step
    }
    features = Sequential(layers)
    let last = Conv2d(512, classes, kernelSize: 1)
    classifier = Sequential(Dropout(p: dropout), last, ReLU(inplace: true), AdaptiveAvgPool2d((1, 1)))
    super.init()
    forEach(Conv2d.self) { layer in
      Init.kaimingUniform(layer.weight)
      if let bias = layer.bias { Init.zeros(bias) }
    }
    last.drawNormal(std: 0.01)
  }

  private static func pool() -> Module { MaxPool2d(3, stride: 2, ceilMode: true) }

  public override func forward(_ x: Tensor) -> Tensor { classifier(features(x)).flatten(start: 1) }
}

extension ModelEntry {
  static let squeezeNets: [ModelEntry] = SqueezeNet.Version.allCases.map { version in
    ModelEntry(
      "squeezenet\(version.rawValue)", "SqueezeNet",
      ModelPaper(
        "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
        "Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer", 2016, "https://arxiv.org/abs/1602.07360"),
      settings: .dropout
    ) {
      SqueezeNet(
        version, classes: $0.classes, inputChannels: $0.inputChannels, dropout: $0.dropout ?? 0.5)
    }
  }
}
