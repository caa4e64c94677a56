import StrataCore
import StrataGraph

/// A convolution's windows in oneDNN's terms.
struct ConvolutionWindow {
  let strides: [Int64]
  let dilation: [Int64]
  let before: [Int64]
  let after: [Int64]

  init(_ image: Shape, _ weights: Shape, _ settings: Convolution, _ result: Shape) {
    let pooling = Pooling(
      kernel: IntPair(weights[2], weights[3]), stride: settings.stride, padding: settings.padding,
      dilation: settings.dilation)
    strides = settings.stride.dims
    dilation = pooling.gaps.dims
    before = settings.padding.dims
    after = pooling.overhang(image, result).dims
  }
}

extension Pooling {
  /// Pixels left out between the taps of a window.
  var gaps: IntPair { IntPair(dilation.height - 1, dilation.width - 1) }

  /// The padding at the bottom and right that gives the result its size; less than at the top where windows do
  /// not reach the border.
  func overhang(_ image: Shape, _ result: Shape) -> IntPair {
    IntPair(
      (result[2] - 1) * stride.height + dilation.height * (kernel.height - 1) + 1 - image[2] - padding.height,
      (result[3] - 1) * stride.width + dilation.width * (kernel.width - 1) + 1 - image[3] - padding.width)
  }
}

extension Convolution {
  /// The weights' shape with the groups as an axis of their own, where there are several.
  func grouped(_ weights: Shape) -> Shape {
    groups == 1 ? weights : Shape([groups, weights[0] / groups] + weights.dropFirst())
  }
}

extension IntPair {
  /// The two numbers in oneDNN's order.
  var dims: [Int64] { [Int64(height), Int64(width)] }
}

/// A max pooling of a value, by which its gradient finds the winners.
struct PoolKey: Hashable {
  let image: NodeID
  let pooling: Pooling
}

/// The places of a max pooling's winners, and the layouts they were found in.
struct PoolWorkspace {
  let slot: SlotID
  let image: Layout
  let result: Layout
}
