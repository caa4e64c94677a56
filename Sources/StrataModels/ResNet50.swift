import StrataNN

/// ResNet with 50 layers of weights, the stride on the 3×3 convolutions, and PyTorch's own initial weights.
///
/// He, Zhang, Ren and Sun: "Deep Residual Learning for Image Recognition" (2015),
/// https://arxiv.org/abs/1512.03385.
///
/// Input `[N, 3, H, W]`, output `[N, classes]`: scores, not probabilities.
public final class ResNet50: ResNet, @unchecked Sendable {
  /// Creates a network with PyTorch's initial weights.
  public init(classes: Int = 1000, inputChannels: Int = 3) {
    super.init(plain: Configuration(depths: [3, 4, 6, 3]), classes: classes, inputChannels: inputChannels)
  }
}

extension ModelEntry {
  static let resNet50 = ModelEntry("resnet50", "ResNet50", .resNet) {
    ResNet50(classes: $0.classes, inputChannels: $0.inputChannels)
  }
}
