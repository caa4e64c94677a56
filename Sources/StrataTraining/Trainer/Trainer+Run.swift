import StrataCore
import StrataData
import StrataFormats
import StrataGraph
import StrataNN
import StrataRuntime

extension Trainer {
  /// Trains to the end, from the beginning or from where `resume` went to.
  ///
  /// - Parameters:
  ///   - report: Told what happens.
  ///   - shouldStop: Asked after each step; once it says yes, a checkpoint is written and the run ends.
  /// - Throws: A `StrataError`. Whatever happened, the last checkpoint is whole, and the run can go on from it.
  public func run(
    report: (TrainingEvent) -> Void = { _ in }, shouldStop: () -> Bool = { false }
  ) throws -> Result {
    var logs = try RunLogs(self)
    var metrics: ClassificationMetrics?
    defer { model.eval() }
    try group.share(model)
    // A folder that cannot be written to must be noticed before an epoch is computed.
    if step == 0 && history.isEmpty {
      if let name = model.firstNonFinite {
        throw StrataError(.argument, "`\(name)` of the network to begin with is not finite")
      }
      try keepCheckpoint()
    }
    while epoch < options.epochs, !hasLostPatience {
      let current = epoch
      beginTraining(epoch: current)
      guard try trainEpoch(shouldStop, report, &logs) else {
        try requireFiniteWeights()
        try keepCheckpoint()
        report(.note("interrupted after step \(step) in epoch \(current + 1); a checkpoint was kept"))
        return Result(history: history, bestEpoch: bestEpoch, isInterrupted: true, metrics: nil)
      }
      metrics = try finishEpoch(current, report, &logs)
    }
    if hasLostPatience, let bestEpoch {
      report(.note("no better result since epoch \(bestEpoch): training ends"))
    }
    return Result(history: history, bestEpoch: bestEpoch, isInterrupted: false, metrics: metrics)
  }

  private var hasLostPatience: Bool {
    guard let patience = options.patience, let bestEpoch, let last = history.last else { return false }
    return last.epoch - bestEpoch >= patience
  }

  /// What remains of an epoch; false if the run was asked to stop.
  private func trainEpoch(
    _ shouldStop: () -> Bool, _ report: (TrainingEvent) -> Void, _ logs: inout RunLogs
  ) throws -> Bool {
    let start = Double(loader.state.position)
    let watch = Stopwatch()
    let secondsBefore = sums.seconds
    defer { sums.seconds = secondsBefore + watch.seconds }
    while let batches = try nextBatches() {
      let rate = optimizer.groups.map(\.lr).max() ?? 0
      let isWishedFor = try learn(batches, shouldStop())
      let position = loader.state.position
      let speed = (Double(position) - start) / max(watch.seconds, 1e-9)
      let current = StepReport(
        epoch: epoch + 1, epochs: options.epochs, position: position, count: loader.epochCount, step: step,
        loss: sums.meanLoss, learningRate: rate, examplesPerSecond: speed)
      try logs.append(current)
      report(.step(current))
      if isWishedFor {
        sums.seconds = secondsBefore + watch.seconds
        return false
      }
      if let every = options.checkpointSteps, step % every == 0 {
        sums.seconds = secondsBefore + watch.seconds
        try requireFiniteWeights()
        try keepCheckpoint()
      }
    }
    return true
  }

  /// The batches of a step; nil at the end of the epoch, after which the loader stands at its end still.
  private func nextBatches() throws -> [Batch]? {
    let start = loader.state
    var batches: [Batch] = []
    while batches.count < options.accumulation, loader.state.position < loader.epochCount {
      do throws(StrataError) {
        guard let batch = try loader.next() else { break }
        batches.append(batch)
      } catch {
        // What was learnt so far is not lost: the checkpoint is of the last whole step.
        try? loader.restore(start)
        try? keepCheckpoint()
        throw failure(error)
      }
    }
    return batches.isEmpty ? nil : batches
  }

  /// An error with the place of the run at which it came.
  private func failure(_ error: StrataError) -> StrataError {
    StrataError(error.kind, "epoch \(epoch + 1), after step \(step): \(error.message)")
  }

  /// Makes the next step again, after the run went back; false at the end of an epoch.
  func repeatStep() throws -> Bool {
    guard let batches = try nextBatches() else { return false }
    _ = try outcome(of: batches)
    step += 1
    schedule.step()
    return true
  }

  /// Makes a step at the rates that the groups have, whatever the loss becomes, and returns that.
  func tryStep() throws -> Double {
    if loader.state.position >= loader.epochCount {
      try loader.restore(LoaderState(seed: options.seed, epoch: epoch + 1))
    }
    guard let batches = try nextBatches() else { return .nan }
    defer { step += 1 }
    return try outcome(of: batches).loss
  }

  private func outcome(of batches: [Batch]) throws -> TrainingStep.Outcome {
    let parts = batches.map { batch in
      (input: Tensor(batch.inputs), target: Tensor(batch.softLabels ?? batch.labels))
    }
    // Dropout's numbers follow from the step, so that a run that goes on draws the same.
    let key = RandomKey(seed: options.seed, stream: 1).child(step).child(group.rank)
    return try RandomKey.sequence(from: key.seed) { () throws(any Error) in
      try Engine.autocast(to: options.precision.precision) { try group.step(pass, batches, parts) }
    }
  }

