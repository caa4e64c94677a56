import Strata

/// A network that a command was asked about, and what it is called.
struct Subject {
  /// The name in the registry, or the file that it was read from.
  let name: String
  /// The network.
  let model: Module
  /// The shape of the images that it was made for.
  let imageShape: Shape
  /// Why only its parameters can be given, where that is so.
  var limitation: String?
  /// Whether the network came with its weights.
  var holdsWeights = false
  /// The number of images that a call must have, where the network fixes it.
  var batchSize: Int?

  /// Throws where shapes and costs cannot be given.
  func requireFlow() throws(StrataError) {
    if let limitation { throw StrataError(.argument, "\(name): \(limitation)") }
  }

  /// What the network consists of and costs; what is wrong names the network.
  func summary(input: Shape) throws(StrataError) -> ModelSummary {
    try requireFlow()
    do throws(StrataError) {
      return try model.summary(input: input)
    } catch {
      throw StrataError(error.kind, "\(name): \(error.message)")
    }
  }

  /// The network of an entry.
  init(_ entry: ModelEntry, _ options: ModelOptions) throws(StrataError) {
    name = entry.name
    model = try entry.make(options)
    imageShape = Shape([options.inputChannels ?? entry.imageShape[0]] + entry.imageShape.dropFirst())
  }

  /// The network of an ONNX model.
  init(onnx path: String) throws(StrataError) {
    let network = try ONNXNetwork(contentsOf: path)
    name = path
    model = network
    imageShape = network.imageShape
    holdsWeights = true
    batchSize = network.batchSize
  }

  /// The network that a file of weights fits, with those weights. Where it fits several, the first one is taken, and
  /// the message says so.
  init(weights path: String, classes: Int?) throws(StrataError) {
    let archive = try Weights.read(path)
    let fits = WeightInspection.fits(archive)
    guard let fit = fits.first else {
      throw StrataError(
        .argument,
        "\(path) holds weights that fit no network that is known: give a name, and --weights \(path)")
    }
    if let classes, let own = fit.classes, classes != own {
      throw StrataError(.argument, "\(path) holds \(fit.model) with \(own) classes, not \(classes)")
    }
    if fits.count > 1 {
      let others = fits.dropFirst().map(\.model).joined(separator: ", ")
      Output.complain("\(path) is taken for \(fit.model); it also fits \(others)")
    }
    var options = ModelOptions()
    options.classes = fit.classes
    try self.init(try ModelRegistry.entry(named: fit.model), options)
    try model.load(archive, from: path)
    holdsWeights = true
  }

  /// The network of a printed text.
  init(printed text: String, name: String) throws(StrataError) {
    do throws(StrataError) {
      let printed = try PrintedNetwork(parsing: text)
      self.name = name
      model = printed.model
      // The registry knows the size that a network was made for; others take what most do.
      let channels = printed.model.modules.lazy.compactMap { ($0 as? Conv2d)?.inChannels }.first ?? 3
      imageShape = Shape([channels] + (printed.entry?.imageShape ?? [3, 224, 224]).dropFirst())
      limitation = printed.limitation
    } catch {
      throw StrataError(error.kind, "\(name): \(error.message)")
    }
  }
}

extension Arguments {
  /// The network that an operand stands for: one of the registry, an ONNX model, a file of weights that fit one of the
  /// registry, a file with what PyTorch prints, or `-` for that text on standard input.
  func subject(_ word: String) throws(StrataError) -> Subject {
    if word == "-" { return try printed(try standardInput(), "standard input") }
    do throws(StrataError) {
      return try Subject(try entry(word), try modelOptions())
    } catch {
      // A name that is no network's may be a file's; what looks like neither is taken for a network's.
      guard (try? ModelRegistry.resolve(word)) == nil, !word.contains("*") else { throw error }
      switch Weights.content(word) {
      case .weights: return try Subject(weights: word, classes: try classes())
      case .model: return try onnxSubject(word)
      case nil where word.lowercased().hasSuffix(".onnx"): return try onnxSubject(word)
      case nil:
        guard let bytes = try? FileSystem.read(word) else {
          guard word.contains("/") || word.hasSuffix(".txt") || Weights.isWeightsFile(word) else {
            throw error
          }
          throw StrataError(.file, "\(word) cannot be read")
        }
        return try printed(String(decoding: bytes, as: UTF8.self), word)
      }
    }
  }

  private func onnxSubject(_ path: String) throws(StrataError) -> Subject {
    guard try modelOptions() == ModelOptions() else {
      throw StrataError(.argument, "\(path): an ONNX model is as it is, and takes no options")
    }
    return try Subject(onnx: path)
  }

