import StrataGraph
import StrataKernels
import StrataPasses

/// Operations on single elements that run together, in one pass over memory: optimisers' updates, sums of
/// gradients, rectifiers between them.
struct ElementwiseGroup {
  /// The nodes, in order.
  var members: [Int]
  /// Matrix products that only the members read, computed where they are needed and never stored.
  var products: [Int] = []
  /// The node after which the group runs: its last one, or for updates of variables an earlier one.
  var position: Int
}

/// The element-by-element operations of a plan, in groups.
///
/// A group must be convex: nothing outside may lie between two of its members. It is, because a node joins only
/// while everything else that reads the group comes later.
struct ElementwiseGroups {
  private(set) var groups: [ElementwiseGroup] = []
  /// The group of each node that is in one.
  private(set) var groupOf: [Int: Int] = [:]
  /// The groups that run after a node.
  private(set) var atPosition: [Int: [Int]] = [:]
  /// The moment at which each node's value is read for the last time; `never` for results, which outlive all.
  private(set) var lastReads: [Int]
  private var users: [[Int]] = []

  private static let capacity = 24
  /// Beyond all moments.
  static let never = Int.max

  /// Finds the groups; nodes that are `taken` are lowered otherwise, as are all on images where these may be stored in
  /// fewer bits, which the kernel cannot read.
  init(_ plan: Plan, except taken: Set<Int>, isOn: Bool, takesImages: Bool) {
    let graph = plan.graph
    lastReads = plan.lastUse.map { $0 >= graph.nodes.count ? ElementwiseGroups.never : $0 }
    guard isOn else { return }
    users = Array(repeating: [], count: graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() {
      for operand in node.operands { users[operand.index].append(index) }
    }
    let isImage = takesImages ? [] : ElementwiseGroups.images(of: graph)
    var found: [[Int]] = []
    for (index, node) in graph.nodes.enumerated() {
      guard !plan.isConstant[index], !taken.contains(index), takesImages || !isImage[index],
        ElementwiseGroups.accepts(node, of: graph)
      else {
        continue
      }
      var joined = [index]
      for operand in node.operands {
        guard let group = groupOf[operand.index], !found[group].isEmpty, !joined.contains(found[group][0]),
          graph[operand].type == node.type, joined.count + found[group].count <= ElementwiseGroups.capacity,
          found[group].allSatisfy({ users[$0].allSatisfy { $0 >= index || groupOf[$0] == group } })
        else { continue }
        joined += found[group]
        found[group] = []
      }
      joined.sort()
      for member in joined { groupOf[member] = found.count }
      found.append(joined)
    }
    groupOf = [:]
    for members in found where !members.isEmpty {
      for member in members { groupOf[member] = groups.count }
      groups.append(ElementwiseGroup(members: members, position: members[members.count - 1]))
    }
    absorbProducts(graph)
    hoistUpdates(graph)
    for (index, group) in groups.enumerated() { atPosition[group.position, default: []].append(index) }
    let results = Set(graph.results.map(\.index))
    for index in graph.nodes.indices {
      let last = users[index].map(moment(of:)).max() ?? moment(of: index)
      lastReads[index] = results.contains(index) ? ElementwiseGroups.never : last
    }
  }

  /// Whether anything but `members` reads a node's value.
  func isRead(_ node: Int, outside members: Set<Int>) -> Bool {
    lastReads[node] == ElementwiseGroups.never || !users[node].allSatisfy(members.contains)
  }

  /// When a node's work is done: a number that grows from step to step. Groups at one position run one by one.
  func moment(of node: Int) -> Int {
    let group = groupOf[node]
    return (group.map { groups[$0].position } ?? node) * (groups.count + 1) + (group.map { $0 + 1 } ?? 0)
  }

  /// Where a node's work is done.
  private func position(of node: Int) -> Int { groupOf[node].map { groups[$0].position } ?? node }

  /// Takes the weight gradients of linear layers into the groups that read them. With few images they are sums of
  /// few rows, quicker computed than written and read.
  private mutating func absorbProducts(_ graph: Graph) {
    let results = Set(graph.results)
    for (index, node) in graph.nodes.enumerated() {
      guard let factors = graph.factors(of: node), factors.depth <= ElementwiseGroups.depthLimit,
        node.type.shape.elementCount >= 1 << 12, !results.contains(NodeID(index)),
        let group = users[index].first.flatMap({ groupOf[$0] }),
        users[index].allSatisfy({ groupOf[$0] == group }),
        groupOf[factors.left.index] != group, groupOf[factors.right.index] != group,
        graph.nodes[groups[group].members[0]].type == node.type
      else { continue }
      groups[group].products.append(index)
      groupOf[index] = group
    }
  }
  private static let depthLimit = 16

  /// Lets groups that only make results run as soon as what they need is there, so that a gradient is gone
  /// before the next appears; but not before the old values they renew were read for the last time.
  private mutating func hoistUpdates(_ graph: Graph) {
    for (index, group) in groups.enumerated() {
      let inside = Set(group.members + group.products)
      guard inside.allSatisfy({ users[$0].allSatisfy(inside.contains) }) else { continue }
      var position = 0
      for node in inside {
        for operand in graph.nodes[node].operands where !inside.contains(operand.index) {
          if graph[operand].op.leafSlot == nil {
            position = max(position, self.position(of: operand.index))
          } else {
            for user in users[operand.index] where !inside.contains(user) && groupOf[user] == nil {
              position = max(position, user)
            }
          }
        }
      }
      groups[index].position = min(position, group.position)
    }
  }

  /// Which nodes make images: convolutions, their neighbours, and what is done to single elements of these.
  private static func images(of graph: Graph) -> [Bool] {
    var isImage: [Bool] = []
    for node in graph.nodes {
      switch node.op {
      case .conv2d, .conv2dImageGradient, .maxPool2d, .averagePool2d, .adaptiveAveragePool2d,
        .maxPool2dGradient,
        .averagePool2dGradient, .adaptiveAveragePool2dGradient, .batchNorm, .batchNormGradient:
        isImage.append(node.type.shape.rank == 4)
      default:
        isImage.append(node.operands.contains { isImage[$0.index] && graph[$0].type == node.type })
      }
    }
    return isImage
  }

  /// Whether a node works on single elements of floats of one shape, and of scalars.
  private static func accepts(_ node: Node, of graph: Graph) -> Bool {
    guard Lowering.isNative(node.type), ElementwiseInstruction(node.op) != nil else { return false }
    let types = graph.operandTypes(node)
    return types.contains(node.type)
      && types.allSatisfy { $0 == node.type || $0.dtype == .float32 && $0.shape.elementCount == 1 }
  }
}

/// An operation of a node in the kernel's terms.
struct ElementwiseInstruction {
  let operation: Int
  var low: Float = 0
  var high: Float = 0