  /// Makes a step; whether one of the processes wishes to stop.
  private func learn(_ batches: [Batch], _ wish: Bool) throws -> Bool {
    let outcome = try outcome(of: batches)
    // What stands in for an example that another process has does not count.
    let labels = batches.filter { !$0.standsIn }.flatMap { $0.labels.scalars(as: Int.self) }
    var parts = [0.0, 0, 0]
    if !labels.isEmpty {
      let right = outcome.output.rightAnswers(labels)
      parts = [outcome.loss * Double(labels.count), Double(right), Double(labels.count)]
    }
    if group.count > 1 {
      parts = try group.sum(parts + [wish ? 1 : 0], label: "losses of step \(step + 1)")
    }
    let loss = parts[0] / max(parts[2], 1)
    guard loss.isFinite else { throw explanation(of: "step \(step + 1): the loss is \(loss)") }
    step += 1
    schedule.step()
    sums.loss += parts[0]
    sums.correct += parts[1]
    sums.count += parts[2]
    if group.count > 1, group.checkInterval > 0, step % group.checkInterval == 0 { try group.check(model) }
    return group.count > 1 ? parts[3] > 0 : wish
  }

  private func finishEpoch(
    _ epoch: Int, _ report: (TrainingEvent) -> Void, _ logs: inout RunLogs
  ) throws -> ClassificationMetrics {
    let watch = Stopwatch()
    try requireFiniteWeights()
    try group.check(model)
    try group.shareBuffers(of: model)
    let totals = [sums.loss, sums.correct, sums.count]
    let rate = optimizer.groups.map(\.lr).max() ?? 0
    let metrics: ClassificationMetrics
    do { metrics = try validated() } catch let error as StrataError {
      // Going on from here begins with the validation.
      try? keepCheckpoint()
      throw failure(error)
    }
    let trainingSeconds = sums.seconds
    let record = EpochRecord(
      epoch: epoch + 1, step: step, learningRate: rate, trainingLoss: totals[0] / max(totals[2], 1),
      trainingTop1: totals[1] / max(totals[2], 1), validation: .init(metrics),
      seconds: trainingSeconds + watch.seconds, examplesPerSecond: totals[2] / max(trainingSeconds, 1e-9))
    let isBest = isBetter(record)
    history.append(record)
    if isBest { bestEpoch = record.epoch }
    schedule.finishEpoch(validationLoss: metrics.loss)
    sums = EpochSums()
    // Only now the loader turns to the next epoch: a checkpoint of the last step comes back to validation.
    try loader.restore(LoaderState(seed: options.seed, epoch: epoch + 1))
    if group.isLeader, let folder {
      let weights = try bestWeights()
      if isBest { try Safetensors.write(weights, to: "\(folder)/best.safetensors", durably: true) }
      try Safetensors.write(weights, to: "\(folder)/last.safetensors", durably: true)
    }
    try logs.append(record, history)
    try keepCheckpoint()
    report(.epoch(record, isBest: isBest))
    return metrics
  }

  /// Stops a run whose weights have become infinite or NaN before they replace good ones on the disk.
  private func requireFiniteWeights() throws {
    guard let name = model.firstNonFinite else { return }
    throw explanation(of: "after step \(step): `\(name)` is not finite")
  }

  private func isBetter(_ record: EpochRecord) -> Bool {
    guard let bestEpoch, let best = history.first(where: { $0.epoch == bestEpoch }) else { return true }
    let (new, old) = (options.criterion.merit(of: record), options.criterion.merit(of: best))
    return new > old || new == old && record.validation.loss < best.validation.loss
  }

  /// The network's metrics on validation data, of the averaged weights where an average is kept.
  private func validated() throws -> ClassificationMetrics {
    guard let average else {
      return try Evaluation.metrics(of: model, data.validation, preparation, options, group)
    }
    return try average.withAverages {
      try Evaluation.metrics(of: model, data.validation, preparation, options, group)
    }
  }

  /// The weights that are validated and saved: the averaged ones where an average is kept.
  func bestWeights() throws -> TensorArchive {
    let state = try average.map { average in try average.stateDict() } ?? model.stateDict()
    var archive = TensorArchive(state.map { (name: $0.name, tensor: $0.value) })
    archive.metadata = preparation.remarks(classNames: data.classNames)
    return archive
  }
}

extension HostTensor {
  /// How many rows of scores are largest at the row's label.
  fileprivate func rightAnswers(_ labels: [Int]) -> Int {
    guard shape.rank == 2, shape[0] == labels.count, shape[1] > 0 else { return 0 }
    let values = scalars(as: Float.self)
    return labels.enumerated().count { row, label in
      let scores = values[row * shape[1]..<(row + 1) * shape[1]]
      let own = scores[scores.startIndex + label]
      return scores.enumerated().allSatisfy { other, score in
        score < own || score == own && other >= label
      }
    }
  }
}

extension Module {
  /// The first parameter or buffer with a number that is infinite or NaN.
  var firstNonFinite: String? {
    stateDict().first { !$0.value.isFinite }?.name
  }
}

extension Criterion {
  /// A number that is larger where a result is better.
  func merit(of record: EpochRecord) -> Double {
    switch self {
    case .top1: record.validation.top1
    case .loss: -record.validation.loss
    case .macroF1: record.validation.macroF1
    }
  }
}
