import Strata

extension Command {
  /// Trains and fine-tunes.
  static let train = Command(
    name: "train", summary: "Train or fine-tune a network on labelled pictures.",
    details: """
      DATA is a folder with train and val and a folder a class in each; a folder a class, or a table (.csv) with
      columns path and label, of which every fifth picture is held out; a folder with the files of MNIST,
      Fashion-MNIST (--format fashion), CIFAR-10, CIFAR-100 or the digits of 8 × 8 pixels; or shapes, as in
      shapes:count=3000,size=32,classes=heart+arrow,seed=1, which are drawn as they are needed.

      DIR gets best.safetensors and last.safetensors (weights), checkpoint.safetensors (to go on from),
      config.json (all settings, for --config), manifest.json (for strata replay), log.csv and report.html.
      Ctrl-C ends with a checkpoint; --resume goes on, to the same bits.

      strata train small_cnn Tests/Fixtures/digits --epochs 20 --augment crop
      strata train resnet20 shapes --epochs 15 --lr 0.1
      strata train resnet20 photos --weights shapes/best.safetensors --freeze 'conv1,bn1,layer*' --unfreeze-at 3
      """,
    operands: .any("MODEL DATA"),
    options: [
      Option(name: "output", value: "DIR", summary: "Where results go (runs/MODEL)."),
      Option(name: "config", value: "FILE", summary: "Settings to begin with, as a run's config.json."),
      Option(name: "resume", value: "DIR", summary: "Go on with the run in this folder."),
      .findRate, .json,
    ] + TrainingOptions.fields.map { Option(name: $0.name, value: $0.value, summary: $0.summary) }
      + Job.exchangeOptions + [Job.checkInterval, Job.timeout]
  ) { arguments in
    try Job.run("train", arguments) { ranks in
      let task = try TrainingTask(arguments, ranks)
      return arguments.has(.findRate) ? try task.findRate() : try task.train()
    }
  }

  /// Makes a run again.
  static let replay = Command(
    name: "replay", summary: "Make a run again from its manifest and compare.",
    details: """
      The exit status is 1 if data, first weights, any number of an epoch or the last weights differ. The same
      machine, engine and number of threads give the same bits; another processor may not, and is named.
      """,
    operands: .one("MANIFEST"),
    options: [Option(name: "output", value: "DIR", summary: "Keep the new run's files here."), .json]
  ) { arguments in
    let replay = try Replay(arguments.operands[0])
    Interruption.watch()
    var progress = TrainingProgress(arguments, epochs: replay.description.options.epochs)
    let (differences, isInterrupted) = try replay.run(
      folder: arguments.value("output"), engine: .linked, report: { progress.show($0) },
      shouldStop: { Interruption.isRequested })
    if isInterrupted { return .no }
    let isSame = !differences.contains(where: \.concernsResult)
    if arguments.has(.json) {
      try Output.print([
        "same": .bool(isSame),
        "differences": .array(
          differences.map {
            ["what": .string($0.what), "before": .string($0.before), "now": .string($0.now)]
          }),
      ])
    } else {
      for difference in differences {
        try Output.print("\(difference.what): \(difference.before) before, \(difference.now) now")
      }
      try Output.print(isSame ? "the same run, bit by bit" : "another result")
    }
    return isSame ? .done : .no
  }
}

extension Option {
  fileprivate static let findRate = Option(
    name: "find-lr", summary: "Only try which learning rates work, and draw the curve.")
}

extension TrainingProgress {
  /// A display on standard output, or, where that is for JSON, on standard error.
  init(_ arguments: Arguments, epochs: Int) {
    let onErrors = arguments.has(.json)
    self.init(epochs: epochs, isTerminal: Output.isTerminal(errors: onErrors)) {
      Output.show($0, onErrors: onErrors)
    }
  }
}

/// One run of `strata train`.
private struct TrainingTask {
  let arguments: Arguments
  let description: RunDescription
  let folder: String
  let goesOn: Bool
  let ranks: any Communicator

