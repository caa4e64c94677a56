import Strata

extension Command {
  /// Names pictures.
  static let predict = Command(
    name: "predict", summary: "Name pictures: the likeliest classes with their probabilities.",
    details: """
      MODEL is a name, or a file that holds weights and tells the network: an ONNX model, or weights that fit one of
      the networks. After it come pictures (JPEG, PNG), folders and patterns such as 'photos/*.jpg'. A picture that cannot be
      read is reported and the others go on; the exit status is then 1. Labels are a text file of one name a line
      or a JSON file. With --explain the picture is written with a heat map of what speaks for its first class.
      --precision int8 looks at the pictures of --calibrate first; what another precision than float32 loses on the
      first pictures is told on standard error.
      Processes that mpirun started share the pictures; the first one prints all, in their order.
      """,
    operands: .some("MODEL IMAGE"),
    options: [
      .weights,
      Option(name: "top", value: "K", summary: "Classes to name (5)."),
      Option(name: "labels", value: "FILE", summary: "The names of the classes."),
      Option(name: "batch", value: "N", summary: "Pictures that run at once (8)."),
      Option(
        name: "explain", value: "OUT.png", summary: "Write a heat map over the only picture (Grad-CAM)."),
      .classes, .precision, .calibrate, .saveCalibration, .json,
    ] + Job.options
  ) { arguments in
    try Job.run("predict", arguments) { ranks in
      var prediction = try Prediction(arguments, ranks)
      return try prediction.run()
    }
  }
}

/// One run of `strata predict`.
private struct Prediction {
  let arguments: Arguments
  let classifier: Classifier
  let top: Int
  let batch: Int
  let paths: [String]
  let precision: Precision
  let ranks: any Communicator
  private var results: [JSONValue] = []
  private var hasFailed = false
  private var isLossKnown = false
  /// What a process that is not the first would print and complain of.
  private var lines: [String] = []
  private var complaints: [String] = []

  init(_ arguments: Arguments, _ ranks: any Communicator) throws(StrataError) {
    self.arguments = arguments
    self.ranks = ranks
    top = try arguments.number("top", in: 1...ModelOptions.classRange.upperBound) ?? 5
    let batch = try arguments.number("batch", in: 1...4096)
    let name = try arguments.precisionName()
    guard name != .int8 || arguments.value("calibrate") != nil else {
      throw StrataError(
        .argument,
        "--precision int8 needs --calibrate with pictures such as will come, to see in which range numbers lie"
      )
    }
    guard arguments.operands.count > 1 else { throw StrataError(.argument, "needs pictures behind MODEL") }
    let subject = try arguments.subject(arguments.operands[0])
    self.batch = batch ?? subject.batchSize ?? 8
    guard subject.imageShape[0] == 3 else {
      throw StrataError(
        .argument, "\(subject.name) takes \(subject.imageShape[0]) channels, and pictures have 3")
    }
    let labels = try arguments.value("labels").map { path throws(StrataError) in try Labels(contentsOf: path)
    }
    try arguments.load(into: subject)
    let preset = ImagePreset(forSide: subject.imageShape[1])
    classifier = Classifier(subject.model, preset: preset, labels: labels ?? Labels([]))
    precision = try arguments.precision(name) { () throws(StrataError) in
      try arguments.calibration(of: subject) ?? Calibration(layers: [:])
    }
    var paths: [String] = []
    var failures: [(String, StrataError)] = []
    for word in arguments.operands.dropFirst() {
      do throws(StrataError) { paths += try ImageFiles.expand(word) } catch { failures.append((word, error)) }
    }
    self.paths = paths
    if ranks.isRoot { for (word, error) in failures { report(word, error) } }
    if arguments.value("explain") != nil, paths.count != 1 {
      throw StrataError(.argument, "--explain takes one picture, got \(paths.count)")
    }
  }

