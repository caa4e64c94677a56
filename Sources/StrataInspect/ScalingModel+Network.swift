import StrataCore
import StrataDistributed
import StrataGraph
import StrataNN

extension ScalingModel {
  /// A network's step on paper, from how long one takes without communication.
  ///
  /// The backward pass takes two thirds of a step, as its arithmetic does, and each layer the part of it that its
  /// multiply-accumulates are; the update is counted with it.
  public init(of model: Module, input: Shape, step: Double) throws(StrataError) {
    let trace = try TracedNetwork(model, input: input)
    let total = Double(max(trace.macs, 1))
    let layers = model.namedModules.compactMap { name, module -> Layer? in
      let parameters = module.ownParameters.reduce(0) { $0 + $1.parameter.shape.elementCount }
      guard parameters > 0 else { return nil }
      return Layer(parameters: parameters, share: Double(trace.macsByPath[name] ?? 0) / total)
    }
    self.init(forward: step / 3, backward: step * 2 / 3, update: 0, layers: layers)
  }
}
