import StrataCore
import StrataGraph
import StrataNN

extension LayerKind {
  /// Reads the settings of a layer.
  init(_ module: Module) {
    switch module {
    case let layer as Conv2d:
      self = .convolution(
        from: layer.inChannels, to: layer.outChannels, kernel: layer.kernelSize,
        Convolution(
          stride: layer.stride, padding: layer.padding, dilation: layer.dilation, groups: layer.groups,
          hasBias: layer.bias != nil))
    case let layer as BatchNorm2d:
      var settings = Normalisation(layer.numFeatures)
      settings.epsilon = layer.eps
      settings.momentum = layer.momentum
      settings.hasScale = layer.weight != nil
      settings.hasShift = layer.bias != nil
      settings.tracksStatistics = layer.running_mean != nil
      self = .batchNorm(settings)
    case is ReLU: self = .relu
    case let layer as MaxPool2d: self = .maxPool(layer.pooling)
    case let layer as AdaptiveAvgPool2d:
      self = .adaptiveAveragePool(IntPair(layer.outputSize.height ?? 0, layer.outputSize.width ?? 0))
    case let layer as Dropout: self = .dropout(layer.p)
    case let layer as Linear:
      self = .linear(from: layer.inFeatures, to: layer.outFeatures, hasBias: layer.bias != nil)
    default: self = .other(module.typeName)
    }
  }

  /// Whether the layer leaves an operation in the graph of an evaluation.
  var actsInEvaluation: Bool {
    if case .dropout = self { return false }
    return true
  }

  /// The type and all settings: `Conv2d(input channels 3, …)`.
  var summary: String {
    let settings = settings.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
    return settings.isEmpty ? typeName : "\(typeName)(\(settings))"
  }
}

extension Module {
  /// The modules without children, by their paths, in the order of declaration.
  var leaves: [(path: String, module: Module)] {
    namedModules.filter { $0.module.children.isEmpty && !$0.name.isEmpty }.map { ($0.name, $0.module) }
  }
}
