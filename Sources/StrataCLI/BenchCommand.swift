import Strata

extension Command {
  /// Measures forward passes.
  static let bench = Command(
    name: "bench", summary: "Measure how long forward passes of a network take.",
    details: """
      Passes run in evaluation mode on random images of the usual size, after some that are not measured.
      A multiply-accumulate counts as two operations of a GFLOP.
      """,
    operands: .some("MODEL"),
    options: [
      Option(name: "batch", value: "B", summary: "Images in a pass (1)."),
      Option(name: "threads", value: "T", summary: "Threads to use (all cores that the process may run on)."),
      .json,
    ] + Option.network
  ) { arguments in
    let batch = try arguments.number("batch", in: 1...1_000_000) ?? 1
    if let threads = try arguments.number("threads", in: 1...1024) { Engine.threadCount = threads }
    var entries: [ModelEntry] = []
    for word in arguments.operands { entries += try arguments.entries(word) }
    let options = try arguments.modelOptions()
    var documents: [JSONValue] = []
    for (index, entry) in entries.enumerated() {
      let model = try entry.make(options).eval()
      let channels = options.inputChannels ?? entry.imageShape[0]
      let input = Shape([batch, channels] + entry.imageShape.dropFirst())
      let cost = try Complexity(of: model, input: input)
      let image = HostTensor.normal(shape: input, key: RandomKey(seed: 0))
      let result = try Benchmark(model, input: image, macs: cost.macs)
      // The next network needs the memory that this one's plans hold.
      Engine.clearCache()
      if arguments.has(.json) {
        documents.append(result.json(named: entry.name))
      } else {
        try Output.print((index > 0 ? "\n" : "") + result.text(named: model.typeName))
      }
    }
    if arguments.has(.json) { try Output.print(.documents(documents)) }
    return .done
  }
}

extension Benchmark {
  fileprivate func json(named name: String) -> JSONValue {
    [
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
    ]
  }

  fileprivate func text(named name: String) -> String {
    Text.pairs([
      ("Network", name),
      ("Batch", "\(batch)"),
      ("Threads", "\(threads)"),
      ("Passes", "\(seconds.count)"),
      ("Median", "\(Text.milliseconds(median)) ms"),
      ("10% to 90%", "\(Text.milliseconds(quantile(0.1))) to \(Text.milliseconds(quantile(0.9))) ms"),
      ("Images", "\(DecimalText.fixed(imagesPerSecond, digits: 1)) a second"),
      ("Arithmetic", "\(DecimalText.fixed(gigaflops, digits: 1)) GFLOP/s"),
    ])
  }
}
