import StrataCore
import StrataGraph

extension Graph {
  /// The multiplications, each with an addition, of every node.
  var macs: [Int] { nodes.map { $0.op.multiplyAccumulates(operandTypes($0), $0.type) } }

  /// The multiply-accumulates with one ordinary convolution in place of each depthwise convolution and the 1×1
  /// convolution behind it; nil where there is no such pair. `macs` are those of the nodes.
  func ordinaryMACs(_ macs: [Int]) -> Int? {
    var (all, separable, ordinary) = (0, 0, 0)
    for (index, node) in nodes.enumerated() where macs[index] > 0 {
      let product = macs[index]
      all += product
      guard case .conv2d(let pointwise, _) = node.op, pointwise.groups == 1,
        let depthwise = convolution(behind: node.operands[0]),
        case .conv2d(let settings, _) = nodes[depthwise].op, settings.groups > 1,
        settings.groups == nodes[depthwise].type.shape[1]
      else { continue }
      let own = self[node.operands[1]].type.shape
      guard own[2] * own[3] == 1 else { continue }
      let window = self[nodes[depthwise].operands[1]].type.shape
      separable += product + macs[depthwise]
      ordinary += product * window[2] * window[3]
    }
    return separable > 0 ? all - separable + ordinary : nil
  }

  /// The convolution behind a normalisation and a nonlinearity.
  private func convolution(behind id: NodeID) -> Int? {
    var place = id.index
    while true {
      switch nodes[place].op {
      case .batchNorm, .activation: place = nodes[place].operands[0].index
      case .conv2d: return place
      default: return nil
      }
    }
  }
}