  private func printed(_ text: String, _ name: String) throws(StrataError) -> Subject {
    guard try modelOptions() == ModelOptions() else {
      throw StrataError(.argument, "\(name): a printed network is as it is, and takes no options")
    }
    return try Subject(printed: text, name: name)
  }

  /// The network that an operand stands for, with weights: its own, or those that `--weights` names.
  func weightedSubject(_ word: String) throws(StrataError) -> Subject {
    let subject = try subject(word)
    try load(into: subject)
    return subject
  }

  /// Loads the weights that `--weights` names, which must be given where the network has none of its own.
  func load(into subject: Subject) throws(StrataError) {
    switch (value("weights"), subject.holdsWeights) {
    case (let path?, false): try load(path, into: subject)
    case (nil, true): break
    case (nil, false): throw StrataError(.argument, "needs \(Option.weights.usage)")
    case (_?, true):
      throw StrataError(.argument, "--weights is for networks by name: \(operands[0]) holds its own")
    }
  }

  /// Loads a file; where it does not fit, the error says what it fits, as far as that is known.
  private func load(_ path: String, into subject: Subject) throws(StrataError) {
    let archive = try Weights.read(path)
    do throws(StrataError) { try subject.model.load(archive, from: path) } catch {
      let fits = WeightInspection.fits(archive).map { fit in
        fit.model + (fit.classes.map { " with \($0) classes" } ?? "")
      }
      guard !fits.isEmpty else { throw error }
      throw StrataError(error.kind, "\(error.message); the file fits \(fits.joined(separator: " and "))")
    }
  }

  /// The networks that an operand stands for: those that fit a pattern, `all`, or one.
  func subjects(_ word: String) throws(StrataError) -> [Subject] {
    guard word == "all" || word.contains("*") else { return [try subject(word)] }
    let options = try modelOptions()
    var subjects: [Subject] = []
    for entry in try entries(word) { subjects.append(try Subject(entry, options)) }
    return subjects
  }

  /// The networks that all operands stand for.
  func subjects() throws(StrataError) -> [Subject] {
    var subjects: [Subject] = []
    for word in operands { subjects += try self.subjects(word) }
    return subjects
  }

  /// The entries of all operands where all of them are of the registry, which can then be made side by side.
  func registered() throws(StrataError) -> [ModelEntry]? {
    var entries: [ModelEntry] = []
    for word in operands {
      guard word == "all" || word.contains("*") || (try? ModelRegistry.resolve(word)) != nil else {
        return nil
      }
      entries += try self.entries(word)
    }
    return entries
  }

  /// What stands on standard input.
  private func standardInput() throws(StrataError) -> String {
    var text = ""
    while let line = readLine(strippingNewline: false) {
      text += line
      guard text.utf8.count < 1 << 26 else {
        throw StrataError(.format, "standard input is too long for a network")
      }
    }
    return text
  }

  /// The input asked for, where one was.
  func givenInput() throws(StrataError) -> Shape? {
    try numbers("input", example: "1,3,224,224", in: 1...Int.max).map { Shape($0) }
  }

  /// The input asked for, or one image of the network's own size.
  func input(of subject: Subject) throws(StrataError) -> Shape {
    try givenInput() ?? Shape([subject.batchSize ?? 1] + subject.imageShape)
  }

  /// Whether an option without a value was given.
  func has(_ name: String) -> Bool { has(Option(name: name, summary: "")) }
}

extension Option {
  static let input = Option(
    name: "input", value: "N,C,H,W", summary: "The shape of the input (one image of the network's own size).")
  static let weights = Option(
    name: "weights", value: "W", summary: "The weights: safetensors, .pth or .npz.")
  static let csv = Option(name: "csv", summary: "Print comma-separated values.")
  static let markdown = Option(name: "markdown", summary: "Print Markdown.")
}

extension Weights {
  /// Whether a word names a file of weights.
  static func isWeightsFile(_ word: String) -> Bool {
    [".safetensors", ".safetensors.index.json", ".pth", ".pt", ".bin", ".ckpt", ".npz"]
      .contains { word.hasSuffix($0) }
  }
}

extension JSONValue {
  /// A document for each network, or the one alone.
  static func documents(_ documents: [JSONValue]) -> JSONValue {
    documents.count == 1 ? documents[0] : .array(documents)
  }

  /// A shape as an array.
  static func shape(_ shape: Shape) -> JSONValue { .array(shape.map { .integer($0) }) }
  /// A height and a width as an array, or null.
  static func pair(_ pair: IntPair?) -> JSONValue {
    pair.map { [.integer($0.height), .integer($0.width)] } ?? .null
  }
}
