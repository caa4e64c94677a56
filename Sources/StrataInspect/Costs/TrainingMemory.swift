import StrataCore
import StrataGraph
import StrataNN

/// An optimiser, as far as its memory goes.
public enum TrainingOptimizer: String, Sendable, Hashable, CaseIterable {
  /// Gradient descent.
  case sgd
  /// Gradient descent with momentum.
  case sgdMomentum = "sgd-momentum"
  /// Adam.
  case adam
  /// Adam with decoupled weight decay.
  case adamw

  /// Numbers that it keeps for each parameter.
  public var statesPerParameter: Int {
    switch self {
    case .sgd: 0
    case .sgdMomentum: 1
    case .adam, .adamw: 2
    }
  }
}

/// What the results of a forward pass and their gradients take in a training step.
///
/// A result is kept where a gradient is computed from it: the input of a convolution or of batch norm, the output
/// of a ReLU, both operands of a product. A gradient lives from the last reader of its value to its maker. Views
/// take nothing, nonlinearities work in place, dropout keeps its result.
struct TrainingMemory: Sendable {
  /// Bytes of the forward results that are kept.
  let keptByteCount: Int
  /// The most bytes of forward results and of their gradients at one time.
  let peakByteCount: Int

  init(_ trace: NetworkTrace) {
    let graph = trace.graph
    let count = graph.nodes.count
    let roots = Self.storages(graph)
    // Node i runs forward at time i and backward at time 2 · count − 1 − i.
    func backward(_ node: Int) -> Int { 2 * count - 1 - node }
    var lastUse = [Int](repeating: -1, count: count)
    var firstReader = [Int](repeating: count, count: count)
    var lastReader = [Int](repeating: -1, count: count)
    var isKept = [Bool](repeating: false, count: count)
    for (index, node) in graph.nodes.enumerated() where node.op.leafSlot == nil {
      let keeps = node.op.keptForGradient
      for (position, operand) in node.operands.enumerated() {
        let root = roots[operand.index]
        lastUse[root] = max(lastUse[root], index)
        firstReader[root] = min(firstReader[root], index)
        lastReader[root] = max(lastReader[root], index)
        if keeps.operands(position) {
          isKept[root] = true
          // The earliest reader's backward step is the last to need it.
          lastUse[root] = max(lastUse[root], backward(index))
        }
      }
      if keeps.result {
        isKept[roots[index]] = true
        lastUse[roots[index]] = max(lastUse[roots[index]], backward(index))
      }
    }
    var changes = [Int](repeating: 0, count: 2 * count + 1)
    func occupy(_ bytes: Int, from first: Int, to last: Int) {
      changes[first] += bytes
      changes[last + 1] -= bytes
    }
    var kept = 0
    for (index, node) in graph.nodes.enumerated() where roots[index] == index {
      switch node.op {
      case .variable, .full: continue
      default: break
      }
      let bytes = node.type.byteCount
      occupy(bytes, from: index, to: max(index, lastUse[index]))
      if isKept[index] { kept += bytes }
      if case .input = node.op { continue }
      // The gradient of a result: from its last reader's backward step, or the loss, to its maker's.
      occupy(bytes, from: backward(max(index, lastReader[index])), to: backward(index))
    }
    for call in trace.calls {
      guard let dropout = call.module as? Dropout, dropout.p > 0, call.output.error == nil else { continue }
      kept += call.output.type.byteCount
      changes[0] += call.output.type.byteCount
    }
    keptByteCount = kept
    var live = 0
    var peak = 0
    for change in changes {
      live += change
      peak = max(peak, live)
    }
    peakByteCount = peak
  }

  /// The node in whose memory each value lies.
  private static func storages(_ graph: Graph) -> [Int] {
    var roots = Array(graph.nodes.indices)
    for (index, node) in graph.nodes.enumerated() {
      guard !node.takesMemory, node.op.leafSlot == nil, let operand = node.operands.first else { continue }
      roots[index] = roots[operand.index]
    }
    return roots
  }
}

extension Op {
  /// What gradients of the operands are computed from: the operands at some places, or the result.
  fileprivate var keptForGradient: (operands: (Int) -> Bool, result: Bool) {
    switch self {
    case .conv2d, .linear, .matmul, .batchNorm, .layerNorm, .batchMoments: ({ $0 < 2 }, false)
    case .activation, .softmax: ({ _ in false }, true)
    case .unary, .clamp, .select: ({ _ in true }, false)
    case .binary(let function):
      switch function {
      case .multiply, .divide, .power, .minimum, .maximum: ({ _ in true }, false)
      case .add, .subtract, .floorDivide, .remainder, .equal, .notEqual, .less, .lessOrEqual, .greater,
        .greaterOrEqual, .logicalAnd, .logicalOr:
        ({ _ in false }, false)
      }
    case .maxPool2d: ({ _ in true }, true)
    case .dropout: ({ _ in false }, true)
    case .input, .variable, .full, .cast, .reduce, .argReduce, .topK, .reshape, .permute, .broadcast, .slice,
      .concatenate, .pad, .indexSelect, .averagePool2d, .adaptiveAveragePool2d, .crossRank,
      .unslice, .indexAdd, .conv2dImageGradient, .conv2dWeightGradient, .conv2dBiasGradient,
      .activationGradient, .maxPool2dGradient, .averagePool2dGradient, .adaptiveAveragePool2dGradient,
      .batchNormGradient:
      ({ _ in false }, false)
    }
  }
}

extension ModelSummary {
  /// What a training step takes at its peak.
  public struct TrainingBytes: Sendable, Hashable {
    /// The parameters and buffers.
    public let weights: Int
    /// The gradients of parameters that are not frozen.
    public let gradients: Int
    /// What the optimiser keeps.
    public let optimizer: Int
    /// The most bytes of forward results and of their gradients at one time.
    public let activations: Int
    /// All of them.
    public var total: Int { weights + gradients + optimizer + activations }
  }

  /// The memory of a training step, predicted from the graph.
  public func trainingBytes(_ optimizer: TrainingOptimizer) -> TrainingBytes {
    let gradients = 4 * trainableParameters
    return TrainingBytes(
      weights: weightBytes + bufferBytes, gradients: gradients,
      optimizer: optimizer.statesPerParameter * gradients, activations: training.peakByteCount)
  }
}
