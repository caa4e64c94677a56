import Strata

extension Command {
  /// Names pictures.
  static let predict = Command(
    name: "predict", summary: "Name pictures: the likeliest classes with their probabilities.",
    details: """
      After MODEL come pictures (JPEG, PNG), folders and patterns such as 'photos/*.jpg'. A picture that cannot be
      read is reported and the others go on; the exit status is then 1. Labels are a text file of one name a line
      or a JSON file. With --explain the picture is written with a heat map of what speaks for its first class.
      """,
    operands: .some("MODEL IMAGE"),
    options: [
      Option(
        name: "weights", value: "W", summary: "The weights: safetensors, .pth or .npz.", isRequired: true),
      Option(name: "top", value: "K", summary: "Classes to name (5)."),
      Option(name: "labels", value: "FILE", summary: "The names of the classes."),
      Option(name: "batch", value: "N", summary: "Pictures that run at once (8)."),
      Option(
        name: "explain", value: "OUT.png", summary: "Write a heat map over the only picture (Grad-CAM)."),
      .classes, .json,
    ]
  ) { arguments in
    var prediction = try Prediction(arguments)
    return try prediction.run()
  }
}

/// One run of `strata predict`.
private struct Prediction {
  let arguments: Arguments
  let classifier: Classifier
  let top: Int
  let batch: Int
  let paths: [String]
  private var results: [JSONValue] = []
  private var hasFailed = false

  init(_ arguments: Arguments) throws(StrataError) {
    self.arguments = arguments
    top = try arguments.number("top", in: 1...ModelOptions.classRange.upperBound) ?? 5
    batch = try arguments.number("batch", in: 1...4096) ?? 8
    guard arguments.operands.count > 1 else { throw StrataError(.argument, "needs pictures behind MODEL") }
    let subject = try arguments.subject(arguments.operands[0])
    guard subject.imageShape[0] == 3 else {
      throw StrataError(
        .argument, "\(subject.name) takes \(subject.imageShape[0]) channels, and pictures have 3")
    }
    let labels = try arguments.value("labels").map { path throws(StrataError) in try Labels(contentsOf: path)
    }
    try subject.model.load(try arguments.required("weights"))
    classifier = Classifier(
      subject.model, preset: ImagePreset(forSide: subject.imageShape[1]), labels: labels ?? Labels([]))
    var paths: [String] = []
    var failures: [(String, StrataError)] = []
    for word in arguments.operands.dropFirst() {
      do throws(StrataError) { paths += try ImageFiles.expand(word) } catch { failures.append((word, error)) }
    }
    self.paths = paths
    for (word, error) in failures { report(word, error) }
    if arguments.value("explain") != nil, paths.count != 1 {
      throw StrataError(.argument, "--explain takes one picture, got \(paths.count)")
    }
  }

  mutating func run() throws -> ExitStatus {
    var waiting: [(path: String, image: Image)] = []
    for path in paths {
      do throws(StrataError) { waiting.append((path, try Image(contentsOf: path))) } catch {
        report(path, error)
      }
      if waiting.count == batch { try name(&waiting) }
    }
    try name(&waiting)
    if arguments.has(.json) { try Output.print(.array(results)) }
    return hasFailed ? .no : .done
  }

  private mutating func report(_ path: String, _ error: StrataError) {
    hasFailed = true
    results.append(["image": .string(path), "error": .string(error.message)])
    Output.complain("strata predict: \(error)")
  }

  private mutating func name(_ waiting: inout [(path: String, image: Image)]) throws {
    let predictions = try classifier.predict(waiting.map(\.image), top: top)
    for ((path, image), likeliest) in zip(waiting, predictions) {
      if let target = arguments.value("explain") { try explain(image, likeliest[0].index, target) }
      results.append(["image": .string(path), "predictions": .array(likeliest.map(\.json))])
      if arguments.has(.json) { continue }
      try Output.print(Output.coloured(path, .bold))
      let width = likeliest.map { Text.width($0.label) }.max() ?? 0
      for prediction in likeliest { try Output.print("  " + prediction.line(width)) }
    }
    waiting = []
  }

  private func explain(_ image: Image, _ index: Int, _ target: String) throws {
    let map = try GradCAM(of: classifier.model, input: classifier.preset.batch(of: [image]), index: index)
    // The network saw the crop of the preset; the map belongs to that.
    try FileSystem.write(try map.overlay(on: classifier.preset.image(of: image)).encodedPNG(), to: target)
  }
}

extension ImagePreset {
  /// The usual preset for square inputs of a side: resized to 8/7 of it, then cropped.
  fileprivate init(forSide side: Int) { self.init(resize: side * 256 / 224, crop: side) }
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
