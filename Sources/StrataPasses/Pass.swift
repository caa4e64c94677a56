import StrataCore
import StrataGraph

/// A rewrite of a graph into one that computes the same with less work.
public enum Pass: String, Sendable, Hashable, CaseIterable {
  /// Removes operations that give back their operand.
  case simplify
  /// Computes equal expressions once.
  case commonSubexpressions
  /// Moves batch normalisation by constants into the weights of the convolution before it.
  case foldBatchNorm
  /// Lets convolutions and linear layers add residuals and activate.
  case fuseEpilogues
  /// Drops what no result needs.
  case deadCode
  /// Hands gradients to the other processes as soon as they are computed.
  case contributeEarly

  /// Applies the rewrite.
  func rewrite(_ graph: Graph, for backend: BackendCapabilities) throws(StrataError) -> Graph {
    switch self {
    case .simplify: simplified(graph)
    case .commonSubexpressions: withoutCommonSubexpressions(graph)
    case .foldBatchNorm: try withBatchNormFolded(graph)
    case .fuseEpilogues: backend.fusesEpilogues ? withEpiloguesFused(graph) : graph
    case .deadCode: withoutDeadCode(graph)
    case .contributeEarly: contributingEarly(graph)
    }
  }
}

/// The passes to run, in `Pass.allCases`' order. Every pass has a switch, so that a difference can be traced to it.
public struct Pipeline: Sendable, Hashable {
  /// The passes that are on.
  public var passes: Set<Pass>
  /// Whether the verifier runs after every pass.
  public var isVerified: Bool

  /// Creates a pipeline.
  public init(_ passes: Set<Pass>, isVerified: Bool = Pipeline.verifiesByDefault) {
    self.passes = passes
    self.isVerified = isVerified
  }

  /// All passes.
  public static var optimised: Pipeline { Pipeline(Set(Pass.allCases)) }
  /// No passes: operations run as they were written.
  public static var plain: Pipeline { Pipeline([]) }

  /// In debug builds the verifier follows every pass.
  public static var verifiesByDefault: Bool {
    #if DEBUG
      true
    #else
      false
    #endif
  }

  /// Runs the passes and derives the plan.
  public func plan(_ graph: Graph, for backend: BackendCapabilities) throws(StrataError) -> Plan {
    var graph = graph
    for pass in Pass.allCases where passes.contains(pass) {
      let updates = graph.stateUpdates.count
      graph = try pass.rewrite(graph, for: backend)
      guard isVerified else { continue }
      guard graph.stateUpdates.count == updates else {
        throw StrataError(.engine, "the pass \(pass.rawValue) lost a state update")
      }
      do throws(StrataError) { try graph.verify() } catch {
        throw StrataError(.engine, "after the pass \(pass.rawValue): \(error.message)")
      }
    }
    return Plan(graph)
  }
}

/// Copies a graph node by node while operands are replaced.
struct Rewriter {
  let source: Graph
  private(set) var graph = Graph()
  private var replacements: [NodeID?]

  init(_ source: Graph) {
    self.source = source
    replacements = Array(repeating: nil, count: source.nodes.count)
    graph.nodes.reserveCapacity(source.nodes.count)
  }

  /// Where a node of the source lives in the copy. A node that was skipped and is yet asked for is a bug of a pass.
  func place(of id: NodeID) -> NodeID {
    guard let place = replacements[id.index] else {
      preconditionFailure("\(id) was dropped but is still used")
    }
    return place
  }

  /// The place of a node, or nil where it was not copied.
  func knownPlace(of id: NodeID) -> NodeID? { replacements[id.index] }

  mutating func replace(_ id: NodeID, by place: NodeID) { replacements[id.index] = place }

  /// Copies the node `id` with its operands replaced.
  mutating func copy(_ id: NodeID) {
    var node = source[id]
    node.operands = node.operands.map(place(of:))
    replacements[id.index] = append(node)
  }

  mutating func append(_ node: Node) -> NodeID {
    graph.nodes.append(node)
    return NodeID(graph.nodes.count - 1)
  }

  /// Appends an operation on nodes of the copy.
  mutating func append(_ op: Op, _ operands: [NodeID], like origin: ModuleOrigin) throws(StrataError)
    -> NodeID
  {
    try graph.append(op, operands, origin: origin)
  }

  /// The copy, with the source's results.
  func finished() -> Graph {
    var graph = graph
    graph.outputs = source.outputs.map(place(of:))
    graph.stateUpdates = source.stateUpdates.map(place(of:))
    return graph
  }
}
