import Strata

extension Command {
  /// Measures the layers of a network.
  static let profile = Command(
    name: "profile",
    summary: "Measure how long each layer of a network takes, and what the machine could do.",
    details: """
      Layers hold what is fused into them. The bound is the longer of the times that arithmetic and memory alone would
      take, by what a matrix product, a convolution and a copy reach on this machine. The trace is read by
      chrome://tracing and ui.perfetto.dev.
      """,
    operands: .some("MODEL"),
    options: [
      Option(name: "batch", value: "N", summary: "Images in a run (1)."),
      Option(name: "runs", value: "R", summary: "Runs to measure (15)."),
      Option(name: "threads", value: "T", summary: "Threads to use (all cores that the process may run on)."),
      Option(name: "top", value: "K", summary: "Show the slowest layers alone."),
      .input,
      Option(name: "trace", value: "FILE.json", summary: "Write the steps of a run for a trace viewer."),
      .json,
    ] + Option.network
  ) { arguments in
    let batch = try arguments.number("batch", in: 1...1_000_000)
    let runs = try arguments.number("runs", in: 1...10_000) ?? 15
    let slowest = try arguments.number("top", in: 1...100_000)
    if let threads = try arguments.number("threads", in: 1...1024) { Engine.threadCount = threads }
    let subjects = try arguments.subjects()
    let tracePath = arguments.value("trace")
    guard subjects.count == 1 || tracePath == nil else {
      throw StrataError(.argument, "--trace takes the steps of one network, got \(subjects.count)")
    }
    var inputs: [Shape] = []
    for subject in subjects {
      var input = try arguments.input(of: subject)
      if let batch { input = Shape([batch] + input.dropFirst()) }
      // What does not fit is said before anything is measured.
      _ = try subject.summary(input: input)
      inputs.append(input)
    }
    let ceilings = try MachineCeilings.measure()
    var documents: [JSONValue] = []
    for (index, (subject, input)) in zip(subjects, inputs).enumerated() {
      let profile = try ModelProfile(subject.model, input: input, runs: runs, ceilings: ceilings)
      // The next network needs the memory that this one's plans hold.
      Engine.clearCache()
      if let tracePath {
        try FileSystem.write(Array(profile.trace.serialized(indented: false).utf8), to: tracePath)
      }
      documents.append(profile.json(named: subject.name))
      if arguments.has(.json) { continue }
      let heading = subjects.count > 1 ? "\(index > 0 ? "\n" : "")\(subject.name)\n\n" : ""
      try Output.print(heading + profile.text(slowest: slowest))
    }
    if arguments.has(.json) { try Output.print(.documents(documents)) }
    return .done
  }
}

extension ModelProfile {
  fileprivate func json(named name: String) -> JSONValue {
    let layers = self.layers.map { layer in
      [
        "path": .string(layer.path), "type": .string(layer.typeName), "operation": .string(layer.operation),
        "implementations": .array(layer.implementations.map { .string($0) }),
        "ms": .number(layer.seconds * 1000), "reorder_ms": .number(layer.reorderSeconds * 1000),
        "gflops": .number(layer.flopsPerSecond / 1e9), "gb_per_second": .number(layer.bytesPerSecond / 1e9),
        "flops": .integer(layer.flops), "bytes": .integer(layer.bytes),
        "of_bound": .number(layer.efficiency(ceilings)),
        "within": layer.within.map(JSONValue.string) ?? .null,
      ] as JSONValue
    }
    return [
      "model": .string(name),
      "input": .shape(input),
      "threads": .integer(threads),
      "runs": .integer(runs),
      "median_ms": .number(seconds * 1000),
      "peak_gflops": .number(ceilings.flops / 1e9),
      "peak_gb_per_second": .number(ceilings.bandwidth / 1e9),
      "layers": .array(layers),
    ]
  }

  /// The steps in the format of Chrome's trace viewer.
  fileprivate var trace: JSONValue {
    let events = self.events.map { event in
      [
        "name": .string(event.layer.isEmpty ? event.operation : event.layer), "cat": .string(event.operation),
        "ph": "X", "ts": .number(event.start), "dur": .number(event.duration), "pid": 1, "tid": 1,
        "args": ["operation": .string(event.operation), "implementation": .string(event.implementation)],
      ] as JSONValue
    }
    return ["traceEvents": .array(events), "displayTimeUnit": "ms"]
  }
}
