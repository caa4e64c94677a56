import StrataCore
import StrataGraph

/// A matrix product with a bias (`torch.nn.Linear`).
///
/// Input `[…, inFeatures]`, output `[…, outFeatures]`.
open class Linear: Module {
  /// The size of the last axis of the input.
  public let inFeatures: Int
  /// The size of the last axis of the output.
  public let outFeatures: Int
  /// `[outFeatures, inFeatures]`.
  public let weight: Parameter
  /// `[outFeatures]`.
  public let bias: Parameter?

  /// Creates a layer.
  public init(_ inFeatures: Int, _ outFeatures: Int, bias hasBias: Bool = true) {
    requirePositive("Linear", [("inFeatures", inFeatures), ("outFeatures", outFeatures)])
    self.inFeatures = inFeatures
    self.outFeatures = outFeatures
    weight = Parameter([outFeatures, inFeatures])
    bias = hasBias ? Parameter([outFeatures]) : nil
    super.init()
    resetParameters()
  }

  /// Draws the first values anew, as PyTorch does: within ±1/√inFeatures.
  public final func resetParameters() { Init.layerDefaults(weight: weight, bias: bias) }

  open override func forward(_ x: Tensor) -> Tensor { x.linear(weight.tensor, bias: bias?.tensor) }

  open override func extraDescription(dialect: PrintDialect) -> String {
    "in_features=\(inFeatures), out_features=\(outFeatures), bias=\((bias != nil).pythonText)"
  }
}
