import StrataCore
import StrataGraph

extension Graph {
  /// The multiply-accumulates with one ordinary convolution in place of each depthwise convolution and the 1×1
  /// convolution behind it; nil where there is no such pair.
  var ordinaryMACs: Int? {
    var (all, separable, ordinary) = (0, 0, 0)
    for node in nodes where node.op.leafSlot == nil {
      let product = macs(node)
      all += product
      guard case .conv2d(let pointwise, _) = node.op, pointwise.groups == 1,
        let depthwise = convolution(behind: node.operands[0]), case .conv2d(let settings, _) = depthwise.op,
        settings.groups > 1, settings.groups == depthwise.type.shape[1]
      else { continue }
      let own = self[node.operands[1]].type.shape
      guard own[2] * own[3] == 1 else { continue }
      let window = self[depthwise.operands[1]].type.shape
      separable += product + macs(depthwise)
      ordinary += product * window[2] * window[3]
    }
    return separable > 0 ? all - separable + ordinary : nil
  }

  private func macs(_ node: Node) -> Int { node.op.multiplyAccumulates(operandTypes(node), node.type) }

  /// The convolution behind a normalisation and a nonlinearity.
  private func convolution(behind id: NodeID) -> Node? {
    var node = self[id]
    while true {
      switch node.op {
      case .batchNorm, .activation: node = self[node.operands[0]]
      case .conv2d: return node
      default: return nil
      }
    }
  }
}
