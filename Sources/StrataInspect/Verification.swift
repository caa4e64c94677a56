import StrataCore
import StrataGraph
import StrataNN
import StrataRuntime

/// Whether a network is what its specification says, property by property.
///
/// A count of parameters depends on neither strides nor paddings nor on what is connected to what. So the layers'
/// settings, the sizes of feature maps and the arithmetic are checked one by one, and then what the network does.
public struct Verification: Sendable, Hashable {
  /// The name of the network's class.
  public let model: String
  /// The shape of its output, where it has one.
  public let outputShape: Shape?
  /// Its parameters.
  public let parameters: Int
  /// Its multiply-accumulates, where it can take the input.
  public let macs: Int?
  /// Every property with what was expected and found.
  public let checks: [CheckResult]

  /// Whether every property holds.
  public var ok: Bool { checks.allSatisfy(\.ok) }

  /// How far outputs for single images may differ from those for a batch, relative to the largest magnitude:
  /// the engine may choose another algorithm for another batch.
  public static let batchTolerance = 1e-4

  /// Builds no network but calls one: checks its structure, then its outputs for random images of a seed.
  /// Throws where the specification itself cannot take the input, or the memory is too small.
  public init(
    _ model: Module, against specification: Specification, input: Shape = [1, 3, 224, 224], seed: UInt64 = 0
  ) throws(StrataError) {
    let structure = try StructureCheck(model, against: specification, input: input)
    var checks = structure.results
    if structure.trace != nil {
      let both = Shape([2 * input[0]] + input.dropFirst())
      let large = try TracedNetwork(model, input: both)
      try MachineMemory.current.requireRoom(for: large, named: specification.name, input: both)
      checks += BehaviourCheck.run(
        model, dependsOnMode: specification.dependsOnMode, input: input, seed: seed)
    }
    self.init(structure, model: specification.name, checks: checks)
  }

  init(_ structure: StructureCheck, model: String, checks: [CheckResult]) {
    self.model = model
    outputShape = structure.trace?.output
    parameters = structure.parameters
    macs = structure.trace?.macs
    self.checks = checks
  }
}
