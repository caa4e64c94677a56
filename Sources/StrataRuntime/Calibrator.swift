import StrataCore
import StrataGraph
import StrataPasses

/// Watches what the layers of a network read, batch by batch, as an observer does in PyTorch.
///
///     var calibrator = Calibrator()
///     for batch in batches { try calibrator.observe(model(batch)) }
///     let calibration = try calibrator.calibration()
public struct Calibrator {
  private struct Ranges {
    var input = MagnitudeHistogram()
    var residual: MagnitudeHistogram?
  }

  private var layers: [String: Ranges] = [:]
  /// Batches of one shape share a plan.
  private var executables: [StructuralKey: any Executable] = [:]

  /// Creates one that has seen nothing.
  public init() {}

  /// Runs what gives a tensor, in float32, and notes what its convolutions and linear layers read.
  public mutating func observe(_ output: Tensor) throws(StrataError) {
    if let error = output.error { throw error }
    let trace = Trace(of: [output])
    let plan = try Engine.plan(trace)
    let reads = plan.quantisable.flatMap(\.reads)
    var graph = plan.graph
    graph.outputs = Array(Set(reads.map(\.id))).sorted()
    graph.stateUpdates = []
    let values = try executable(for: graph).run(try Engine.leafValues(trace))
    for (id, value) in zip(graph.outputs, values) {
      let numbers = UnsafeBufferPointer(
        start: value.pointer.assumingMemoryBound(to: Float.self), count: value.shape.elementCount)
      for read in reads where read.id == id {
        var ranges = layers[read.path] ?? Ranges()
        var histogram = read.isResidual ? ranges.residual ?? MagnitudeHistogram() : ranges.input
        guard histogram.add(numbers) else {
          throw StrataError(
            .argument, "\(read.path) reads numbers that are not finite: nothing to calibrate on")
        }
        if read.isResidual { ranges.residual = histogram } else { ranges.input = histogram }
        layers[read.path] = ranges
      }
    }
  }

  private mutating func executable(for graph: Graph) throws(StrataError) -> any Executable {
    let key = graph.structuralKey
    if let known = executables[key] { return known }
    let backend = Engine.configuration.backend
    // The passes are done, all but one: what only the network's result needs is not computed.
    let plan = try Pipeline([.deadCode]).plan(graph, for: backend.capabilities)
    let made = try backend.compile(plan)
    executables[key] = made
    return made
  }

  /// The ranges that follow from what was seen.
  public func calibration(by method: Calibration.Method = .standard) throws(StrataError) -> Calibration {
    guard !layers.isEmpty else {
      throw StrataError(.argument, "no convolution or linear layer was seen that could be calibrated")
    }
    return Calibration(
      layers: layers.mapValues {
        Calibration.Layer(input: $0.input.range(by: method), residual: $0.residual?.range(by: method))
      })
  }
}

extension Plan {
  /// A layer whose operands can be integers, and what it reads besides its parameters.
  package struct Quantisable {
    /// The node.
    package let index: Int
    /// What it reads.
    let reads: [(path: String, id: NodeID, isResidual: Bool)]
  }

  /// The convolutions and linear layers of 32-bit floats whose weights are constant.
  package var quantisable: [Quantisable] {
    graph.nodes.indices.compactMap { index in
      let node = graph.nodes[index]
      var addsResidual = false
      if case .conv2d(_, let epilogue) = node.op {
        addsResidual = epilogue.addsResidual
      } else if case .linear(_, let epilogue) = node.op {
        addsResidual = epilogue.addsResidual
      } else {
        return nil
      }
      guard node.type.dtype == .float32, node.type.shape.elementCount > 0, !isConstant[index],
        isConstant[node.operands[1].index], let last = node.operands.last
      else { return nil }
      let path = node.origin.path
      return Quantisable(
        index: index,
        reads: [(path, node.operands[0], false)] + (addsResidual ? [(path, last, true)] : []))
    }
  }
}
