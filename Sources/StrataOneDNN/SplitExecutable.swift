import StrataCore
import StrataGraph
import StrataPasses
import StrataRuntime

/// A plan that is computed in parts: its beginning for some images after others, its end for all.
final class SplitExecutable: Executable {
  private let split: BatchSplit
  private let first: OneDNNExecutable
  private let second: OneDNNExecutable?

  init(_ split: BatchSplit, _ options: KernelOptions, threads: Int) throws(StrataError) {
    self.split = split
    var orders = PassedOrders(keepsResults: split.second != nil)
    first = try OneDNNExecutable(split.first, options, threads: threads, orders: orders)
    var second: OneDNNExecutable?
    if let plan = split.second {
      orders = PassedOrders(leaves: [split.valueLeaf: first.program.resultOrders[0]])
      second = try OneDNNExecutable(plan, options, threads: threads, orders: orders)
    }
    self.second = second
  }

  /// The memory of both plans, and the value between them.
  var workspaceByteCount: Int? {
    let bytes = [first, second].compactMap { $0?.workspaceByteCount }.reduce(0, +)
    return bytes + (second == nil ? 0 : split.value.byteCount)
  }

  func run(_ leaves: [LeafValue]) throws(StrataError) -> [HostTensor] {
    let value = emptyValue()
    for part in 0..<split.parts {
      try first.run(self.leaves(leaves, of: part), into: [rows(of: value, in: part)])
    }
    return try second?.run(withValue(value, leaves)) ?? [value]
  }

  func profile(
    _ leaves: [LeafValue]
  ) throws(StrataError) -> (results: [HostTensor], steps: [StepTiming]) {
    let clock = ContinuousClock()
    let begin = clock.now
    let value = emptyValue()
    var steps: [StepTiming] = []
    for part in 0..<split.parts {
      let start = clock.now - begin
      let timed = try first.profile(
        self.leaves(leaves, of: part), into: [rows(of: value, in: part)])
      steps += timed.map { $0.moved(by: start, nodes: split.firstNodes) }
    }
    guard let second else { return ([value], steps) }
    let start = clock.now - begin
    let (results, timed) = try second.profile(withValue(value, leaves))
    return (results, steps + timed.map { $0.moved(by: start, nodes: split.secondNodes) })
  }

  private func emptyValue() -> HostTensor {
    HostTensor(
      dtype: split.value.dtype, shape: split.value.shape, buffer: Buffer(byteCount: split.value.byteCount))
  }

  /// The leaves of the second plan.
  private func withValue(_ value: HostTensor, _ leaves: [LeafValue]) -> [LeafValue] {
    // What follows the leaves that the second plan has is not read.
    leaves.prefix(split.valueLeaf) + [LeafValue(value)]
  }

  /// The leaves with the images of a part.
  private func leaves(_ leaves: [LeafValue], of part: Int) -> [LeafValue] {
    var leaves = leaves
    leaves[split.input] = LeafValue(rows(of: leaves[split.input].value, in: part))
    return leaves
  }

  private func rows(of tensor: HostTensor, in part: Int) -> HostTensor {
    let size = tensor.shape[0] / split.parts
    return tensor.rows(part * size..<(part + 1) * size)
  }
}

extension StepTiming {
  /// The step as one of a longer run, of which its own began after `start`.
  fileprivate func moved(by start: Duration, nodes: [Int]) -> StepTiming {
    StepTiming(
      node: node.map { nodes[$0] }, kind: kind, implementation: implementation, start: self.start + start,
      duration: duration)
  }
}
