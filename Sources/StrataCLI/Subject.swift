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

  /// Throws where shapes and costs cannot be given.
  func requireFlow() throws(StrataError) {
    if let limitation { throw StrataError(.argument, "\(name): \(limitation)") }
  }

  /// The network of an entry.
  init(_ entry: ModelEntry, _ options: ModelOptions) throws(StrataError) {
    name = entry.name
    model = try entry.make(options)
    imageShape = Shape([options.inputChannels ?? entry.imageShape[0]] + entry.imageShape.dropFirst())
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
  /// The network that an operand stands for: one of the registry, a file with what PyTorch prints, or `-` for that
  /// text on standard input.
  func subject(_ word: String) throws(StrataError) -> Subject {
    if word == "-" { return try Subject(printed: try standardInput(), name: "standard input") }
    do throws(StrataError) {
      return try Subject(try ModelRegistry.entry(named: word), try modelOptions())
    } catch {
      // A name that is no network's may be a file's; what looks like neither is taken for a network's.
      guard let bytes = try? FileSystem.read(word) else {
        guard word.contains("/") || word.hasSuffix(".txt") else { throw error }
        throw StrataError(.file, "\(word) cannot be read")
      }
      return try Subject(printed: String(decoding: bytes, as: UTF8.self), name: word)
    }
  }

  /// The networks that all operands stand for. Where all are of the registry, their entries; else all of them.
  func subjects() throws(StrataError) -> (registered: [ModelEntry]?, all: [Subject]) {
    var entries: [ModelEntry] = []
    var isRegistered = true
    for word in operands {
      if word == "all" {
        entries += ModelRegistry.entries
      } else if let found = try? ModelRegistry.resolve(word) {
        entries += found
      } else if word.contains("*") {
        entries += try ModelRegistry.resolve(word)
      } else {
        isRegistered = false
      }
    }
    if isRegistered { return (entries, []) }
    var subjects: [Subject] = []
    for word in operands {
      guard word == "all" || word.contains("*") else {
        subjects.append(try subject(word))
        continue
      }
      let found = word == "all" ? ModelRegistry.entries : try ModelRegistry.resolve(word)
      for entry in found { subjects.append(try Subject(entry, try modelOptions())) }
    }
    return (nil, subjects)
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
    try givenInput() ?? Shape([1] + subject.imageShape)
  }

  /// Whether an option without a value was given.
  func has(_ name: String) -> Bool { has(Option(name: name, summary: "")) }
}

extension Option {
  static let input = Option(
    name: "input", value: "N,C,H,W", summary: "The shape of the input (one image of the network's own size).")
  static let csv = Option(name: "csv", summary: "Print comma-separated values.")
}

extension JSONValue {
  /// A shape as an array.
  static func shape(_ shape: Shape) -> JSONValue { .array(shape.map { .integer($0) }) }
  /// A height and a width as an array, or null.
  static func pair(_ pair: IntPair?) -> JSONValue {
    pair.map { [.integer($0.height), .integer($0.width)] } ?? .null
  }
}
