import Strata

extension Command {
  /// Measures what processes that were started together cost each other.
  static let parallel = Command(
    name: "parallel", summary: "Measure sums over processes, and steps of training on several of them.",
    details: """
      Started by mpirun, srun or the like: mpirun -n 4 strata parallel resnet50
      Without MODEL it measures how long the sum of some bytes over all processes takes; with MODEL, steps of
      training on random images: how long gradients travel, and how much of that the steps wait for.
      --predict adds what a model of scaling makes of it: a step of these processes, and of up to 1024 machines
      on networks of 10, 25 and 100 Gbit/s.
      """,
    operands: .any("MODEL"),
    options: [
      Option(name: "batch", value: "B", summary: "Images of all processes in a step (8 each)."),
      Option(name: "steps", value: "N", summary: "Steps to measure (5)."),
      Job.synchronised, .predict, .faster, .json,
    ] + Job.exchangeOptions + Job.options
  ) { arguments in
    guard arguments.operands.count <= 1 else {
      throw StrataError(.argument, "takes one MODEL, got \(arguments.operands.count)")
    }
    return try Job.run("parallel", arguments) { ranks in
      if let name = arguments.operands.first {
        try measureSteps(name, arguments, ranks)
      } else {
        try measureSums(arguments, ranks)
      }
      return .done
    }
  }

  private static func measureSums(_ arguments: Arguments, _ ranks: any Communicator) throws {
    let sizes = (0...8).map { 1024 << (2 * $0) }
    let result = try CollectiveBenchmark(ranks, byteCounts: sizes)
    guard ranks.isRoot else { return }
    try Output.print(arguments.has(.json) ? result.json.serialized() : result.text)
  }

  private static func measureSteps(_ name: String, _ arguments: Arguments, _ ranks: any Communicator) throws {
    let batch = try arguments.number("batch", in: 1...1_000_000) ?? 8 * ranks.size
    guard batch % ranks.size == 0 else {
      throw StrataError(
        .argument, "a batch of \(batch) cannot be divided among \(ranks.size) processes evenly")
    }
    let entry = try ModelRegistry.entry(named: name)
    let model = try entry.make()
    if arguments.has(Job.synchronised) { model.synchroniseBatchNorms() }
    let result = try ParallelBenchmark(
      training: model, input: Shape([batch / ranks.size] + entry.imageShape), over: ranks,
      bucketSize: try arguments.bucketSize, compression: try arguments.compression,
      effort: ParallelBenchmark.Effort(steps: try arguments.number("steps", in: 1...10_000) ?? 5))
    var forecast: Forecast?
    if arguments.has(.predict) {
      forecast = try Forecast(
        model, input: Shape([batch / ranks.size] + entry.imageShape), result, ranks, try arguments.bucketSize,
        try arguments.compression, faster: try arguments.number("faster", in: 1...100_000) ?? 1)
    }
    guard ranks.isRoot else { return }
    if arguments.has(.json) {
      var object = result.json(named: entry.name)
      object["predicted"] = forecast?.json
      try Output.print(JSONValue.object(object).serialized())
    } else {
      try Output.print(result.text(named: entry.name))
      if let forecast { try Output.print("\n" + forecast.text) }
    }
  }
}

extension Arguments {
  /// Bytes of the buckets that gradients travel in.
  var bucketSize: Int {
    get throws(StrataError) {
      try number("bucket", in: 1...4096).map { $0 << 20 } ?? GradientExchange.defaultBucketSize
    }
  }

  /// How gradients travel.
  var compression: GradientExchange.Compression {
    get throws(StrataError) {
      guard let word = value("compress") else { return .none }
      guard let kind = GradientExchange.Compression(rawValue: word) else {
        throw StrataError(.argument, "--compress takes none or bf16, got \(word)")
      }
      return kind
    }
  }
}

extension CollectiveBenchmark {
  fileprivate var json: JSONValue {
    [
      "processes": .integer(size),
      "sums": .array(
        rows.map { ["bytes": .integer($0.byteCount), "ms": .number($0.seconds * 1000)] as JSONValue }),
    ]
  }

  fileprivate var text: String {
    let table = rows.map { row in
      [
        DecimalText.general(Double(row.byteCount) / 1024) + " KiB", "\(Text.milliseconds(row.seconds)) ms",
        size > 1 ? "\(DecimalText.fixed(row.bandwidth(of: size) / 1e9, digits: 2)) GB/s" : "–",
      ]
    }
    return "Sums over \(size) processes\n" + Text.table(table)
  }
}