  init(_ arguments: Arguments, _ ranks: any Communicator) throws(StrataError) {
    self.arguments = arguments
    self.ranks = ranks
    let resumed = arguments.value("resume")
    goesOn = resumed != nil
    var description = RunDescription(model: "", data: "")
    if let resumed {
      guard arguments.operands.isEmpty, arguments.value("config") == nil, arguments.value("output") == nil
      else {
        throw StrataError(.argument, "--resume takes the network, the data and the settings of the run")
      }
      description = try RunDescription(contentsOf: "\(resumed)/config.json")
    } else {
      if let file = arguments.value("config") { description = try RunDescription(contentsOf: file) }
      guard arguments.operands.count <= 2 else {
        throw StrataError(.argument, "takes MODEL and DATA, got \(arguments.operands.count) words")
      }
      if let model = arguments.operands.first { description.model = model }
      if arguments.operands.count > 1 { description.data = arguments.operands[1] }
      guard !description.model.isEmpty, !description.data.isEmpty else {
        throw StrataError(.argument, "needs MODEL and DATA: see strata train --help")
      }
    }
    for field in TrainingOptions.fields {
      if field.value == nil {
        if arguments.has(field.name) { try field.set(nil as String?, in: &description.options) }
      } else if let text = arguments.value(field.name) {
        try field.set(text, in: &description.options)
      }
    }
    // Several processes share the cores, however many there were when the settings were written.
    if ranks.size > 1 { description.options.threads = Engine.threadCount }
    self.description = description
    let free = resumed ?? arguments.value("output") ?? Self.newFolder(description.model)
    folder = String(
      decoding: try ranks.broadcast(bytes: Array(free.utf8), label: "name of the folder"), as: UTF8.self)
    if !goesOn, FileSystem.exists("\(folder)/\(Trainer.checkpointName)") {
      throw StrataError(
        .argument,
        "\(folder) holds a run already: go on with it (--resume \(folder)) or name another (--output)")
    }
  }

  /// `runs/MODEL`, or the first of `runs/MODEL-2` and so on that is free.
  private static func newFolder(_ model: String) -> String {
    let names = ["runs/\(model)"] + (2...9999).map { "runs/\(model)-\($0)" }
    return names.first { !FileSystem.exists($0) } ?? names[0]
  }

  func train() throws -> ExitStatus {
    Interruption.watch()
    let group = TrainingGroup(
      ranks, bucketSize: try arguments.bucketSize, compression: try arguments.compression,
      checkInterval: try arguments.number("check-every", in: 0...1_000_000_000) ?? 100)
    let run = try TrainingRun(description, folder: folder, engine: .linked, group: group)
    var progress = TrainingProgress(arguments, epochs: run.description.options.epochs)
    func show(_ event: TrainingEvent) { if ranks.isRoot { progress.show(event) } }
    if let report = run.loadReport, !goesOn { show(.note("weights: \(report)")) }
    show(.note(run.headline + (ranks.size > 1 ? "; \(ranks.size) processes" : "")))
    let result = try run.run(goesOn: goesOn, report: show, shouldStop: { Interruption.isRequested })
    guard !result.isInterrupted else {
      show(.note("go on with: strata train --resume \(folder)"))
      return .no
    }
    guard ranks.isRoot else { return .done }
    let changes = run.isFineTuning ? try run.changes() : nil
    if arguments.has(.json) {
      try Output.print(run.summary(result, changes))
    } else {
      if let changes { try Output.print("\nWhat the run changed:\n\(changes.text())\n") }
      try Output.print("\(folder): best.safetensors is of epoch \(result.bestEpoch ?? 0)")
    }
    return .done
  }

  func findRate() throws -> ExitStatus {
    guard ranks.size == 1 else {
      throw StrataError(.argument, "--find-lr is for one process, and this is one of \(ranks.size)")
    }
    let run = try TrainingRun(description, folder: nil, engine: .linked)
    let finder = try LearningRateFinder(run.trainer)
    let target = arguments.value("output").map { "\($0)/lr-range.svg" } ?? "lr-range.svg"
    if let folder = arguments.value("output") { try SystemFile.createFolder(folder) }
    try FileSystem.write(Array(finder.chart.document().utf8), to: target)
    if arguments.has(.json) {
      try Output.print(finder.json)
    } else {
      try Output.print(
        "try --lr \(DecimalText.general(finder.suggestion, digits: 2)): a tenth of the rate with the least loss"
      )
      try Output.print(
        "the loss falls fastest at \(DecimalText.general(finder.steepest, digits: 2)); the curve is in \(target)"
      )
    }
    return .done
  }
}
