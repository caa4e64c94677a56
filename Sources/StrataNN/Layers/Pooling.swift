import StrataCore
import StrataGraph

/// The largest value of each window (`torch.nn.MaxPool2d`).
///
/// Input `[N, C, H, W]`, output `[N, C, H', W']`.
open class MaxPool2d: Module {
  /// The window.
  public let pooling: Pooling

  /// Creates a layer; windows touch each other where no stride is given.
  public init(
    _ kernelSize: IntPair, stride: IntPair? = nil, padding: IntPair = 0, dilation: IntPair = 1,
    ceilMode: Bool = false
  ) {
    pooling = Pooling(
      kernel: kernelSize, stride: stride, padding: padding, dilation: dilation, roundsUp: ceilMode)
    requireWindow("MaxPool2d", pooling)
    super.init()
  }

  open override func forward(_ x: Tensor) -> Tensor { x.maxPool2d(pooling) }

  open override func extraDescription(dialect: PrintDialect) -> String {
    "\(pooling.commonText), dilation=\(pooling.dilation.briefText), ceil_mode=\(pooling.roundsUp.pythonText)"
  }
}

/// The mean of each window (`torch.nn.AvgPool2d`).
///
/// Input `[N, C, H, W]`, output `[N, C, H', W']`.
open class AvgPool2d: Module {
  /// The window.
  public let pooling: Pooling

  /// Creates a layer; windows touch each other where no stride is given.
  public init(
    _ kernelSize: IntPair, stride: IntPair? = nil, padding: IntPair = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true, divisorOverride: Int? = nil
  ) {
    precondition(divisorOverride != 0, "AvgPool2d: divisorOverride must not be 0")
    pooling = Pooling(
      kernel: kernelSize, stride: stride, padding: padding, roundsUp: ceilMode,
      countsPadding: countIncludePad,
      divisor: divisorOverride)
    requireWindow("AvgPool2d", pooling)
    super.init()
  }

  open override func forward(_ x: Tensor) -> Tensor { x.averagePool2d(pooling) }

  open override func extraDescription(dialect: PrintDialect) -> String { pooling.commonText }
}

/// The mean of as many windows as give a chosen size (`torch.nn.AdaptiveAvgPool2d`).
///
/// Input `[N, C, H, W]`, output `[N, C, h, w]`.
open class AdaptiveAvgPool2d: Module {
  /// The size of the output.
  public let outputSize: OutputSize

  /// Creates a layer: `AdaptiveAvgPool2d(1)`, `AdaptiveAvgPool2d([7, nil])`.
  public init(_ outputSize: OutputSize) {
    for size in [outputSize.height, outputSize.width] {
      if let size { requirePositive("AdaptiveAvgPool2d", [("outputSize", size)]) }
    }
    self.outputSize = outputSize
    super.init()
  }

  /// Creates a layer: `AdaptiveAvgPool2d((7, 7))`, where nil keeps the size of an axis.
  public convenience init(_ outputSize: (Int?, Int?)) {
    self.init(OutputSize(outputSize.0, outputSize.1))
  }

  open override func forward(_ x: Tensor) -> Tensor {
    // A tensor of other axes is left to the operation, which says so.
    let (height, width) = x.rank == 4 ? (x.shape[2], x.shape[3]) : (1, 1)
    return x.adaptiveAveragePool2d(IntPair(outputSize.height ?? height, outputSize.width ?? width))
  }

  open override func extraDescription(dialect: PrintDialect) -> String { "output_size=\(outputSize)" }
}

/// A height and width, each of which may be that of the input (nil). It prints as it was written.
public struct OutputSize: Sendable, Hashable, ExpressibleByIntegerLiteral, ExpressibleByNilLiteral,
  ExpressibleByArrayLiteral, CustomStringConvertible
{
  private enum Spelling {
    case number
    case tuple
    case list
  }

  /// The height, or nil for that of the input.
  public let height: Int?
  /// The width, or nil for that of the input.
  public let width: Int?
  private let spelling: Spelling

  /// Creates a size.
  public init(_ height: Int?, _ width: Int?) { self.init(height, width, .tuple) }

  /// Creates a square.
  public init(_ both: Int?) { self.init(both, both, .number) }

  /// Creates a square.
  public init(integerLiteral value: Int) { self.init(value) }

  /// Creates the size of the input.
  public init(nilLiteral: ()) { self.init(nil) }

  /// Creates a size from two numbers.
  public init(arrayLiteral sizes: Int?...) {
    precondition(sizes.count == 2, "an output size is a height and a width, got \(sizes.count) numbers")
    self.init(sizes[0], sizes[1], .list)
  }

  private init(_ height: Int?, _ width: Int?, _ spelling: Spelling) {
    self.height = height
    self.width = width
    self.spelling = spelling
  }

  /// `1`, `(1, 1)`, `[1, 1]` or `(None, 7)`.
  public var description: String {
    let (height, width) = (OutputSize.text(height), OutputSize.text(width))
    switch spelling {
    case .number: return height
    case .tuple: return "(\(height), \(width))"
    case .list: return "[\(height), \(width)]"
    }
  }

  private static func text(_ size: Int?) -> String { size.map(String.init) ?? "None" }
}

extension Pooling {
  fileprivate var commonText: String {
    "kernel_size=\(kernel.briefText), stride=\(stride.briefText), padding=\(padding.briefText)"
  }
}

private func requireWindow(_ layer: String, _ pooling: Pooling) {
  requirePositive(
    layer, [("kernelSize", pooling.kernel), ("stride", pooling.stride), ("dilation", pooling.dilation)])
  let (padding, kernel) = (pooling.padding, pooling.kernel)
  precondition(
    padding.height >= 0 && padding.width >= 0 && padding.height * 2 <= kernel.height
      && padding.width * 2 <= kernel.width,
    "\(layer): padding must lie between 0 and half of the window \(kernel), got \(padding)")
}
