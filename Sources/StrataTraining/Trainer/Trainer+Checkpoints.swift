import StrataCore
import StrataData
import StrataFormats
import StrataNN

extension Trainer {
  /// The name of the checkpoint in a run's folder.
  public static let checkpointName = "checkpoint.safetensors"

  /// Options that a run may change when it goes on, for its result does not depend on them.
  static let changeable = ["workers", "checkpoint_every", "log", "val", "format", "weights"]

  /// All that the run needs to go on from here.
  func checkpoint() throws -> Checkpoint {
    let position = loader.state
    var checkpoint = Checkpoint(state: [
      "version": 1, "options": .object(options.json), "processes": .integer(group.count),
      "step": .integer(step),
      "epoch": .integer(position.epoch), "position": .integer(position.position),
      "sums": .array([sums.loss, sums.correct, sums.count, sums.seconds].map(JSONValue.number)),
      "history": .array(history.map { .object($0.json) }),
      "best_epoch": bestEpoch.map(JSONValue.integer) ?? .null,
      "average_updates": .integer(average?.updateCount ?? 0),
    ])
    checkpoint.add(model.stateDict().map { (name: $0.name, tensor: $0.value) }, under: "model")
    checkpoint.add(try optimizer.stateDict().map { (name: $0.name, tensor: $0.value) }, under: "optimizer")
    checkpoint.add(schedule.state, under: "schedule")
    if let average, average.updateCount > 0 {
      let parameters = Set(model.stateEntries.filter(\.isParameter).map(\.name))
      checkpoint.add(
        try average.stateDict().filter { parameters.contains($0.name) }.map {
          (name: $0.name, tensor: $0.value)
        },
        under: "average")
    }
    return checkpoint
  }

  /// Writes the checkpoint, or keeps it in memory where there is no folder.
  func keepCheckpoint() throws {
    guard group.isLeader else { return }
    guard let folder else {
      anchor = try checkpoint()
      return
    }
    try checkpoint().write(to: "\(folder)/\(Trainer.checkpointName)")
  }

  /// Goes to where a checkpoint was made; the run then goes on as if nothing had happened.
  ///
  /// - Throws: A `StrataError` where the checkpoint belongs to another network or other options.
  public func resume(from path: String) throws {
    do {
      try resume(try Checkpoint(contentsOf: path))
    } catch let error as StrataError {
      throw StrataError(
        error.kind, error.message.hasPrefix(path) ? error.message : "\(path): \(error.message)")
    }
  }

  func resume(_ checkpoint: Checkpoint) throws {
    let state = checkpoint.state
    guard state["version"]?.integer == 1, let saved = state["options"]?.object,
      let step = state["step"]?.integer, let epoch = state["epoch"]?.integer,
      let position = state["position"]?.integer, let averageUpdates = state["average_updates"]?.integer,
      let numbers = state["sums"]?.array?.map({ $0.number ?? .nan }), numbers.count == 4
    else { throw StrataError(.format, "the checkpoint lacks what this version of Strata needs to go on") }
    // Another number of processes has other shares of the cores.
    try checkOptions(saved, besides: state["processes"]?.integer ?? 1 == group.count ? [] : ["threads"])
    try model.loadStateDict(checkpoint.stateDict("model"))
    try optimizer.loadStateDict(checkpoint.stateDict("optimizer"))
    try schedule.restore { name in checkpoint.stateDict("schedule.\(name)") }
    if let average {
      var averages = checkpoint.stateDict("average")
      // Copies, not averages: whatever the network has is right.
      for (name, value) in model.stateDict() where averages[name] == nil { averages[name] = value }
      try average.loadStateDict(averages, updateCount: averageUpdates)
    }
    try loader.restore(LoaderState(seed: options.seed, epoch: epoch, position: position))
    history = (state["history"]?.array ?? []).compactMap(EpochRecord.init)
    bestEpoch = state["best_epoch"]?.integer
    self.step = step
    sums = EpochSums(loss: numbers[0], correct: numbers[1], count: numbers[2], seconds: numbers[3])
  }

  private func checkOptions(_ saved: JSONObject, besides others: [String]) throws(StrataError) {
    let now = options.json
    let defaults = TrainingOptions().json
    for (name, value) in now where !(Trainer.changeable + others).contains(name) {
      // A run that began before there was such an option had its default.
      let old = saved[name] ?? defaults[name] ?? .null
      // Seeds of the last bit of 64 and numbers written whole compare by value.
      guard old == value || old.number != nil && old.number == value.number else {
        throw StrataError(
          .argument, "the run began with \(name) \(old), and cannot go on with \(value)")
      }
    }
  }

  /// Why numbers became infinite or NaN: goes back to the last checkpoint, comes again to where it happened and looks
  /// at every layer.
  func explanation(of trouble: String) -> StrataError {
    let failed = step
    var message = "epoch \(epoch + 1), \(trouble)"
    guard group.count == 1 else {
      return StrataError(.argument, message + ": one process alone would find the cause")
    }
    let kept = folder.map { "\($0)/\(Trainer.checkpointName)" }
    do {
      if let kept { try resume(from: kept) } else if let anchor { try resume(anchor) }
      if let cause = try searchCause(upTo: failed) { message += ": \(cause)" }
    } catch { message += " (its cause was looked for and not found: \(error))" }
    if let kept { message += ". The last checkpoint, \(kept), is whole" }
    return StrataError(
      .argument, message + ". A lower learning rate, --warmup-epochs or --clip-grad may help")
  }

  /// A loss may stay finite for a while after weights no longer are, where layers turn NaN into 0: each step's weights
  /// are looked at, and the first step that spoilt them is made once more with an eye on each layer.
  private func searchCause(upTo failed: Int) throws -> String? {
    while step < failed {
      beginTraining(epoch: epoch)
      let before = try checkpoint()
      guard try repeatStep() else { return nil }
      guard let name = model.firstNonFinite else { continue }
      let spoilt = step
      try resume(before)
      return try anomaly().map { "in step \(spoilt) \($0)" }
        ?? "step \(spoilt) made `\(name)` infinite or NaN out of finite gradients"
    }
    return try anomaly()
  }

  /// The first layer whose value or gradient is not finite in the next step, if there is one.
  private func anomaly() throws -> String? {
    beginTraining(epoch: epoch)
    pass.options.detectsAnomalies = true
    defer { pass.options.detectsAnomalies = false }
    do {
      _ = try repeatStep()
      return nil
    } catch let error as StrataError {
      return error.message.replacing("; no parameter was changed", with: "")
    }
  }
}

extension Checkpoint {
  fileprivate func stateDict(_ prefix: String) -> StateDict {
    StateDict(part(prefix).map { ($0.name, $0.tensor) })
  }
}
