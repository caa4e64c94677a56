import StrataCore
import StrataGraph
import StrataNN

/// What a network costs: counted on its graph, with no weight allocated and nothing computed.
public struct Complexity: Sendable, Hashable {
  /// The network's class.
  public let name: String
  /// The input that costs are counted for.
  public let input: Shape
  /// The shape of the result.
  public let output: Shape
  /// Convolutions and linear layers on the longest way through the network.
  public let depth: Int
  /// Numbers that training changes.
  public let parameters: Int
  /// Those of linear layers, which decide on the class.
  public let classifierParameters: Int
  /// Multiplications, each with an addition, of a forward pass.
  public let macs: Int
  /// Those of linear layers.
  public let classifierMACs: Int
  /// Bytes of the parameters.
  public let weightBytes: Int
  /// Bytes of all intermediate results.
  public let activationBytes: Int
  /// How many times more the network would need with ordinary convolutions in place of depthwise separable ones,
  /// where there are some.
  public let separableSaving: Double?

  /// The parameters of all other layers, which find features.
  public var featureParameters: Int { parameters - classifierParameters }

  /// Counts the cost of a network in evaluation mode; throws where it cannot take the input or nothing could.
  public init(of model: Module, input: Shape) throws(StrataError) {
    try self.init(of: model, input: input, trace: TracedNetwork(model, input: input))
  }

  init(of model: Module, input: Shape, trace: TracedNetwork) throws(StrataError) {
    let modules = Dictionary(uniqueKeysWithValues: model.namedModules.map { ($0.name, $0.module) })
    name = model.typeName
    self.input = input
    output = trace.output
    depth = trace.depth
    parameters = model.parameterCount
    classifierParameters = modules.values.reduce(0) { $0 + ($1 is Linear ? $1.parameterCount : 0) }
    macs = trace.macs
    classifierMACs = trace.macsByPath.reduce(0) { $0 + (modules[$1.key] is Linear ? $1.value : 0) }
    weightBytes = 4 * parameters
    activationBytes = trace.activationBytes
    separableSaving = trace.separableSaving
    try MachineMemory.current.requireRoom(for: trace, named: name, input: input)
  }
}
