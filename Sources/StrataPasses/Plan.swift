import StrataCore
import StrataGraph

/// What a backend can do inside one operation, so that passes fuse no more than that.
public struct BackendCapabilities: Sendable {
  /// Whether convolutions and linear layers take epilogues.
  public let fusesEpilogues: Bool

  /// Creates a description.
  public init(fusesEpilogues: Bool) { self.fusesEpilogues = fusesEpilogues }
}

/// A graph made ready for a backend.
public struct Plan: Sendable {
  /// The optimised operations in the order in which they run.
  public let graph: Graph
  /// Whether each node depends on variables alone, so that its value may be kept between runs.
  public let isConstant: [Bool]
  /// The last node that reads each node's value; the node itself where none does.
  public let lastUse: [Int]

  /// Derives what a backend needs to know from an optimised graph.
  public init(_ graph: Graph) {
    self.graph = graph
    var isConstant = [Bool](repeating: false, count: graph.nodes.count)
    var lastUse = Array(graph.nodes.indices)
    for (index, node) in graph.nodes.enumerated() {
      for operand in node.operands { lastUse[operand.index] = index }
      isConstant[index] =
        switch node.op {
        case .input: false
        // Where a run renews variables, what was made from their old values is of no use to the next.
        case .variable: graph.stateUpdates.isEmpty
        case .full: true
        // Others wait for this process in every run.
        case .crossRank: false
        default: node.operands.allSatisfy { isConstant[$0.index] }
        }
    }
    for result in graph.results { lastUse[result.index] = graph.nodes.count }
    self.isConstant = isConstant
    self.lastUse = lastUse
  }

  /// How many operations of each name the plan has, for tests and reports.
  public func count(where matches: (Op) -> Bool) -> Int {
    graph.nodes.count { matches($0.op) }
  }
}
