import StrataCore
import StrataGraph
import StrataNN

/// AlexNet as torchvision has it: fewer channels, and pooling that takes any image.
///
/// Krizhevsky: "One weird trick for parallelizing convolutional neural networks" (2014),
/// https://arxiv.org/abs/1404.5997. 61,100,840 parameters for 1000 classes.
///
/// Input `[N, 3, H, W]` of at least 63 × 63, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds because all properties are constant and `Module` locks what can change.
public final class TorchvisionAlexNet: Module, @unchecked Sendable {
  private typealias Row = (channels: Int, kernel: IntPair, stride: IntPair, padding: IntPair, isPooled: Bool)

  private static let rows: [Row] = [
    (64, 11, 4, 2, true),
    (192, 5, 1, 2, true),
    (384, 3, 1, 1, false),
    (256, 3, 1, 1, false),
    (256, 3, 1, 1, true),
  ]

  /// Five convolutions with their pooling.
  public let features: Sequential
  /// The mean of parts of the image: `[N, 256, 6, 6]`.
  public let avgpool: AdaptiveAvgPool2d
  /// Three fully connected layers with dropout.
  public let classifier: Sequential

  /// Creates a network with PyTorch's initial weights.
  public init(classes: Int = 1000, inputChannels: Int = 3, dropout: Double = 0.5) {
    var channels = inputChannels
    var layers: [Module] = []
    for (width, kernel, stride, padding, isPooled) in TorchvisionAlexNet.rows {
      layers.append(Conv2d(channels, width, kernelSize: kernel, stride: stride, padding: padding))
      layers.append(ReLU(inplace: true))
      if isPooled { layers.append(MaxPool2d(3, stride: 2)) }
      channels = width
    }
    features = Sequential(layers)
    avgpool = AdaptiveAvgPool2d((6, 6))
    classifier = Sequential(
      Dropout(p: dropout), Linear(256 * 6 * 6, 4096), ReLU(inplace: true),
      Dropout(p: dropout), Linear(4096, 4096), ReLU(inplace: true),
      Linear(4096, classes))
    super.init()
  }

  /// `AlexNet`, as torchvision prints it.
  public override var typeName: String { "AlexNet" }

  public override func forward(_ x: Tensor) -> Tensor {
    classifier(avgpool(features(x)).flatten(start: 1))
  }
}

extension ModelEntry {
  static let torchvisionAlexNet = ModelEntry(
    "alexnet@torchvision", "AlexNet",
    ModelPaper(
      "One weird trick for parallelizing convolutional neural networks", "Krizhevsky", 2014,
      "https://arxiv.org/abs/1404.5997"),
    settings: .dropout
  ) {
    TorchvisionAlexNet(classes: $0.classes, inputChannels: $0.inputChannels, dropout: $0.dropout ?? 0.5)
  }
}
