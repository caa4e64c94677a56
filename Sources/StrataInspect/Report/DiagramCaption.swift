import StrataCore
import StrataGraph
import StrataNN

/// What a block says about itself.
struct DiagramCaption {
  var kind: DiagramBlock.Kind
  var detail = ""

  /// Of a module, in the notation of papers: `7×7, 64, /2` is a window, output channels and a stride of 2.
  init(_ module: Module) {
    switch module {
    case let layer as Conv2d:
      kind = .convolution
      var parts = [layer.kernelSize.times, "\(layer.outChannels)"]
      if layer.groups > 1 {
        let isDepthwise = layer.groups == layer.inChannels
        parts.append(isDepthwise ? "dw" : "g\(layer.groups)")
      }
      if layer.dilation != 1 { parts.append("d\(layer.dilation.short)") }
      if layer.stride != 1 { parts.append("/\(layer.stride.short)") }
      detail = parts.joined(separator: ", ")
    case let layer as Linear:
      kind = .linear
      detail = "\(layer.inFeatures) → \(layer.outFeatures)"
    case is BatchNorm2d, is LayerNorm: kind = .normalisation
    case is ActivationLayer, is Softmax, is LogSoftmax: kind = .activation
    case let layer as MaxPool2d:
      kind = .pooling
      detail = Self.text(layer.pooling)
    case let layer as AvgPool2d:
      kind = .pooling
      detail = Self.text(layer.pooling)
    case let layer as AdaptiveAvgPool2d:
      kind = .pooling
      let size = [layer.outputSize.height, layer.outputSize.width].map { $0.map(String.init) ?? "·" }
      detail = "→ " + size.joined(separator: "×")
    case let layer as Dropout:
      kind = .regularisation
      detail = "p = \(DecimalText.general(layer.p, digits: 3))"
    case let layer as StochasticDepth:
      kind = .regularisation
      detail = "p = \(DecimalText.general(layer.p, digits: 3))"
    default: kind = module.children.isEmpty ? .operation : .container
    }
  }

  private static func text(_ pooling: Pooling) -> String {
    pooling.kernel.times + (pooling.stride == 1 ? "" : ", /\(pooling.stride.short)")
  }

  /// Of an operation in a module's own code.
  init(_ node: Node) {
    switch node.op {
    case .conv2d: kind = .convolution
    case .linear, .matmul: kind = .linear
    case .batchNorm, .layerNorm: kind = .normalisation
    case .activation, .softmax: kind = .activation
    case .maxPool2d(let pooling), .averagePool2d(let pooling):
      kind = .pooling
      detail = Self.text(pooling)
    case .adaptiveAveragePool2d(let size):
      kind = .pooling
      detail = "→ \(size.times)"
    case .dropout: kind = .regularisation
    default: kind = .operation
    }
  }
}

extension Op {
  /// What stands in the box of an operation: a sign where there is one that everybody knows.
  func diagramTitle(_ type: TensorType) -> String {
    switch self {
    case .binary(.add): "+"
    case .binary(.subtract): "−"
    case .binary(.multiply): "×"
    case .binary(.divide): "÷"
    case .concatenate: "concat"
    case .reshape: type.shape.rank == 2 ? "flatten" : "reshape"
    default: name
    }
  }
}

extension IntPair {
  /// `2`, or `2×1` where both differ.
  fileprivate var short: String { height == width ? "\(height)" : times }
}
