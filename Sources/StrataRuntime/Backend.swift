import StrataCore
import StrataGraph
import StrataPasses

/// A device that can run plans.
public protocol Backend: Sendable {
  /// A short name, such as `onednn`.
  var name: String { get }
  /// What passes may count on.
  var capabilities: BackendCapabilities { get }
  /// Prepares a plan: chooses implementations and layouts, and places buffers.
  func compile(_ plan: Plan) throws(StrataError) -> any Executable
}

/// A plan that a backend has prepared. It may run on several threads at once.
public protocol Executable: Sendable {
  /// Runs the plan on the values of its leaves and returns `plan.graph.results`.
  func run(_ leaves: [LeafValue]) throws(StrataError) -> [HostTensor]
}

/// What stands in a leaf slot during one run.
public struct LeafValue: Sendable {
  /// The numbers.
  public let value: HostTensor
  /// Tells the value of a variable from others and from older ones; nil for data.
  public let identity: VariableIdentity?

  /// Creates a leaf value.
  public init(_ value: HostTensor, identity: VariableIdentity? = nil) {
    self.value = value
    self.identity = identity
  }
}

/// A variable and the version of its value, so that what was derived from it can be kept.
public struct VariableIdentity: Sendable, Hashable {
  /// The variable's id.
  public let variable: UInt64
  /// The version of its value.
  public let version: UInt64

  /// Creates an identity.
  public init(variable: UInt64, version: UInt64) {
    self.variable = variable
    self.version = version
  }
}
