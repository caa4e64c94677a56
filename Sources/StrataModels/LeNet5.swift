import StrataGraph
import StrataNN

/// LeNet-5 for the digits of MNIST: the network of the paper, in which border zeros make 32 × 32 of 28 × 28.
///
/// LeCun, Bottou, Bengio and Haffner: "Gradient-Based Learning Applied to Document Recognition" (1998),
/// http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf. Every map of the second convolution sees all maps of the
/// first, pooling has no weights, and the output is a linear layer, as is usual today.
///
/// Input `[N, 1, 28, 28]`, output `[N, classes]`: scores, not probabilities. 61,706 parameters for 10 classes.
///
/// `@unchecked Sendable` holds because all properties are constant and `Module` locks what can change.
public final class LeNet5: Module, @unchecked Sendable {
  /// Two convolutions, each with pooling: `[N, 16, 5, 5]`.
  public let features: Sequential
  /// Three fully connected layers.
  public let classifier: Sequential

  /// Creates a network with PyTorch's initial weights.
  public init(classes: Int = 10, inputChannels: Int = 1) {
    features = Sequential(
      Conv2d(inputChannels, 6, kernelSize: 5, padding: 2), Tanh(), AvgPool2d(2, stride: 2),
      Conv2d(6, 16, kernelSize: 5), Tanh(), AvgPool2d(2, stride: 2))
    classifier = Sequential(
      Linear(16 * 5 * 5, 120), Tanh(), Linear(120, 84), Tanh(), Linear(84, classes))
    super.init()
  }

  public override func forward(_ x: Tensor) -> Tensor { classifier(features(x).flatten(start: 1)) }
}

extension ModelEntry {
  static let leNet5 = ModelEntry(
    "lenet5", "LeNet5",
    ModelPaper(
      "Gradient-Based Learning Applied to Document Recognition", "LeCun, Bottou, Bengio, Haffner", 1998,
      "http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf"),
    imageShape: [1, 28, 28], classes: 10
  ) {
    LeNet5(classes: $0.classes, inputChannels: $0.inputChannels)
  }
}
