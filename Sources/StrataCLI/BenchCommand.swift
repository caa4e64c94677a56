import Strata
import Synchronization

extension Command {
  /// Measures forward passes or steps of training.
  static let bench = Command(
    name: "bench", summary: "Measure how long forward passes or training steps of a network take.",
    details: """
      Passes run in evaluation mode on random images of the usual size, after some that are not measured.
      Without --weights a network by name has fresh ones; the time does not depend on them. MODEL may be an ONNX
      model, or weights that fit one of the networks. A multiply-accumulate counts as two operations of a GFLOP.
      With --train a pass is a whole step: forward in training mode, cross-entropy, backward, stochastic gradient
      descent with momentum; it counts as three forward passes. The same images come in every step.
      """,
    operands: .some("MODEL"),
    options: [
      Option(name: "batch", value: "B", summary: "Images in a pass (1)."),
      Option(name: "threads", value: "T", summary: "Threads to use (all cores that the process may run on)."),
      Option(name: "train", summary: "Measure steps of training."),
      Option(name: "no-dropout", summary: "Train without dropout, so that losses can be compared."),
      .weights,
      Option(name: "input", value: "X.npy", summary: "The images, [B, C, H, W] (random ones)."),
      .json,
    ] + Option.network
  ) { arguments in
    let batch = try arguments.number("batch", in: 1...1_000_000)
    if let threads = try arguments.number("threads", in: 1...1024) { Engine.threadCount = threads }
    // Each is let go of before the next one needs its memory.
    var waiting = Array(try arguments.subjects().reversed())
    guard waiting.count == 1 || arguments.value("weights") == nil else {
      throw StrataError(.argument, "--weights is for one network, got \(waiting.count)")
    }
    var documents: [JSONValue] = []
    var isFirst = true
    while let subject = waiting.popLast() {
      try subject.requireFlow()
      // Losses can be compared from run to run.
      manualSeed(0)
      let model = subject.model.eval()
      let shape = Shape([batch ?? subject.batchSize ?? 1] + subject.imageShape)
      let given = try arguments.value("input").map { path throws(StrataError) in
        try NumPy.read(path).converted(to: .float32)
      }
      // Sizes that cannot be had are refused here, before an image is made.
      let cost = try Complexity(of: model, input: given?.shape ?? shape)
      let images = given ?? HostTensor.normal(shape: shape, key: RandomKey(seed: 0))
      let loading = arguments.value("weights") == nil ? nil : try Loading(arguments, subject)
      var losses: [Double] = []
      let result: Benchmark
      if arguments.has("train") {
        if arguments.has("no-dropout") { try model.removeDropout() }
        result = try Benchmark(training: model, input: images, macs: cost.macs) { losses.append($0) }
      } else {
        result = try Benchmark(model, input: images, macs: cost.macs)
      }
      Engine.clearCache()
      if arguments.has(.json) {
        documents.append(result.json(named: subject.name, loading, losses))
      } else {
        let text = result.text(named: model.typeName, loading, isTraining: !losses.isEmpty)
        try Output.print((isFirst ? "" : "\n") + text)
      }
      isFirst = false
    }
    if arguments.has(.json) { try Output.print(.documents(documents)) }
    return .done
  }
}

/// What it took to load weights.
private struct Loading {
  /// Seconds until the network had them.
  let seconds: Double
  /// Seconds until every page of them had been read besides.
  let secondsWithReading: Double
  /// Bytes by which the process's own memory grew.
  let ownBytes: Int?

  /// Where the sum over all pages goes: without a use they would not be read.
  private static let lastSum = Atomic<UInt8>(0)

  init(_ arguments: Arguments, _ subject: Subject) throws(StrataError) {
    let clock = ContinuousClock()
    let memory = ProcessMemory.own
    let start = clock.now
    try arguments.load(into: subject)
    seconds = (clock.now - start).inSeconds
    var sum: UInt8 = 0
    for entry in subject.model.stateEntries {
      let value = entry.variable.stored
      for place in stride(from: 0, to: value.byteCount, by: 4096) {
        sum ^= value.pointer.load(fromByteOffset: place, as: UInt8.self)
      }
    }
    Self.lastSum.store(sum, ordering: .relaxed)
    secondsWithReading = (clock.now - start).inSeconds
    ownBytes = ProcessMemory.own.flatMap { after in memory.map { max(0, after - $0) } }
  }
}

extension Module {
  /// Puts layers that do nothing in the place of dropout.
  fileprivate func removeDropout() throws(StrataError) {
    for (name, module) in namedModules where module is Dropout { try replace(name, with: Identity()) }
  }
}

extension Benchmark {
  fileprivate func json(named name: String, _ loading: Loading?, _ losses: [Double]) -> JSONValue {
    var members: JSONObject = [
      "model": .string(name),
      "batch": .integer(batch),
      "threads": .integer(threads),
      "repetitions": .integer(seconds.count),
      "median_ms": .number(median * 1000),
      "p10_ms": .number(quantile(0.1) * 1000),
      "p90_ms": .number(quantile(0.9) * 1000),
      "images_per_second": .number(imagesPerSecond),
      "gflops": .number(gigaflops),
      "macs": .integer(macs),
      "peak_memory_bytes": .integer(ProcessMemory.peak),
    ]
    members["load_ms"] = loading.map { .number($0.seconds * 1000) }
    members["load_and_read_ms"] = loading.map { .number($0.secondsWithReading * 1000) }
    members["load_own_bytes"] = loading?.ownBytes.map { .integer($0) }
    if !losses.isEmpty { members["losses"] = .array(losses.map { .number($0) }) }
    return .object(members)
  }

  fileprivate func text(named name: String, _ loading: Loading?, isTraining: Bool) -> String {
    let weights = loading.map { ("Weights", "loaded in \(Text.milliseconds($0.seconds)) ms") }
    return Text.pairs(
      [
        ("Network", name),
        ("Batch", "\(batch)"),
        ("Threads", "\(threads)"),
        (isTraining ? "Steps" : "Passes", "\(seconds.count)"),
        ("Median", "\(Text.milliseconds(median)) ms"),
        ("10% to 90%", "\(Text.milliseconds(quantile(0.1))) to \(Text.milliseconds(quantile(0.9))) ms"),
        ("Images", "\(DecimalText.fixed(imagesPerSecond, digits: 1)) a second"),
        ("Arithmetic", "\(DecimalText.fixed(gigaflops, digits: 1)) GFLOP/s"),
        ("Memory", "\(Text.megabytes(ProcessMemory.peak)) MB at the peak"),
      ] + (weights.map { [$0] } ?? []))
  }
}
