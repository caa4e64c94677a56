import StrataGraph
import StrataNN

/// VGG with 16 layers of weights (configuration D), without batch norm.
///
/// Simonyan and Zisserman: "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2014),
/// https://arxiv.org/abs/1409.1556.
///
/// Input `[N, 3, 224, 224]`, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds because all properties are constant and `Module` locks what can change.
public final class VGG16: Module, @unchecked Sendable {
  /// Channels of the 3×3 convolutions of each block; a pooling layer ends it.
  private static let blocks = [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]]

  /// Thirteen convolutions in five blocks: `[N, 512, 7, 7]`.
  public let features: Sequential
  /// Three fully connected layers with dropout.
  public let classifier: Sequential

  /// Creates a network with PyTorch's initial weights.
  public init(classes: Int = 1000, inputChannels: Int = 3, dropout: Double = 0.5) {
    var channels = inputChannels
    var layers: [Module] = []
    for block in VGG16.blocks {
      for width in block {
        layers += [Conv2d(channels, width, kernelSize: 3, padding: 1), ReLU(inplace: true)]
        channels = width
      }
      layers.append(MaxPool2d(2, stride: 2))
    }
    features = Sequential(layers)
    classifier = Sequential(
      Linear(512 * 7 * 7, 4096), ReLU(inplace: true), Dropout(p: dropout),
      Linear(4096, 4096), ReLU(inplace: true), Dropout(p: dropout),
      Linear(4096, classes))
    super.init()
  }

  public override func forward(_ x: Tensor) -> Tensor { classifier(features(x).flatten(start: 1)) }
}

extension ModelEntry {
  static let vgg16 = ModelEntry("vgg16", "VGG16", .vgg, settings: .dropout) {
    VGG16(classes: $0.classes, inputChannels: $0.inputChannels, dropout: $0.dropout ?? 0.5)
  }
}
