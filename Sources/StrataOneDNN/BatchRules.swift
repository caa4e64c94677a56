import StrataGraph
import StrataPasses

/// Whether a batch is computed in parts, up to which value, and of which size.
///
/// Two things cost time besides arithmetic, and the size of a part trades one against the other: each part takes a
/// step's overhead and weights from memory once more, and intermediate results that the cache does not hold go there
/// and back.
struct BatchRules {
  let plan: Plan
  let options: KernelOptions

  /// Bytes of weights that come from memory in a second, beside the arithmetic.
  private static let weightSpeed = 50e9
  /// Bytes of intermediate results that go to memory or come from it in a second.
  private static let imageSpeed = 25e9
  /// Bytes of a step's operands and result with which half of them leave the cache.
  private static let cachedBytes = 12e6
  /// Multiply-accumulates in a second.
  private static let productSpeed = 250e9
  /// Seconds that a step costs, whatever it does.
  private static let stepTime = 2e-6
  /// The part of the time that must be won.
  private static let leastGain = 0.02

  /// The best cut, or nil where all images are best computed at once.
  func split() -> BatchSplit? {
    guard options.kernels.contains(.batchParts), let batch, batch > 1 else { return nil }
    // A quarter of the bytes leaves little to win, and the value at the cut would have to become floats.
    if options.precision.name == .int8, options.forcedPart == nil { return nil }
    let cuts = self.cuts
    if let size = options.forcedPart {
      return cuts.reversed().lazy.compactMap { BatchSplit(plan, after: $0, size: size) }.first
    }
    let nodes = Array(plan.graph.nodes.indices)
    let whole = nodes.map { cost($0, images: batch, of: batch) }
    let arithmetic = nodes.reduce(0) { $0 + seconds(of: $1) } / options.precision.directSpeed
    var best: (cut: NodeID, size: Int, gain: Double)?
    for size in 1..<batch where batch % size == 0 {
      var gain = 0.0
      var position = 0
      for cut in cuts {
        while position <= cut.index {
          gain += whole[position] - Double(batch / size) * cost(position, images: size, of: batch)
          position += 1
        }
        if gain > best?.gain ?? 0 { best = (cut, size, gain) }
      }
    }
    guard let best, best.gain > Self.leastGain * (arithmetic + whole.reduce(0, +)) else { return nil }
    return BatchSplit(plan, after: best.cut, size: best.size)
  }

  /// The size of the batch: of the first axis of what is given at each run.
  private var batch: Int? {
    let input = plan.graph.nodes.first { node in
      if case .input = node.op { true } else { false }
    }
    return input?.type.shape.first
  }

  /// The values that stand alone: what is computed later needs nothing else that was computed before. Results of
  /// operations on single elements are always handed out row by row, and would have to be put in another order.
  private var cuts: [NodeID] {
    var cuts: [NodeID] = []
    var end = 0
    for index in plan.graph.nodes.indices where !plan.isConstant[index] {
      let op = plan.graph.nodes[index].op
      let isLast = plan.lastUse[index] == plan.graph.nodes.count
      if end <= index, op.leafSlot == nil, isLast || ElementwiseInstruction(op) == nil {
        cuts.append(NodeID(index))
      }
      end = max(end, plan.lastUse[index])
    }
    return cuts
  }

  /// Seconds that a step costs for so many images besides its arithmetic. Numbers that are multiplied faster are
  /// shorter by as much.
  private func cost(_ index: Int, images: Int, of batch: Int) -> Double {
    let node = plan.graph.nodes[index]
    guard !plan.isConstant[index], node.op.leafSlot == nil else { return 0 }
    let (constant, computed) = node.operands.reduce(into: (0.0, 0.0)) { sums, operand in
      let bytes = Double(plan.graph[operand].type.byteCount)
      if plan.isConstant[operand.index] { sums.0 += bytes } else { sums.1 += bytes }
    }
    let speed = options.precision.directSpeed
    let moved = (computed + Double(node.type.byteCount)) * Double(images) / Double(batch) / speed
    let share = moved * moved / (moved * moved + Self.cachedBytes * Self.cachedBytes)
    return Self.stepTime + constant / speed / Self.weightSpeed + share * moved / Self.imageSpeed
  }

  private func seconds(of index: Int) -> Double {
    let node = plan.graph.nodes[index]
    guard !plan.isConstant[index] else { return 0 }
    return Double(node.op.multiplyAccumulates(plan.graph.operandTypes(node), node.type)) / Self.productSpeed
  }
}
