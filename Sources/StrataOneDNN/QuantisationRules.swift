import COneDNN
import StrataCore
import StrataGraph
import StrataPasses
import StrataRuntime

/// What integers of 8 bits stand for: themselves times a scale.
struct ByteScale: Hashable {
  let scale: Float
  let isSigned: Bool

  init(_ range: Calibration.Range) {
    isSigned = range.isSigned
    // Where only zeros were seen, any scale will do.
    scale = range.limit > 0 ? range.limit / (isSigned ? 127 : 255) : 1
  }

  var type: dnnl_data_type_t { isSigned ? dnnl_s8 : dnnl_u8 }
}

/// Which nodes compute with integers of 8 bits, and which values stay such between them.
///
/// A value stays integers where all who read it can: convolutions and linear layers that are quantised, and max
/// pooling whose own result stays so. Everything else reads 32-bit floats.
struct QuantisationRules {
  /// What quantised nodes read.
  private(set) var inputs: [Int: ByteScale] = [:]
  /// What is added to their results.
  private(set) var residuals: [Int: ByteScale] = [:]
  /// How values are stored that stay integers.
  private(set) var stored: [Int: ByteScale] = [:]

  init(_ rules: KernelRules) {
    guard case .int8(let calibration) = rules.options.precision, !rules.trains else { return }
    let plan = rules.plan
    for layer in plan.quantisable where rules.winograd(layer.index) == nil {
      let node = plan.graph.nodes[layer.index]
      guard Lowering.isNative(node.type), plan.graph.operandTypes(node).allSatisfy(Lowering.isNative),
        let ranges = calibration.layers[node.origin.path]
      else { continue }
      inputs[layer.index] = ByteScale(ranges.input)
      residuals[layer.index] = ranges.residual.map { ByteScale($0) }
    }
    store(plan)
  }

  /// Refuses a calibration that knows none of a plan's layers.
  static func check(_ plan: Plan, _ precision: Precision) throws(StrataError) {
    guard case .int8(let calibration) = precision else { return }
    let origins = plan.quantisable.map { plan.graph.nodes[$0.index].origin }
    guard let first = origins.first, origins.allSatisfy({ calibration.layers[$0.path] == nil }) else {
      return
    }
    throw StrataError(
      .argument,
      "\(first.label) is not in the calibration, nor is any other layer: it is another network's")
  }

  /// Finds what is stored as integers, the last values first.
  private mutating func store(_ plan: Plan) {
    let graph = plan.graph
    var reads: [[(user: Int, position: Int)]] = Array(repeating: [], count: graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() {
      for (position, operand) in node.operands.enumerated() { reads[operand.index].append((index, position)) }
    }
    let results = Set(graph.results.map(\.index))
    for index in graph.nodes.indices.reversed() where !reads[index].isEmpty && !results.contains(index) {
      let node = graph.nodes[index]
      guard givesBytes(node, index) else { continue }
      let scales = reads[index].map { scale(graph.nodes[$0.user], $0.user, $0.position, node.type.shape) }
      guard scales.allSatisfy({ $0 != nil }) else { continue }
      stored[index] = scales.compactMap(\.self).max { $0.scale < $1.scale }
    }
  }

  private func givesBytes(_ node: Node, _ index: Int) -> Bool {
    if case .maxPool2d = node.op { return true }
    // The rows of a linear layer of more axes go by another shape than its result.
    if case .linear = node.op, node.type.shape.rank != 2 { return false }
    return inputs[index] != nil
  }

  /// The scale in which a node can read the operand at a position as integers, if it can.
  private func scale(_ node: Node, _ index: Int, _ position: Int, _ operand: Shape) -> ByteScale? {
    if case .maxPool2d = node.op { return stored[index] }
    guard inputs[index] != nil else { return nil }
    if case .linear = node.op { return position == 0 && operand.rank == 2 ? inputs[index] : nil }
    guard case .conv2d(_, let epilogue) = node.op else { return nil }
    if position == 0 { return inputs[index] }
    return epilogue.addsResidual && position == node.operands.count - 1 ? residuals[index] : nil
  }
}
