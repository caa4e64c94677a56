import StrataCore
import StrataGraph
import StrataNN

/// What a network does with an input of some shape, read off the graph that its call builds.
/// Nothing is computed and no weight allocated.
package struct TracedNetwork {
  /// One call of a layer.
  struct Call {
    /// The layer's path.
    let path: String
    /// The shape of the result.
    var shape: Shape
    /// What the input was made of by operations outside of layers: results of other calls, nil being the
    /// network's input.
    var sources: Set<Int?> = []
  }

  let graph: Graph
  let output: Shape
  /// Calls of layers that left operations in the graph.
  let calls: [Call]
  /// Multiplications, each with an addition.
  let macs: Int
  /// Those of each layer.
  let macsByPath: [String: Int]

  /// Calls the network, in the mode it is in, on a placeholder.
  package init(_ model: Module, input: Shape) throws(StrataError) {
    try MachineMemory.current.requireRoom(forInput: input)
    let result = model(Tensor.placeholder(input))
    if let error = result.error { throw error }
    output = result.shape
    graph = Trace(of: [result]).graph

    let layers = Set(model.leaves.map(\.path))
    var calls: [Call] = []
    var macsByPath: [String: Int] = [:]
    var places: [ModuleOrigin: Int] = [:]
    /// What each node's value was made of.
    var origins = [Set<Int?>](repeating: [], count: graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() {
      if node.op.leafSlot != nil {
        if case .input = node.op { origins[index] = [nil] }
        continue
      }
      let sources = node.operands.reduce(into: Set<Int?>()) { $0.formUnion(origins[$1.index]) }
      macsByPath[node.origin.path, default: 0] += node.op.multiplyAccumulates(
        graph.operandTypes(node), node.type)
      guard layers.contains(node.origin.path) else {
        origins[index] = sources
        continue
      }
      let place = places[node.origin] ?? calls.count
      if place == calls.count {
        places[node.origin] = place
        calls.append(Call(path: node.origin.path, shape: node.type.shape))
      }
      calls[place].shape = node.type.shape
      calls[place].sources.formUnion(sources.subtracting([place]))
      origins[index] = [place]
    }
    self.calls = calls
    self.macsByPath = macsByPath
    macs = macsByPath.values.reduce(0, +)
  }

  /// Convolutions and linear layers on the longest way from the input to the output: a network's depth.
  var depth: Int {
    var depths = [Int](repeating: 0, count: graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() {
      let before = node.operands.map { depths[$0.index] }.max() ?? 0
      depths[index] = before + (node.hasWeights ? 1 : 0)
    }
    return depths.max() ?? 0
  }

  /// Bytes of every result that takes memory of its own: neither another view of an operand nor a nonlinearity,
  /// which is applied where its operand lies.
  var activationBytes: Int {
    graph.nodes.reduce(0) { $0 + ($1.ownsMemory ? $1.type.byteCount : 0) }
  }

  /// Bytes of the parameters and other variables.
  package var variableBytes: Int {
    graph.nodes.reduce(0) { sum, node in
      if case .variable = node.op { return sum + node.type.byteCount }
      return sum
    }
  }

  /// The most bytes of input and results that exist at one time when each is dropped after its last use.
  package var peakActivationBytes: Int {
    // A view is its operand under another shape, and keeps it.
    var roots = Array(graph.nodes.indices)
    var lastUse = roots
    for (index, node) in graph.nodes.enumerated() {
      for operand in node.operands { lastUse[roots[operand.index]] = index }
      if !node.ownsMemory, let operand = node.operands.first { roots[index] = roots[operand.index] }
    }
    for result in graph.results { lastUse[roots[result.index]] = graph.nodes.count }

    var live = 0
    var peak = 0
    for (index, node) in graph.nodes.enumerated() {
      if roots[index] == index { live += Self.bytes(node) }
      peak = max(peak, live)
      for root in Set(node.operands.map { roots[$0.index] }) where lastUse[root] == index {
        live -= Self.bytes(graph.nodes[root])
      }
    }
    return peak
  }

  private static func bytes(_ node: Node) -> Int {
    if case .input = node.op { return node.type.byteCount }
    return node.ownsMemory ? node.type.byteCount : 0
  }

  /// How many times more multiply-accumulates the whole network would need with an ordinary convolution in place
  /// of each depthwise convolution and the 1×1 convolution behind it; nil where there is no such pair.
  var separableSaving: Double? { graph.ordinaryMACs(graph.macs).map { Double($0) / Double(macs) } }
}

extension Node {
  fileprivate var hasWeights: Bool {
    switch op {
    case .conv2d, .linear: true
    default: false
    }
  }

  fileprivate var ownsMemory: Bool {
    switch op {
    case .input, .variable, .full, .reshape, .broadcast, .activation: false
    default: true
    }
  }
}
