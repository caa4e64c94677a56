import Strata

extension Command {
  /// Lists the networks.
  static let models = Command(
    name: "models", summary: "List the networks that can be built.",
    details: "PATTERN may hold `*` for any text, as in 'resnet*'.",
    operands: .any("PATTERN"), options: [.json]
  ) { arguments in
    var entries: [ModelEntry] = []
    for word in arguments.operands { entries += try arguments.entries(word) }
    if arguments.operands.isEmpty { entries = ModelRegistry.entries }
    if arguments.has(.json) {
      try Output.print(
        .array(
          try entries.map { entry in
            [
              "name": .string(entry.name), "parameters": .integer(try entry.parameterCount()),
              "paper": .string(entry.paper), "year": .integer(entry.year),
            ]
          }))
    } else {
      let rows = try entries.map {
        ($0.name, Text.grouped(try $0.parameterCount()), "\($0.paper), \($0.year)")
      }
      let name = rows.map(\.0.count).max() ?? 0
      let count = rows.map(\.1.count).max() ?? 0
      for row in rows {
        try Output.print(
          row.0.padded(to: name) + "  " + String(repeating: " ", count: count - row.1.count) + row.1 + "  "
            + row.2)
      }
    }
    return .done
  }
}

extension String {
  /// The text with blanks behind it.
  func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
