import StrataGraph

/// Weighs channels by what the whole image holds (`torchvision.ops.SqueezeExcitation`; Hu, Shen and Sun 2018,
/// https://arxiv.org/abs/1709.01507).
///
/// Input and output `[N, inputChannels, H, W]`.
open class SqueezeExcitation: Module {
  /// The mean of each channel.
  public let avgpool = AdaptiveAvgPool2d(1)
  /// Reduces the channels.
  public let fc1: Conv2d
  /// Brings them back.
  public let fc2: Conv2d
  /// Follows the first.
  public let activation: Module
  // swift-format-ignore: AlwaysUseLowerCamelCase
  /// Follows the second: a factor for each channel.
  public let scale_activation: Module

  /// Creates a block.
  public init(
    _ inputChannels: Int, _ squeezeChannels: Int, activation: Module = ReLU(),
    scaleActivation: Module = Sigmoid()
  ) {
    fc1 = Conv2d(inputChannels, squeezeChannels, kernelSize: 1)
    fc2 = Conv2d(squeezeChannels, inputChannels, kernelSize: 1)
    self.activation = activation
    scale_activation = scaleActivation
    super.init()
  }

  open override func forward(_ x: Tensor) -> Tensor {
    x * scale_activation(fc2(activation(fc1(avgpool(x)))))
  }
}
