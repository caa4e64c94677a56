import StrataCore
import StrataGraph

/// A plan cut in two at one value: what comes before is computed for some images after others, what follows for the
/// whole batch.
///
/// Intermediate results of a few images stay in the processor's cache. Layers with many weights, which networks end
/// with, are better off with all images at once, since they read their weights once then.
public struct BatchSplit: Sendable {
  /// Up to and including the value, for as many images as a part has.
  public let first: Plan
  /// From the value to the results; nil where the value is the only result.
  public let second: Plan?
  /// How many parts there are.
  public let parts: Int
  /// The leaf that holds the images.
  public let input: Int
  /// The leaf that holds the value in the second plan: the one after all others.
  public let valueLeaf: Int
  /// The value for all images.
  public let value: TensorType
  /// The nodes of the whole plan that those of the first are.
  public let firstNodes: [Int]
  /// The nodes of the whole plan that those of the second are.
  public let secondNodes: [Int]

  /// Cuts a plan after a node. nil where images are not independent before it, the batch cannot be cut into parts of
  /// `size`, or what follows needs more than the node's value.
  public init?(_ plan: Plan, after cut: NodeID, size: Int) {
    let nodes = plan.graph.nodes
    let inputs = nodes.indices.filter { !plan.isConstant[$0] && nodes[$0].op.leafSlot != nil }
    guard plan.graph.stateUpdates.isEmpty, inputs.count == 1, case .input(let slot) = nodes[inputs[0]].op,
      !plan.isConstant[cut.index], let batch = nodes[inputs[0]].type.shape.first, size > 0, size < batch,
      batch % size == 0, nodes[cut.index].type.shape.first == batch,
      let (graph, places) = Self.shortened(plan, upTo: cut, input: inputs[0], size: size)
    else { return nil }
    first = Plan(graph)
    firstNodes = places
    parts = batch / size
    input = slot
    valueLeaf = 1 + (nodes.compactMap { $0.op.leafSlot?.index }.max() ?? -1)
    value = nodes[cut.index].type
    if plan.graph.results == [cut] {
      (second, secondNodes) = (nil, [])
    } else {
      guard let (graph, places) = Self.rest(plan, after: cut, leaf: valueLeaf) else { return nil }
      second = Plan(graph)
      secondNodes = places
    }
  }

  /// The graph of the value of `cut` for fewer images, and which nodes it consists of.
  private static func shortened(
    _ plan: Plan, upTo cut: NodeID, input: Int, size: Int
  ) -> (graph: Graph, nodes: [Int])? {
    let nodes = plan.graph.nodes
    let batch = nodes[input].type.shape[0]
    var rewriter = Rewriter(plan.graph)
    let needed = plan.graph.nodes(behind: [cut])
    for index in needed {
      var node = nodes[index]
      if !plan.isConstant[index] {
        guard node.type.shape.first == batch else { return nil }
        let type = TensorType(Shape([size] + node.type.shape.dropFirst()), node.type.dtype)
        if index != input {
          guard let op = node.operation(forBatch: size, of: batch, in: plan) else { return nil }
          node.op = op
        }
        node.type = type
      }
      node.operands = node.operands.map(rewriter.place(of:))
      // The rules for types have the last word on whether operands fit.
      if node.op.leafSlot == nil {
        guard (try? node.op.resultType(rewriter.graph.operandTypes(node))) == node.type else { return nil }
      }
      rewriter.replace(NodeID(index), by: rewriter.append(node))
    }
    var graph = rewriter.graph
    graph.outputs = [rewriter.place(of: cut)]
    return (graph, needed)
  }

  /// The graph from the value of `cut`, a leaf there, to the results.
  private static func rest(
    _ plan: Plan, after cut: NodeID, leaf: Int
  ) -> (graph: Graph, nodes: [Int])? {
    let nodes = plan.graph.nodes
    var rewriter = Rewriter(plan.graph)
    let needed = plan.graph.nodes(behind: plan.graph.results, stoppingAt: cut)
    for index in needed {
      if index == cut.index {
        let node = nodes[index]
        let value = Node(op: .input(slot: leaf), operands: [], type: node.type, origin: node.origin)
        rewriter.replace(cut, by: rewriter.append(value))
      } else if !plan.isConstant[index], index < cut.index || nodes[index].op.leafSlot != nil {
        return nil
      } else {
        rewriter.copy(NodeID(index))
      }
    }
    return (rewriter.finished(), needed)
  }
}

extension Node {
  /// The operation that computes `size` of `batch` images as this one computes all; nil where one image's result may
  /// depend on other images.
  fileprivate func operation(forBatch size: Int, of batch: Int, in plan: Plan) -> Op? {
    let images = operands.filter { !plan.isConstant[$0.index] }.map { plan.graph[$0].type.shape }
    guard images.allSatisfy({ $0.first == batch }) else { return nil }
    /// Whether images lie along the first axis of the result as they do in each operand.
    let isAligned = images.allSatisfy { $0.count == type.shape.count }
    switch op {
    case .unary, .activation, .clamp, .cast, .binary, .select: return isAligned ? op : nil
    case .conv2d, .linear, .batchNorm:
      // Images come first, and are convolved with weights; a residual may come last.
      let areConstant = operands.dropFirst().prefix(1).allSatisfy { plan.isConstant[$0.index] }
      return areConstant && images[0].count > 1 && isAligned ? op : nil
    case .maxPool2d, .averagePool2d, .adaptiveAveragePool2d: return op
    case .layerNorm: return images[0].count > 1 ? op : nil
    case .softmax(let axis, _), .argReduce(_, let axis, _), .topK(_, _, let axis), .concatenate(let axis):
      return axis > 0 && images.count == operands.count ? op : nil
    case .reduce(_, let axes, _): return axes.contains(0) ? nil : op
    case .permute(let axes): return axes.first == 0 ? op : nil
    case .reshape(let shape): return .reshape(Shape([size] + shape.dropFirst()))
    case .broadcast(let shape): return isAligned ? .broadcast(Shape([size] + shape.dropFirst())) : nil
    case .slice(let starts, let sizes, let steps):
      guard starts.first == 0, sizes.first == batch, steps.first == 1 else { return nil }
      return .slice(starts: starts, sizes: [size] + sizes.dropFirst(), steps: steps)
    case .pad(let before, let after, _): return before.first == 0 && after.first == 0 ? op : nil
    default: return nil
    }
  }
}
