import Strata

extension Option {
  static let precision = Option(
    name: "precision", value: "P",
    summary: "What convolutions and linear layers multiply: float32, bfloat16, float16 or int8 (float32).")
  static let calibrate = Option(
    name: "calibrate", value: "WHERE",
    summary:
      "For int8: a picture, a folder or a pattern of such as will come, or a calibration that was saved.")
  static let saveCalibration = Option(
    name: "save-calibration", value: "FILE", summary: "Keep the calibration (JSON).")
}

extension Arguments {
  /// The name of the precision asked for, float32 where none was; refused where the processor has no instructions.
  func precisionName() throws(StrataError) -> Precision.Name {
    var name = Precision.Name.float32
    if let text = value("precision") {
      guard let known = Precision.Name(text) else {
        let names = Precision.Name.allCases.map(\.rawValue).joined(separator: ", ")
        throw StrataError(.argument, "--precision expects one of \(names), got \(text)")
      }
      name = known
    }
    for option in ["calibrate", "save-calibration"] where value(option) != nil && name != .int8 {
      throw StrataError(.argument, "--\(option) goes with --precision int8")
    }
    // Before pictures are looked at.
    let precision = try precision(name) { () throws(StrataError) in Calibration(layers: [:]) }
    _ = try Engine.configuration.backend.computing(in: precision)
    return name
  }

  /// The precision of a name; int8 is calibrated.
  func precision(
    _ name: Precision.Name, calibration: () throws(StrataError) -> Calibration
  ) throws(StrataError) -> Precision {
    switch name {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .float16: .float16
    case .int8: .int8(try calibration())
    }
  }

  /// The calibration that `--calibrate` leads to, kept where that is asked for; nil where the option is not given.
  func calibration(of subject: Subject) throws(StrataError) -> Calibration? {
    guard let place = value("calibrate") else { return nil }
    if place.lowercased().hasSuffix(".json") { return try keep(try Calibration(contentsOf: place)) }
    let paths = try ImageFiles.expand(place)
    guard !paths.isEmpty else { throw StrataError(.file, "\(place): there is no picture to calibrate on") }
    guard subject.imageShape[0] == 3 else {
      throw StrataError(
        .argument, "\(subject.name) takes \(subject.imageShape[0]) channels, and pictures have 3")
    }
    let preset = ImagePreset(forSide: subject.imageShape[1])
    return try keep(try subject.model.calibrate(onPictures: paths, preset: preset))
  }

  /// Writes a calibration where `--save-calibration` says.
  func keep(_ calibration: Calibration) throws(StrataError) -> Calibration {
    if let path = value("save-calibration") { try calibration.save(path) }
    return calibration
  }
}

extension ImagePreset {
  /// The usual preset for square inputs of a side: resized to 8/7 of it, then cropped.
  init(forSide side: Int) { self.init(resize: side * 256 / 224, crop: side) }
}

extension PrecisionLoss {
  /// `scores differ from float32's by 0.20% of the largest at most`.
  var difference: String {
    let percent = DecimalText.fixed(largestDifference * 100, digits: 2)
    return "scores differ from float32's by \(percent)% of the largest at most"
  }

  /// `the same for 8 of 8 images`.
  var agreement: String { "the same for \(sameFirstClass) of \(images) images" }

  /// The members of a document.
  var json: JSONObject {
    ["largest_difference": .number(largestDifference), "same_first_class": .integer(sameFirstClass)]
  }
}
