import StrataGraph

/// Puts the axes into another order (`torchvision.ops.Permute`).
open class Permute: Module {
  /// Axis `i` of the output is axis `dims[i]` of the input.
  public let dims: [Int]

  /// Creates a layer: `Permute([0, 2, 3, 1])`.
  public init(_ dims: [Int]) {
    self.dims = dims
    super.init()
  }

  open override func forward(_ x: Tensor) -> Tensor { x.permute(dims) }
}
