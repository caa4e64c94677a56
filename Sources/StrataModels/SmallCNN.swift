import StrataCore
import StrataGraph
import StrataNN

/// A network of four convolutions for tiny pictures, such as digits of 8 × 8 pixels; it trains within a minute.
///
/// In the manner of Springenberg, Dosovitskiy, Brox and Riedmiller: "Striving for Simplicity: The All Convolutional
/// Net" (2014), https://arxiv.org/abs/1412.6806: strides take the place of pooling and a mean over the picture that
/// of large linear layers, so that pictures may have any size. Batch norm is newer than the paper.
///
/// Input `[N, 1, H, W]`, output `[N, classes]`: scores, not probabilities. 131,178 parameters for 10 classes.
///
/// `@unchecked Sendable` holds because all properties are constant and `Module` locks what can change.
public final class SmallCNN: Module, @unchecked Sendable {
  /// Four convolutions, two of which halve the picture: `[N, 128, ⌈H / 4⌉, ⌈W / 4⌉]`.
  public let features: Sequential
  /// The mean of the picture.
  public let avgpool = AdaptiveAvgPool2d((1, 1))
  /// Scores of the classes.
  public let classifier: Linear

  /// Creates a network with weights for ReLUs behind the convolutions.
  public init(classes: Int = 10, inputChannels: Int = 1, widthMultiplier: Double = 1) {
    let widths = [32.0, 64, 64, 128].map { max(1, Int(($0 * widthMultiplier).rounded())) }
    var channels = inputChannels
    var layers: [Module] = []
    for (width, stride) in zip(widths, [1, 2, 1, 2]) {
      layers += [
        Conv2d(channels, width, kernelSize: 3, stride: IntPair(stride), padding: 1, bias: false),
        BatchNorm2d(width), ReLU(inplace: true),
      ]
      channels = width
    }
    features = Sequential(layers)
    classifier = Linear(channels, classes)
    super.init()
    forEach(Conv2d.self) { $0.drawForOutputs() }
  }

  public override func forward(_ x: Tensor) -> Tensor {
    classifier(avgpool(features(x)).flatten(start: 1))
  }
}

extension ModelEntry {
  static let smallCNN = ModelEntry(
    "small_cnn", "SmallCNN",
    ModelPaper(
      "Striving for Simplicity: The All Convolutional Net", "Springenberg, Dosovitskiy, Brox, Riedmiller",
      2014,
      "https://arxiv.org/abs/1412.6806"),
    imageShape: [1, 8, 8], classes: 10, settings: .width
  ) {
    SmallCNN(
      classes: $0.classes, inputChannels: $0.inputChannels, widthMultiplier: $0.widthMultiplier ?? 1)
  }
}
