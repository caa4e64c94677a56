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
  /// The same device with convolutions and linear layers in another precision; throws where it has no such.
  func computing(in precision: Precision) throws(StrataError) -> any Backend
  /// Foretells the memory of a run without preparing the plan.
  func forecast(_ plan: Plan) -> WorkspaceForecast
}

extension Backend {
  /// All backends compute in 32-bit floats.
  public func computing(in precision: Precision) throws(StrataError) -> any Backend {
    guard precision != .float32 else { return self }
    throw StrataError(.engine, "the engine \(name) computes in float32 alone, not in \(precision)")
  }

  /// Every node is a step of its own and needs nothing besides.
  public func forecast(_ plan: Plan) -> WorkspaceForecast { WorkspaceForecast(plan) }
}

/// A plan that a backend has prepared. It may run on several threads at once.
public protocol Executable: Sendable {
  /// Runs the plan on the values of its leaves and returns `plan.graph.results`.
  func run(_ leaves: [LeafValue]) throws(StrataError) -> [HostTensor]
  /// Runs the plan, writing some results over leaves that nobody else refers to: for each such result, the leaf.
  func run(_ leaves: [LeafValue], renewing: [Int: Int]) throws(StrataError) -> [HostTensor]
  /// Whether a result may be written over a leaf: when all who read the leaf have done so, and nothing can go wrong
  /// any more.
  func canRenew(leaf: Int, as result: Int) -> Bool
  /// Runs the plan and measures its steps.
  func profile(_ leaves: [LeafValue]) throws(StrataError) -> (results: [HostTensor], steps: [StepTiming])
  /// Bytes of the memory in which a run keeps intermediate results; nil where it is not planned in advance.
  var workspaceByteCount: Int? { get }
}

extension Executable {
  /// Measures the run as a whole.
  public func profile(
    _ leaves: [LeafValue]
  ) throws(StrataError) -> (results: [HostTensor], steps: [StepTiming]) {
    let clock = ContinuousClock()
    let start = clock.now
    let results = try run(leaves)
    let end = clock.now
    let whole = StepTiming(
      node: nil, kind: .run, implementation: "unknown", start: .zero, duration: end - start)
    return (results, [whole])
  }

  /// All results get memory of their own.
  public func run(_ leaves: [LeafValue], renewing: [Int: Int]) throws(StrataError) -> [HostTensor] {
    try run(leaves)
  }

  /// Nothing is written over.
  public func canRenew(leaf: Int, as result: Int) -> Bool { false }

  /// Nothing is planned.
  public var workspaceByteCount: Int? { nil }
}

/// How long a part of a run took.
public struct StepTiming: Sendable, Hashable {
  /// What was done.
  public enum Kind: String, Sendable, Hashable {
    /// A node's operation.
    case operation
    /// A change of layout that the node's operation needs.
    case reorder
    /// A copy into a result's memory.
    case copy
    /// The whole run.
    case run
  }

  /// The node of the plan; nil for a whole run.
  public let node: Int?
  /// What was done.
  public let kind: Kind
  /// The kernel's name, such as `jit:avx2`.
  public let implementation: String
  /// When it began, from the run's beginning.
  public let start: Duration
  /// How long it took.
  public let duration: Duration

  /// Creates a timing.
  public init(node: Int?, kind: Kind, implementation: String, start: Duration, duration: Duration) {
    self.node = node
    self.kind = kind
    self.implementation = implementation
    self.start = start
    self.duration = duration
  }
}

/// What stands in a leaf slot during one run.
public struct LeafValue: Sendable {
  /// The numbers.
  public internal(set) var value: HostTensor
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
