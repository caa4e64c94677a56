import StrataCore
import StrataGraph
import StrataNN

/// What a network spends its parameters and multiply-accumulates on.
public struct Spending: Sendable, Hashable {
  /// A kind of layer.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// Convolutions of 3×3 across channels, in groups or not.
    case convolution3x3 = "conv 3×3"
    /// Convolutions of 1×1.
    case convolution1x1 = "conv 1×1"
    /// Convolutions of one channel each.
    case depthwise
    /// Other convolutions.
    case otherConvolution = "other conv"
    /// Fully connected layers and matrix products.
    case linear = "fully connected"
    /// Batch norm and layer norm.
    case normalisation
    /// What belongs to none of these.
    case other
  }

  /// The elements of parameters of each kind, shared ones once.
  public let parameters: [Kind: Int]
  /// The multiply-accumulates of each kind.
  public let macs: [Kind: Int]

  init(_ model: Module, _ trace: NetworkTrace) {
    let known = Dictionary(
      model.parameters.map { ($0.variable.id, $0.elementCount) }, uniquingKeysWith: { first, _ in first })
    var waiting = known
    var parameters: [Kind: Int] = [:]
    var macs: [Kind: Int] = [:]
    /// The variable behind a leaf or a view of one.
    func variable(_ id: NodeID) -> Variable? {
      var place = id.index
      while case .reshape = trace.graph.nodes[place].op { place = trace.graph.nodes[place].operands[0].index }
      guard case .variable(let slot) = trace.graph.nodes[place].op else { return nil }
      return trace.variables[slot]
    }
    for (index, node) in trace.graph.nodes.enumerated() where node.op.leafSlot == nil {
      if case .reshape = node.op { continue }
      let kind = node.spendingKind(in: trace.graph)
      for operand in node.operands {
        guard let id = variable(operand)?.id, let count = waiting.removeValue(forKey: id) else { continue }
        parameters[kind, default: 0] += count
      }
      let count = trace.macs[index]
      if count > 0 { macs[kind, default: 0] += count }
    }
    let rest = waiting.values.reduce(0, +)
    if rest > 0 { parameters[.other, default: 0] += rest }
    self.parameters = parameters
    self.macs = macs
  }
}

extension Node {
  fileprivate func spendingKind(in graph: Graph) -> Spending.Kind {
    switch op {
    case .conv2d(let settings, _):
      let weights = graph[operands[1]].type.shape
      if settings.groups > 1, weights[1] == 1 { return .depthwise }
      switch (weights[2], weights[3]) {
      case (3, 3): return .convolution3x3
      case (1, 1): return .convolution1x1
      default: return .otherConvolution
      }
    case .linear, .matmul: return .linear
    case .batchNorm, .layerNorm: return .normalisation
    default: return .other
    }
  }
}

extension Graph {
  /// Convolutions and linear layers on the longest way from the input to the output: a network's depth.
  var weightedDepth: Int {
    var depths = [Int](repeating: 0, count: nodes.count)
    for (index, node) in nodes.enumerated() {
      let before = node.operands.reduce(0) { max($0, depths[$1.index]) }
      switch node.op {
      case .conv2d, .linear: depths[index] = before + 1
      default: depths[index] = before
      }
    }
    return depths.max() ?? 0
  }
}