  init?(_ op: Op) {
    switch op {
    case .binary(let function):
      switch function {
      case .add: operation = STRATA_ADD
      case .subtract: operation = STRATA_SUBTRACT
      case .multiply: operation = STRATA_MULTIPLY
      case .divide: operation = STRATA_DIVIDE
      case .minimum: operation = STRATA_MINIMUM
      case .maximum: operation = STRATA_MAXIMUM
      case .floorDivide, .remainder, .power, .equal, .notEqual, .less, .lessOrEqual, .greater,
        .greaterOrEqual,
        .logicalAnd, .logicalOr:
        return nil
      }
    case .unary(let function):
      switch function {
      case .negate: operation = STRATA_NEGATE
      case .absolute: operation = STRATA_ABSOLUTE
      case .square: operation = STRATA_SQUARE
      case .sqrt: operation = STRATA_SQRT
      case .rsqrt: operation = STRATA_RSQRT
      case .exp, .log, .sin, .cos, .erf, .floor, .ceil, .round, .sign, .logicalNot, .isNaN, .isFinite:
        return nil
      }
    case .clamp(let low, let high):
      operation = STRATA_CLAMP
      (self.low, self.high) = (Float(low), Float(high))
    case .activation(let kind):
      operation = STRATA_CLAMP
      switch kind {
      case .relu: high = .infinity
      case .relu6: high = 6
      case .hardswish, .hardsigmoid, .sigmoid, .silu, .tanh, .gelu, .leakyReLU: return nil
      }
    case .activationGradient(let kind):
      operation = STRATA_GATE
      switch kind {
      case .relu: high = .nan
      case .relu6: high = 6
      case .hardswish, .hardsigmoid, .sigmoid, .silu, .tanh, .gelu, .leakyReLU: return nil
      }
    case .input, .variable, .full, .select, .cast, .reduce, .argReduce, .topK, .softmax, .reshape, .permute,
      .broadcast, .slice, .unslice, .concatenate, .pad, .indexSelect, .indexAdd, .matmul, .conv2d, .linear,
      .maxPool2d, .averagePool2d, .adaptiveAveragePool2d, .batchNorm, .layerNorm, .batchMoments, .dropout,
      .conv2dImageGradient, .conv2dWeightGradient, .conv2dBiasGradient, .maxPool2dGradient,
      .averagePool2dGradient, .adaptiveAveragePool2dGradient, .batchNormGradient, .crossRank:
      return nil
    }
  }
}

extension Graph {
  /// The operands of a product `leftᵀ right` of two matrices of floats, and how many rows both have.
  func factors(of node: Node) -> (left: NodeID, right: NodeID, depth: Int)? {
    guard case .matmul = node.op, Lowering.isNative(node.type),
      case .permute([1, 0]) = self[node.operands[0]].op
    else { return nil }
    let (left, right) = (self[node.operands[0]].operands[0], node.operands[1])
    guard self[right].type.shape.rank == 2 else { return nil }
    return (left, right, self[left].type.shape[0])
  }
}
