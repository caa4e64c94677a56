import Strata

/// A way to run plans: a backend with or without the passes, each followed by the verifier.
public struct EngineCase: Sendable, CustomStringConvertible {
  /// The backend and the passes.
  public let configuration: Engine.Configuration
  /// `onednn, optimised`.
  public let description: String

  /// Creates a way to run plans.
  public init(_ backend: any Backend, _ passes: Set<Pass>, _ description: String) {
    configuration = Engine.Configuration(backend: backend, pipeline: Pipeline(passes, isVerified: true))
    self.description = description
  }

  /// Plain loops, operation by operation.
  public static let referencePlain = EngineCase(ReferenceBackend(), [], "reference, plain")
  /// oneDNN, operation by operation.
  public static let plain = EngineCase(OneDNNBackend(), [], "onednn, plain")
  /// oneDNN with all passes: what users get.
  public static let optimised = EngineCase(OneDNNBackend(), Set(Pass.allCases), "onednn, optimised")
  /// oneDNN with one pass alone.
  public static func only(_ pass: Pass) -> EngineCase {
    EngineCase(OneDNNBackend(), [pass], "onednn, \(pass.rawValue) alone")
  }

  /// All of them that every operation is tested on.
  public static let all = [referencePlain, plain, optimised]

  /// Evaluates within `body` in this way.
  public func run<Result>(_ body: () throws -> Result) rethrows -> Result {
    try Engine.$override.withValue(configuration, operation: body)
  }

  /// The numbers of a tensor, computed in this way.
  public func value(_ tensor: Tensor) throws -> HostTensor { try run { try tensor.value() } }

  /// The plan of a tensor.
  public func plan(_ tensors: Tensor...) throws -> Plan { try run { try Engine.plan(Trace(of: tensors)) } }

  /// The results of a graph, outputs before state updates, computed in this way. Nothing takes notice of them:
  /// tensors stay uncomputed and variables as they are, so that one graph can be run in every way.
  public func results(of trace: Trace) throws -> [HostTensor] {
    let leaves = try trace.sources.map { source in
      switch source {
      case .value(let value): return LeafValue(value)
      case .variable(let variable):
        let (value, version) = variable.snapshot
        return LeafValue(value, identity: VariableIdentity(variable: variable.id, version: version))
      case .placeholder: throw StrataError(.argument, "a placeholder has no numbers to compute with")
      }
    }
    return try run { try Engine.executable(for: trace.graph).run(leaves) }
  }
}
