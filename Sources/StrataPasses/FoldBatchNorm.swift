import StrataCore
import StrataGraph

/// Moves a batch normalisation whose statistics are constants into the convolution before it:
/// with `s = weight / √(variance + ε)` the kernel becomes `s · kernel` and the bias `shift + s · (bias − mean)`.
/// The new weights depend on variables alone, so they are computed once and kept.
func withBatchNormFolded(_ graph: Graph) throws(StrataError) -> Graph {
  let isConstant = Plan(graph).isConstant
  let uses = graph.useCounts()
  var folds: [NodeID: NodeID] = [:]
  for (index, node) in graph.nodes.enumerated() {
    guard case .batchNorm = node.op, let source = node.operands.first,
      case .conv2d(_, let epilogue) = graph[source].op, epilogue.isEmpty, uses[source.index] == 1,
      node.operands.dropFirst().allSatisfy({ isConstant[$0.index] }),
      graph[source].operands.dropFirst().allSatisfy({ isConstant[$0.index] })
    else { continue }
    folds[NodeID(index)] = source
  }
  let folded = Set(folds.values)
  var rewriter = Rewriter(graph)
  for index in graph.nodes.indices {
    let id = NodeID(index)
    if folded.contains(id) { continue }
    if let convolution = folds[id] {
      rewriter.replace(id, by: try fold(id, into: convolution, &rewriter))
    } else {
      rewriter.copy(id)
    }
  }
  return rewriter.finished()
}

private func fold(_ id: NodeID, into source: NodeID, _ rewriter: inout Rewriter) throws(StrataError) -> NodeID
{
  let norm = rewriter.source[id]
  let convolution = rewriter.source[source]
  guard case .batchNorm(let epsilon, let isAffine) = norm.op,
    case .conv2d(var settings, let epilogue) = convolution.op
  else { preconditionFailure("only batch norm after convolution folds") }
  let origin = norm.origin
  let constants = norm.operands.dropFirst().map(rewriter.place(of:))
  let operands = convolution.operands.map(rewriter.place(of:))
  let dtype = norm.type.dtype

  let tiny = try rewriter.append(.full([], dtype, epsilon), [], like: origin)
  let safe = try rewriter.append(.binary(.add), [constants[1], tiny], like: origin)
  var scale = try rewriter.append(.unary(.rsqrt), [safe], like: origin)
  if isAffine { scale = try rewriter.append(.binary(.multiply), [scale, constants[2]], like: origin) }
  let column = try rewriter.append(.reshape([norm.type.shape[1], 1, 1, 1]), [scale], like: origin)
  let kernel = try rewriter.append(.binary(.multiply), [operands[1], column], like: origin)
  var centre = try rewriter.append(.unary(.negate), [constants[0]], like: origin)
  if settings.hasBias {
    centre = try rewriter.append(.binary(.subtract), [operands[2], constants[0]], like: origin)
  }
  var bias = try rewriter.append(.binary(.multiply), [centre, scale], like: origin)
  if isAffine { bias = try rewriter.append(.binary(.add), [bias, constants[3]], like: origin) }
  settings.hasBias = true
  return try rewriter.append(
    .conv2d(settings, epilogue), [operands[0], kernel, bias], like: convolution.origin)
}
