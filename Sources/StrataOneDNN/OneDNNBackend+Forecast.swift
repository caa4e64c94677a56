import StrataGraph
import StrataPasses
import StrataRuntime

extension OneDNNBackend {
  /// What kernels of ours fuse, and the scratch memory they need; oneDNN's own takes little.
  public func forecast(_ plan: Plan) -> WorkspaceForecast {
    guard let split = BatchRules(plan: plan, options: options).split() else { return wholeForecast(plan) }
    var forecast = WorkspaceForecast(plan)
    var byteCount = split.second == nil ? 0 : split.value.byteCount
    for (part, nodes) in [(split.first, split.firstNodes), (split.second, split.secondNodes)] {
      guard let foretold = part.map(wholeForecast) else { continue }
      byteCount += foretold.byteCount
      for (index, turn) in foretold.turns.enumerated() { forecast.turns[nodes[index]] = nodes[turn] }
    }
    forecast.partsByteCount = byteCount
    return forecast
  }

  private func wholeForecast(_ plan: Plan) -> WorkspaceForecast {
    var forecast = WorkspaceForecast(plan)
    let rules = KernelRules(plan, options, threads: Engine.threadCount)
    var waiting: [Int: WaitingDepthwise] = [:]
    for (index, node) in plan.graph.nodes.enumerated() {
      if let job = rules.winogradGradient(index) {
        forecast.scratchByteCounts[index] = job.scratchByteCount
      } else if let job = rules.winogradWeightGradient(index) {
        forecast.scratchByteCounts[index] = job.gradientScratchByteCount
      } else if case .conv2dWeightGradient(let settings, let weights) = node.op,
        let job = rules.sparseWeightGradient(index, settings, weights)
      {
        forecast.scratchByteCounts[index] = job.gradientScratchByteCount
      }
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
    let norms = rules.residualNorms(Lowering.normalisations(of: plan.graph))
    for (moments, tail) in norms.tails {
      for node in [tail.norm, tail.sum, tail.rectifier] { forecast.turns[node.index] = moments.index }
    }
    let sums = rules.gradientSums()
    for (gradient, tail) in sums.tails {
      for node in [tail.sum, tail.step] { forecast.turns[node.index] = gradient.index }
      if let job = rules.pointwiseGradient(gradient.index) {
        forecast.scratchByteCounts[gradient.index] = job.scratchByteCount
      }
    }
    foretellElementwise(plan, except: norms.taken.union(sums.taken), in: &forecast)
    return forecast
  }

  /// Operations on single elements that are one step, and write over what they read last.
  private func foretellElementwise(
    _ plan: Plan, except taken: Set<Int>, in forecast: inout WorkspaceForecast
  ) {
    let graph = plan.graph
    let all = ElementwiseGroups(
      plan, except: taken, isOn: options.kernels.contains(.elementwise),
      takesImages: options.precision != .bfloat16)
    for group in all.groups {
      let members = Set(group.members)
      let end = all.moment(of: group.members[0])
      var free = Set(group.members.flatMap { graph.nodes[$0].operands.map(\.index) }).filter {
        !members.contains($0) && graph.nodes[$0].type == graph.nodes[group.members[0]].type
          && all.lastReads[$0] <= end
      }.sorted()
      for member in group.members {
        forecast.turns[member] = group.position
        guard all.isRead(member, outside: members), all.lastReads[member] != ElementwiseGroups.never,
          !free.isEmpty
        else { continue }
        forecast.overwritten[member] = free.removeFirst()
      }
    }
  }
}
