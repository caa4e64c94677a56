import StrataCore
import StrataGraph

/// A convolution, its normalisation and its nonlinearity, the last two where wanted
/// (`torchvision.ops.Conv2dNormActivation`).
///
/// Input `[N, inChannels, H, W]`, output `[N, outChannels, H', W']`; odd windows keep the size at stride 1.
open class Conv2dNormActivation: Sequential {
  /// Creates a block.
  ///
  /// - Parameters:
  ///   - inChannels: Channels of the input.
  ///   - outChannels: Channels of the output.
  ///   - kernelSize: The window.
  ///   - stride: Distance between windows.
  ///   - padding: Zeros on each side; where nil, half of the window.
  ///   - groups: Groups of channels that do not see each other.
  ///   - norm: Makes the normalisation for a number of channels; nil for none.
  ///   - activation: The nonlinearity; nil for none.
  ///   - dilation: Distance between the taps of the window.
  ///   - bias: Whether the convolution adds one; where nil, if nothing normalises.
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: IntPair = 3, stride: IntPair = 1,
    padding: IntPair? = nil, groups: Int = 1, norm: ((Int) -> Module)? = { BatchNorm2d($0) },
    activation: Module? = ReLU(inplace: true), dilation: IntPair = 1, bias: Bool? = nil
  ) {
    let half = IntPair(
      (kernelSize.height - 1) / 2 * dilation.height, (kernelSize.width - 1) / 2 * dilation.width)
    let convolution = Conv2d(
      inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: padding ?? half,
      dilation: dilation, groups: groups, bias: bias ?? (norm == nil))
    super.init([convolution] + [norm?(outChannels), activation].compactMap { $0 })
  }
}
