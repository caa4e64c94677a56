import StrataCore
import StrataGraph

/// A convolution over images (`torch.nn.Conv2d`).
///
/// Input `[N, inChannels, H, W]`, output `[N, outChannels, H', W']` with
/// `H' = (H + 2 × padding − dilation × (kernel − 1) − 1) / stride + 1`, rounded down.
open class Conv2d: Module {
  /// Padding that is named and not counted.
  public enum NamedPadding: String, Sendable, Hashable {
    /// As much as keeps the size of the image; needs stride 1.
    case same
    /// None.
    case valid
  }

  /// Channels of the input.
  public let inChannels: Int
  /// Channels of the output.
  public let outChannels: Int
  /// The window.
  public let kernelSize: IntPair
  /// Distance between windows.
  public let stride: IntPair
  /// Zeros on each side; for `same` padding, those before the image.
  public let padding: IntPair
  /// How the padding was named, if it was.
  public private(set) var namedPadding: NamedPadding?
  /// Distance between the taps of the window.
  public let dilation: IntPair
  /// Groups of channels that do not see each other.
  public let groups: Int
  /// `[outChannels, inChannels / groups, height, width]`.
  public let weight: Parameter
  /// `[outChannels]`.
  public let bias: Parameter?

  /// Creates a convolution.
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: IntPair, stride: IntPair = 1, padding: IntPair = 0,
    dilation: IntPair = 1, groups: Int = 1, bias hasBias: Bool = true
  ) {
    requirePositive("Conv2d", [("inChannels", inChannels), ("outChannels", outChannels), ("groups", groups)])
    requirePositive("Conv2d", [("kernelSize", kernelSize), ("stride", stride), ("dilation", dilation)])
    precondition(
      padding.height >= 0 && padding.width >= 0, "Conv2d: padding must not be negative, got \(padding)")
    precondition(
      inChannels % groups == 0, "Conv2d: \(inChannels) input channels do not divide into \(groups) groups")
    precondition(
      outChannels % groups == 0, "Conv2d: \(outChannels) output channels do not divide into \(groups) groups")
    self.inChannels = inChannels
    self.outChannels = outChannels
    self.kernelSize = kernelSize
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    self.groups = groups
    weight = Parameter([outChannels, inChannels / groups, kernelSize.height, kernelSize.width])
    bias = hasBias ? Parameter([outChannels]) : nil
    super.init()
    resetParameters()
  }

  /// Creates a convolution whose padding is named: `.same` or `.valid`.
  public convenience init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: IntPair, stride: IntPair = 1, padding: NamedPadding,
    dilation: IntPair = 1, groups: Int = 1, bias: Bool = true
  ) {
    precondition(padding != .same || stride == 1, "Conv2d: padding `same` needs stride 1, got \(stride)")
    let same = IntPair(
      dilation.height * (kernelSize.height - 1) / 2, dilation.width * (kernelSize.width - 1) / 2)
    self.init(
      inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: padding == .same ? same : 0,
      dilation: dilation, groups: groups, bias: bias)
    namedPadding = padding
  }

  /// Draws the first values anew, as PyTorch does: within ±1/√(inChannels / groups × height × width).
  public final func resetParameters() { Init.layerDefaults(weight: weight, bias: bias) }

  open override func forward(_ x: Tensor) -> Tensor {
    padded(x).conv2d(
      weight.tensor, bias: bias?.tensor, stride: stride, padding: padding, dilation: dilation, groups: groups)
  }

  /// With `same` padding of an odd total, the extra zeros come after the image, as in PyTorch.
  private func padded(_ x: Tensor) -> Tensor {
    guard namedPadding == .same, x.rank == 4 else { return x }
    let extra = IntPair(
      dilation.height * (kernelSize.height - 1) - 2 * padding.height,
      dilation.width * (kernelSize.width - 1) - 2 * padding.width)
    guard extra != 0 else { return x }
    return .apply(.pad(before: [0, 0, 0, 0], after: [0, 0, extra.height, extra.width], value: 0), [x])
  }

  open override func extraDescription(dialect: PrintDialect) -> String {
    var parts = ["\(inChannels)", "\(outChannels)", "kernel_size=\(kernelSize)", "stride=\(stride)"]
    if let namedPadding {
      parts.append("padding=\(namedPadding.rawValue)")
    } else if padding != 0 {
      parts.append("padding=\(padding)")
    }
    if dilation != 1 { parts.append("dilation=\(dilation)") }
    if groups != 1 { parts.append("groups=\(groups)") }
    if bias == nil { parts.append("bias=False") }
    return parts.joined(separator: ", ")
  }
}
