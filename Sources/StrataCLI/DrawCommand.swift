import Strata

extension Command {
  /// Draws a network.
  static let draw = Command(
    name: "draw", summary: "Draw the architecture of a network, with branches and residual edges.",
    details: """
      The file's name chooses the format: .svg for browsers and documents, .dot for Graphviz. Equal blocks in a row
      are drawn once, with their number. Nothing is computed and no weight allocated. Where MODEL is a pattern that fits
      several networks, a `*` in FILE stands for their names: strata draw 'vgg*' -o '*.svg'.
      """,
    operands: .one("MODEL"),
    options: [
      Option(name: "output", value: "FILE", summary: "Where to write: .svg or .dot.", isRequired: true),
      .input,
      Option(name: "depth", value: "N", summary: "Unfold modules down to this depth (all)."),
      .language,
    ] + Option.network
  ) { arguments in
    let path = try arguments.required("output")
    let depth = try arguments.number("depth", in: 1...1000)
    let language = try arguments.language()
    let write: (ArchitectureDiagram) -> String
    if path.hasSuffix(".svg") {
      write = { $0.svg(depth: depth, language: language) }
    } else if path.hasSuffix(".dot") {
      write = { $0.dot(depth: depth, language: language) }
    } else {
      throw StrataError(.argument, "--output expects a name that ends in .svg or .dot, got \(path)")
    }
    let word = arguments.operands[0]
    let takesMany = path.contains("*")
    for subject in takesMany ? try arguments.subjects(word) : [try arguments.subject(word)] {
      _ = try subject.summary(input: try arguments.input(of: subject))
      let diagram = try ArchitectureDiagram(of: subject.model, input: try arguments.input(of: subject))
      let name = subject.name.split(separator: "/").last.map(String.init) ?? subject.name
      try FileSystem.write(Array(write(diagram).utf8), to: path.replacing("*", with: name))
    }
    return .done
  }
}
