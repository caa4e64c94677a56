import Strata
import Synchronization

extension Command {
  /// Measures forward passes or steps of training.
  static let bench = Command(
    name: "bench", summary: "Measure how long forward passes or training steps of a network take.",
    details: """
      Passes run in evaluation mode on random images of the usual size, after some that are not measured. The
      network is compiled once, as `model.compiled(for:)` does; with --calls it is called anew for each pass.
      Without --weights a network by name has fresh ones; the time depends on them only as far as zeros behind
      rectifiers are skipped. MODEL may be an ONNX model, or weights that fit one of the networks. A
      multiply-accumulate counts as two operations of a GFLOP, skipped or not.
      With --train a pass is a whole step: forward in training mode, cross-entropy, backward, stochastic gradient
      descent with momentum; it counts as three forward passes. The same images come in every step.
      With another precision the scores are compared with float32's, on the same images. int8 is calibrated on
      what --calibrate names, else on the images of --input, else on 16 random ones.
      """,
    operands: .some("MODEL"),
    options: [
      Option(name: "batch", value: "B", summary: "Images in a pass (1)."),
      Option(name: "threads", value: "T", summary: "Threads to use (all cores that the process may run on)."),
      Option(name: "calls", summary: "Measure calls of a network that is not compiled."),
      Option(name: "train", summary: "Measure steps of training."),
      Option(name: "no-dropout", summary: "Train without dropout, so that losses can be compared."),
      .precision, .calibrate, .saveCalibration, .weights,
      Option(name: "input", value: "X.npy", summary: "The images, [B, C, H, W] (random ones)."),
      .json,
    ] + Option.network
  ) { arguments in
    let batch = try arguments.number("batch", in: 1...1_000_000)
    if let threads = try arguments.number("threads", in: 1...1024) { Engine.threadCount = threads }
    let precisionName = try arguments.precisionName()
    guard !arguments.has("train") || [.float32, .bfloat16].contains(precisionName) else {
      throw StrataError(
        .argument, "--train measures float32 or bfloat16: nothing is trained in \(precisionName)")
    }
    guard !arguments.has("train") || !arguments.has("calls") else {
      throw StrataError(.argument, "--calls is for forward passes: steps of training are not compiled")
    }
    // Losses can be compared from run to run.
    manualSeed(0)
    // Each is let go of before the next one needs its memory.
    var waiting = Array(try arguments.subjects().reversed())
    guard waiting.count == 1 || arguments.value("weights") == nil else {
      throw StrataError(.argument, "--weights is for one network, got \(waiting.count)")
    }
    var documents: [JSONValue] = []
    var isFirst = true
    while let subject = waiting.popLast() {
      try subject.requireFlow()
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
      if arguments.has("train"), arguments.has("no-dropout") { try model.removeDropout() }
      let precision = try arguments.precision(precisionName) { () throws(StrataError) in
        try arguments.calibration(of: subject, images: given)
      }
      let result = try Engine.autocast(to: precision) {
        arguments.has("train")
          ? try Benchmark(training: model, input: images, macs: cost.macs) { losses.append($0) }
          : arguments.has("calls")
            ? try Benchmark(calling: model, input: images, macs: cost.macs)
            : try Benchmark(model, input: images, macs: cost.macs)
      }
      let peak = ProcessMemory.peak
      let loss =
        precisionName == .float32 || arguments.has("train")
        ? nil : try PrecisionLoss(of: model, on: images, in: precision)
      Engine.clearCache()
      let report = BenchReport(
        result: result, name: subject.name, typeName: model.typeName, precision: precisionName, loss: loss,
        calibrated: precisionName == .int8
          ? arguments.value("calibrate")
            ?? (given == nil ? "\(randomCalibrationImages) random images" : "the images given") : nil,
        loading: loading, losses: losses, peak: peak)
      if arguments.has(.json) {
        documents.append(report.json)
      } else {
        try Output.print((isFirst ? "" : "\n") + report.text)
      }
      isFirst = false
    }
    if arguments.has(.json) { try Output.print(.documents(documents)) }
    return .done
  }
}

/// Images that int8 is calibrated on where none are given.
private let randomCalibrationImages = 16

extension Arguments {
  /// The calibration that was asked for, or one on the images at hand, or on random ones.
  fileprivate func calibration(
    of subject: Subject, images: HostTensor?
  ) throws(StrataError) -> Calibration {
    if let asked = try calibration(of: subject) { return asked }
    // A network that fixes the number of images is calibrated on batches of as many.
    let size = subject.batchSize ?? 1
    let shape = Shape([(randomCalibrationImages + size - 1) / size * size] + subject.imageShape)
    let random = HostTensor.normal(shape: shape, key: RandomKey(seed: 1))
    return try keep(try subject.model.calibrate(on: images ?? random, batchSize: size))
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

/// What `strata bench` says of a network.
private struct BenchReport {
  let result: Benchmark
  let name: String
  let typeName: String
  let precision: Precision.Name
  let loss: PrecisionLoss?
  /// What int8 was calibrated on.
  let calibrated: String?
  let loading: Loading?
  let losses: [Double]
  /// Bytes, before the other precision was tried.
  let peak: Int

  var json: JSONValue {
    var members: JSONObject = [
      "model": .string(name),
      "batch": .integer(result.batch),
      "threads": .integer(result.threads),
      "precision": .string(precision.rawValue),
      "repetitions": .integer(result.seconds.count),
      "median_ms": .number(result.median * 1000),
      "p10_ms": .number(result.quantile(0.1) * 1000),
      "p90_ms": .number(result.quantile(0.9) * 1000),
      "images_per_second": .number(result.imagesPerSecond),
      "gflops": .number(result.gigaflops),
      "macs": .integer(result.macs),
      "peak_memory_bytes": .integer(peak),
    ]
    members["load_ms"] = loading.map { .number($0.seconds * 1000) }
    members["load_and_read_ms"] = loading.map { .number($0.secondsWithReading * 1000) }
    members["load_own_bytes"] = loading?.ownBytes.map { .integer($0) }
    if !losses.isEmpty { members["losses"] = .array(losses.map { .number($0) }) }
    members["calibration"] = calibrated.map(JSONValue.string)
    for (name, value) in loss?.json ?? [:] { members[name] = value }
    return .object(members)
  }

  var text: String {
    var pairs = [
      ("Network", typeName),
      ("Batch", "\(result.batch)"),
      ("Threads", "\(result.threads)"),
      (losses.isEmpty ? "Passes" : "Steps", "\(result.seconds.count)"),
      ("Median", "\(Text.milliseconds(result.median)) ms"),
      (
        "10% to 90%",
        "\(Text.milliseconds(result.quantile(0.1))) to \(Text.milliseconds(result.quantile(0.9))) ms"
      ),
      ("Images", "\(DecimalText.fixed(result.imagesPerSecond, digits: 1)) a second"),
      ("Arithmetic", "\(DecimalText.fixed(result.gigaflops, digits: 1)) GFLOP/s"),
      ("Memory", "\(Text.megabytes(peak)) MB at the peak"),
    ]
    if precision != .float32 { pairs.insert(("Precision", precision.rawValue), at: 3) }
    if let calibrated { pairs.insert(("Calibration", calibrated), at: 4) }
    if let loss {
      pairs.append(("Accuracy", loss.difference))
      pairs.append(("First class", loss.agreement))
    }
    if let loading { pairs.append(("Weights", "loaded in \(Text.milliseconds(loading.seconds)) ms")) }
    return Text.pairs(pairs)
  }
}
