import StrataCore
import StrataGraph

/// Lets a convolution or linear layer whose result is read once do what follows it: add a residual of the
/// same type, then activate. The fused operation stands where the last of them stood, since a residual may
/// be computed after the convolution.
func withEpiloguesFused(_ graph: Graph) -> Graph {
  let uses = graph.useCounts()
  /// What a host node has taken over so far: the node that now stands for all of it, and the residual.
  struct Fusion {
    var epilogue: Epilogue
    var residual: NodeID?
  }
  var fusions: [NodeID: Fusion] = [:]  // by the last node that was taken over
  var hosts: [NodeID: NodeID] = [:]  // from there to the convolution
  var dropped: Set<NodeID> = []

  func host(_ id: NodeID) -> NodeID? {
    if let host = hosts[id] { return host }
    return graph[id].op.epilogue == Epilogue.none ? id : nil
  }
  func extend(_ last: NodeID, host: NodeID, to id: NodeID, _ change: (inout Fusion) -> Void) {
    var fusion = fusions.removeValue(forKey: last) ?? Fusion(epilogue: .none)
    change(&fusion)
    fusions[id] = fusion
    hosts[id] = host
    dropped.insert(last)
  }

  for (index, node) in graph.nodes.enumerated() {
    let id = NodeID(index)
    switch node.op {
    case .activation(let kind):
      let last = node.operands[0]
      guard uses[last.index] == 1, let host = host(last), fusions[last]?.epilogue.activation == nil else {
        continue
      }
      extend(last, host: host, to: id) { $0.epilogue.activation = kind }
    case .binary(.add):
      // Of two convolutions the later one takes the sum: its residual is then already there.
      for position in node.operands[0] > node.operands[1] ? [0, 1] : [1, 0] {
        let last = node.operands[position]
        let other = node.operands[1 - position]
        guard uses[last.index] == 1, other != last, graph[other].type == graph[last].type,
          let host = host(last), fusions[last] == nil
        else { continue }
        extend(last, host: host, to: id) {
          $0.epilogue.addsResidual = true
          $0.residual = other
        }
        break
      }
    default: continue
    }
  }

  var rewriter = Rewriter(graph)
  for index in graph.nodes.indices {
    let id = NodeID(index)
    if dropped.contains(id) { continue }
    guard let fusion = fusions[id], let host = hosts[id] else {
      rewriter.copy(id)
      continue
    }
    var node = graph[host]
    node.op = node.op.with(fusion.epilogue)
    node.operands = (node.operands + (fusion.residual.map { [$0] } ?? [])).map(rewriter.place(of:))
    rewriter.replace(id, by: rewriter.append(node))
  }
  return rewriter.finished()
}

extension Op {
  /// The epilogue of an operation that can have one.
  fileprivate var epilogue: Epilogue? {
    if case .conv2d(_, let epilogue) = self { return epilogue }
    if case .linear(_, let epilogue) = self { return epilogue }
    return nil
  }

  fileprivate func with(_ epilogue: Epilogue) -> Op {
    if case .conv2d(let settings, _) = self { return .conv2d(settings, epilogue) }
    if case .linear(let hasBias, _) = self { return .linear(hasBias: hasBias, epilogue) }
    return self
  }
}
