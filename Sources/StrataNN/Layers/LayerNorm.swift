import StrataCore
import StrataGraph

/// Normalises each sample over its last axes (`torch.nn.LayerNorm`; Ba, Kiros and Hinton 2016,
/// https://arxiv.org/abs/1607.06450).
///
/// Input and output `[…] + normalizedShape`.
open class LayerNorm: Module {
  /// The sizes of the axes that are normalised together.
  public let normalizedShape: Shape
  /// Added to the variance, so that no division is by zero.
  public let eps: Double
  /// Scale of each element, where `elementwiseAffine`.
  public let weight: Parameter?
  /// Shift of each element, where `elementwiseAffine`.
  public let bias: Parameter?
  private let epsText: String

  /// Creates a layer.
  public init(
    _ normalizedShape: Shape, eps: any Numeral = 1e-5, elementwiseAffine: Bool = true,
    bias hasBias: Bool = true
  ) {
    precondition(normalizedShape.rank > 0, "LayerNorm: normalizedShape must have an axis")
    requirePositive("LayerNorm", normalizedShape.map { ("normalizedShape", $0) })
    precondition(eps.real >= 0, "LayerNorm: eps must not be negative, got \(eps.pythonText)")
    self.normalizedShape = normalizedShape
    self.eps = eps.real
    epsText = eps.pythonText
    weight = elementwiseAffine ? Parameter(normalizedShape) { .ones(normalizedShape) } : nil
    bias = elementwiseAffine && hasBias ? Parameter(normalizedShape) : nil
    super.init()
  }

  /// Creates a layer that normalises the last axis.
  public convenience init(
    _ features: Int, eps: any Numeral = 1e-5, elementwiseAffine: Bool = true, bias: Bool = true
  ) {
    self.init(Shape([features]), eps: eps, elementwiseAffine: elementwiseAffine, bias: bias)
  }

  open override func forward(_ x: Tensor) -> Tensor {
    guard x.error == nil else { return x }
    guard Shape(x.shape.suffix(normalizedShape.rank)) == normalizedShape else {
      return mistake(.shape, "expects \(normalizedShape) as the last sizes, got \(x.shape)")
    }
    guard normalizedShape.rank > 1 else {
      return x.layerNorm(weight: weight?.tensor, bias: bias?.tensor, epsilon: eps)
    }
    // The operation knows one axis; several become one and are parted again.
    let rows = x.flatten(start: x.rank - normalizedShape.rank)
    let normal = rows.layerNorm(
      weight: weight?.tensor.flatten(), bias: bias?.tensor.flatten(), epsilon: eps)
    return normal.reshape(x.shape)
  }

  open override func extraDescription(dialect: PrintDialect) -> String {
    let sizes = normalizedShape.map(String.init).joined(separator: ", ")
    var parts = ["(\(sizes)\(normalizedShape.rank == 1 ? "," : ""))", "eps=\(epsText)"]
    parts.append("elementwise_affine=\((weight != nil).pythonText)")
    switch dialect {
    case .torch2_15: parts.append("bias=\((bias != nil).pythonText)")
    case .torch2_0: break
    }
    return parts.joined(separator: ", ")
  }
}

/// Normalises the channels of each pixel (`torchvision.models.convnext.LayerNorm2d`).
///
/// Input and output `[N, C, H, W]`.
open class LayerNorm2d: LayerNorm {
  open override func forward(_ x: Tensor) -> Tensor {
    guard x.error == nil else { return x }
    guard x.rank == 4 else { return mistake(.shape, "expects an image batch [N, C, H, W], got \(x.shape)") }
    return super.forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
  }
}
