import Strata

extension Command {
  /// Makes data to learn from.
  static let data = Command(
    name: "data", summary: "Make a set of labelled pictures to learn from: strata data shapes -o DIR.",
    details: """
      shapes draws these, in all colours, sizes and angles on noisy grounds:
      \(ToyShape.allCases.map(\.rawValue).joined(separator: ", ")).
      Of every five pictures four go to DIR/train/CLASS and the last to DIR/val/CLASS, as PNG files. The same
      seed gives the same pictures.
      """,
    operands: .one("shapes"),
    options: [
      Option(name: "output", value: "DIR", summary: "The new folder.", isRequired: true),
      Option(name: "count", value: "N", summary: "How many pictures (2000)."),
      Option(name: "size", value: "S", summary: "Their width and height in pixels (32)."),
      Option(
        name: "classes", value: "K", summary: "How many shapes (5), or which: ring,heart,arrow."),
      Option(name: "seed", value: "SEED", summary: "What the pictures follow from (0)."),
      .force,
    ]
  ) { arguments in
    guard arguments.operands == ["shapes"] else {
      throw Arguments.unknown("set", arguments.operands[0], in: ["shapes"], isListed: true)
    }
    let folder = try arguments.required("output")
    let set = try ShapesDataset(
      count: arguments.number("count", in: 1...10_000_000) ?? 2000,
      size: arguments.number("size", in: 8...1024) ?? 32, shapes: shapes(arguments),
      seed: UInt64(arguments.number("seed", in: 0...Int.max) ?? 0))
    try set.write(to: folder, replacing: arguments.has(.force))
    let names = set.classNames.joined(separator: ", ")
    try Output.print(
      "\(folder): \(set.count - set.count / 5) pictures in train, \(set.count / 5) in val, "
        + "\(set.size) × \(set.size) pixels: \(names)")
    return .done
  }

  /// The shapes that are asked for, by number or by name.
  private static func shapes(_ arguments: Arguments) throws(StrataError) -> [ToyShape] {
    guard let text = arguments.value("classes") else { return Array(ToyShape.allCases.prefix(5)) }
    if Double(text) != nil {
      let count = try arguments.number("classes", in: 1...ToyShape.allCases.count) ?? 5
      return Array(ToyShape.allCases.prefix(count))
    }
    var shapes: [ToyShape] = []
    for name in text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
      guard let shape = ToyShape(rawValue: name) else {
        throw Arguments.unknown("shape", name, in: ToyShape.allCases.map(\.rawValue), isListed: true)
      }
      shapes.append(shape)
    }
    return shapes
  }
}

extension Option {
  fileprivate static let force = Option(name: "force", summary: "Replace a set of shapes that is there.")
}
