import Strata

/// A network that a command was asked about, and what it is called.
struct Subject {
  /// The name in the registry, or the file that it was read from.
  let name: String
  /// The network.
  let model: Module
  /// The shape of the images that it was made for.
  let imageShape: Shape
}

extension Arguments {
  /// The network that an operand stands for.
  func subject(_ word: String) throws(StrataError) -> Subject {
    let entry = try ModelRegistry.entry(named: word)
    return Subject(name: entry.name, model: try entry.make(try modelOptions()), imageShape: entry.imageShape)
  }

  /// The input asked for, or one image of the network's own size.
  func input(of subject: Subject) throws(StrataError) -> Shape {
    if let sizes = try numbers("input", example: "1,3,224,224", in: 1...Int.max) { return Shape(sizes) }
    return Shape([1] + subject.imageShape)
  }
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
