import StrataCore
import StrataGraph
import StrataNN

/// AlexNet for images of 224 × 224, with all five convolutions in one group.
///
/// Krizhevsky, Sutskever and Hinton: "ImageNet Classification with Deep Convolutional Neural Networks" (2012),
/// https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks.
/// The widths of the channels are the paper's; local response normalisation and the split over two devices are
/// left out, as is usual today.
///
/// Input `[N, 3, 224, 224]`, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds because all properties are constant and `Module` locks what can change.
public final class AlexNet: Module, @unchecked Sendable {
  private typealias Row = (channels: Int, kernel: IntPair, stride: IntPair, padding: IntPair, isPooled: Bool)

  private static let rows: [Row] = [
    (96, 11, 4, 2, true),
    (256, 5, 1, 2, true),
    (384, 3, 1, 1, false),
    (384, 3, 1, 1, false),
    (256, 3, 1, 1, true),
  ]

  /// Five convolutions with their pooling: `[N, 256, 6, 6]`.
  public let features: Sequential
  /// Three fully connected layers with dropout.
  public let classifier: Sequential

  /// Creates a network with PyTorch's initial weights.
  public init(classes: Int = 1000, inputChannels: Int = 3, dropout: Double = 0.5) {
    var channels = inputChannels
    var layers: [Module] = []
    for (width, kernel, stride, padding, isPooled) in AlexNet.rows {
      layers.append(Conv2d(channels, width, kernelSize: kernel, stride: stride, padding: padding))
      layers.append(ReLU(inplace: true))
      if isPooled { layers.append(MaxPool2d(3, stride: 2)) }
      channels = width
    }
    features = Sequential(layers)
    classifier = Sequential(
      Dropout(p: dropout), Linear(256 * 6 * 6, 4096), ReLU(inplace: true),
      Dropout(p: dropout), Linear(4096, 4096), ReLU(inplace: true),
      Linear(4096, classes))
    super.init()
  }

  public override func forward(_ x: Tensor) -> Tensor { classifier(features(x).flatten(start: 1)) }
}

extension ModelEntry {
  static let alexNet = ModelEntry(
    "alexnet", "AlexNet",
    ModelPaper(
      "ImageNet Classification with Deep Convolutional Neural Networks", "Krizhevsky, Sutskever, Hinton",
      2012,
      "https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks"),
    settings: .dropout
  ) {
    AlexNet(classes: $0.classes, inputChannels: $0.inputChannels, dropout: $0.dropout ?? 0.5)
  }
}