extension Option {
  fileprivate static let predict = Option(name: "predict", summary: "Say what more machines would give.")
  fileprivate static let faster = Option(
    name: "faster", value: "K", summary: "Predict for machines that compute K times as fast as this one (1).")
}

/// What the model of scaling makes of a measured step.
private struct Forecast {
  let model: ScalingModel
  /// The step of the processes that were measured, and the link between them if there are several.
  let here: (link: Link?, prediction: ScalingModel.Prediction)
  static let sizes = (0...10).map { 1 << $0 }
  static let networks = [10.0, 25, 100]

  init(
    _ network: Module, input: Shape, _ result: ParallelBenchmark, _ ranks: any Communicator,
    _ bucketSize: Int,
    _ compression: GradientExchange.Compression, faster factor: Int
  ) throws(StrataError) {
    var model = try ScalingModel(of: network, input: input, step: result.stepAlone)
    model.bucketSize = bucketSize
    model.bytesPerParameter = compression == .none ? 4 : 2
    if result.copied > 0 { model.copying = 2 * Double(result.byteCount) / result.copied }
    var other = model
    other.forward /= Double(factor)
    other.backward /= Double(factor)
    other.copying *= Double(factor)
    self.model = other
    // Nothing larger than a bucket travels.
    let sums = try CollectiveBenchmark(ranks, byteCounts: (0..<4).map { bucketSize >> (2 * $0) }.reversed())
    // Processes of one machine copy what they send with the cores that they compute with.
    model.interference = 1
    let link = Link(fitting: sums)
    here = (link, model.predicted(ranks.size, over: link ?? .ethernet(gigabits: Forecast.networks[0])))
  }

  private func efficiencies(_ size: Int) -> [Double] {
    Forecast.networks.map { model.predicted(size, over: .ethernet(gigabits: $0)).efficiency }
  }

  var json: JSONValue {
    var object = JSONObject()
    object["here"] = [
      "latency_us": here.link.map { .number($0.latency * 1e6) } ?? .null,
      "bandwidth_gbytes": here.link.map { .number($0.bandwidth / 1e9) } ?? .null,
      "step_ms": .number(here.prediction.step * 1000),
      "communication_ms": .number(here.prediction.communication * 1000),
    ]
    object["networks_gbit"] = .array(Forecast.networks.map(JSONValue.number))
    object["efficiency"] = .array(
      Forecast.sizes.map { ["machines": .integer($0), "of": .array(efficiencies($0).map(JSONValue.number))] })
    return .object(object)
  }

  var text: String {
    var line = "Predicted step of these processes: \(Text.milliseconds(here.prediction.step)) ms"
    if let link = here.link {
      line +=
        ", with \(Text.milliseconds(here.prediction.communication)) ms of communication at "
        + "\(DecimalText.fixed(link.bandwidth / 1e9, digits: 2)) GB/s"
    }
    let head = ["machines"] + Forecast.networks.map { "\(Int($0)) Gbit/s" }
    let rows = Forecast.sizes.map { size in
      ["\(size)"] + efficiencies(size).map { DecimalText.fixed(100 * $0, digits: 1) + "%" }
    }
    return ([line, "Predicted efficiency", Text.table([head] + rows)]).joined(separator: "\n")
  }
}

extension ParallelBenchmark {
  fileprivate func json(named name: String) -> JSONObject {
    [
      "model": .string(name),
      "processes": .integer(size),
      "batch": .integer(batch * size),
      "threads": .integer(threads),
      "buckets": .integer(buckets),
      "gradient_bytes": .integer(byteCount),
      "step_ms": .number(step * 1000),
      "step_without_communication_ms": .number(stepAlone * 1000),
      "communication_ms": .number(communication * 1000),
      "waited_ms": .number(waited * 1000),
      "copied_ms": .number(copied * 1000),
      "not_hidden": .number(exposedShare),
    ]
  }

  fileprivate func text(named name: String) -> String {
    Text.pairs([
      ("Network", name),
      ("Processes", "\(size), \(threads) \(threads == 1 ? "thread" : "threads") each"),
      ("Batch", "\(batch * size), \(batch) each"),
      ("Gradients", "\(Text.bytes(Double(byteCount))) in \(buckets) buckets"),
      ("Step", "\(Text.milliseconds(step)) ms; without communication \(Text.milliseconds(stepAlone)) ms"),
      ("Under way", "\(Text.milliseconds(communication)) ms"),
      ("Waited for", "\(Text.milliseconds(waited)) ms"),
      ("Not hidden", "\(DecimalText.fixed(100 * exposedShare, digits: 1))% of communication"),
      ("Copying", "\(Text.milliseconds(copied)) ms"),
    ])
  }
}
