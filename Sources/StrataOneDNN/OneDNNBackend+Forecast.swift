import StrataGraph
import StrataPasses
import StrataRuntime

extension OneDNNBackend {
  /// What kernels of ours fuse, and the scratch memory they need; oneDNN's own takes little.
  public func forecast(_ plan: Plan) -> WorkspaceForecast {
    var forecast = WorkspaceForecast(plan)
    let rules = KernelRules(plan, options, threads: Engine.threadCount)
    var waiting: [Int: WaitingDepthwise] = [:]
    for (index, node) in plan.graph.nodes.enumerated() {
      guard case .conv2d = node.op else { continue }
      if let (depthwise, next) = rules.depthwise(index) {
        waiting[next] = depthwise
        forecast.turns[index] = next
      } else if let (job, pool) = rules.winograd(index) {
        forecast.scratchByteCounts[index] = job.scratchByteCount
        if let pool { forecast.turns[pool.index] = index }
      } else if let job = rules.pointwise(index, after: waiting[index]) {
        forecast.scratchByteCounts[index] = job.scratchByteCount
      } else if let job = rules.stem(index) {
        forecast.scratchByteCounts[index] = job.scratchByteCount
      }
    }
    return forecast
  }
}