  mutating func run() throws -> ExitStatus {
    var waiting: [(path: String, image: Image)] = []
    // Each process names a run of pictures, so that all results one after the other are in order.
    for path in paths[ranks.rank * paths.count / ranks.size..<(ranks.rank + 1) * paths.count / ranks.size] {
      do throws(StrataError) { waiting.append((path, try Image(contentsOf: path))) } catch {
        report(path, error)
      }
      if waiting.count == batch { try name(&waiting) }
    }
    try name(&waiting)
    try takeOthers()
    if arguments.has(.json) { try Output.print(.array(results)) }
    return hasFailed ? .no : .done
  }

  /// Brings the results of all processes to the first one.
  private mutating func takeOthers() throws {
    for rank in 1..<max(ranks.size, 1) {
      let own: JSONValue = [
        "results": .array(results), "lines": .array(lines.map(JSONValue.string)),
        "complaints": .array(complaints.map(JSONValue.string)),
      ]
      let bytes = try ranks.broadcast(
        bytes: rank == ranks.rank ? Array(own.serialized().utf8) : [], from: rank,
        label: "results of rank \(rank)")
      let others = try JSONValue.parse(String(decoding: bytes, as: UTF8.self))
      for complaint in others["complaints"]?.array ?? [] {
        hasFailed = true
        if ranks.isRoot { Output.complain(complaint.string ?? "") }
      }
      guard ranks.isRoot else { continue }
      results += others["results"]?.array ?? []
      for line in others["lines"]?.array ?? [] { try Output.print(line.string ?? "") }
    }
  }

  private mutating func show(_ line: String) throws(StrataError) {
    if ranks.isRoot { try Output.print(line) } else { lines.append(line) }
  }

  private mutating func report(_ path: String, _ error: StrataError) {
    hasFailed = true
    results.append(["image": .string(path), "error": .string(error.message)])
    let complaint = "strata predict: \(error)"
    if ranks.isRoot { Output.complain(complaint) } else { complaints.append(complaint) }
  }

  /// Tells what is lost on the first pictures.
  private mutating func measureLoss(_ images: [Image]) throws {
    guard precision != .float32, !isLossKnown, ranks.isRoot, !images.isEmpty else { return }
    isLossKnown = true
    let loss = try PrecisionLoss(
      of: classifier.model, on: classifier.preset.batch(of: images), in: precision)
    Output.complain("\(precision): \(loss.difference), the first class is \(loss.agreement)")
  }

  private mutating func name(_ waiting: inout [(path: String, image: Image)]) throws {
    try measureLoss(waiting.map(\.image))
    let predictions = try Engine.autocast(to: precision) {
      try classifier.predict(waiting.map(\.image), top: top)
    }
    for ((path, image), likeliest) in zip(waiting, predictions) {
      if let target = arguments.value("explain") { try explain(image, likeliest[0].index, target) }
      results.append(["image": .string(path), "predictions": .array(likeliest.map(\.json))])
      if arguments.has(.json) { continue }
      try show(Output.coloured(path, .bold))
      let width = likeliest.map { Text.width($0.label) }.max() ?? 0
      for prediction in likeliest { try show("  " + prediction.line(width)) }
    }
    waiting = []
  }

  private func explain(_ image: Image, _ index: Int, _ target: String) throws {
    let map = try GradCAM(of: classifier.model, input: classifier.preset.batch(of: [image]), index: index)
    // The network saw the crop of the preset; the map belongs to that.
    try FileSystem.write(try map.overlay(on: classifier.preset.image(of: image)).encodedPNG(), to: target)
  }
}

extension Classifier.Prediction {
  fileprivate var json: JSONValue {
    ["index": .integer(index), "label": .string(label), "probability": .number(Double(probability))]
  }

  /// `owl           93.1%  ██████████████████▋`, the bar only where somebody looks.
  fileprivate func line(_ width: Int) -> String {
    let percent = DecimalText.fixed(Double(probability) * 100, digits: 1) + "%"
    let blanks = String(repeating: " ", count: max(0, width - Text.width(label) + 8 - percent.count))
    guard Output.showsColour else { return label + blanks + percent }
    let eighths = Int((Double(probability) * 160).rounded())
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    return label + blanks + percent + "  " + String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
  }
}
