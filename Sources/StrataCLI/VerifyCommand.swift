import Strata

extension Command {
  /// Checks networks against their specifications.
  static let verify = Command(
    name: "verify", summary: "Check networks against their specifications, property by property.",
    details: """
      MODEL may be `all`: the four networks of the lab. Layers and their settings, the sizes of feature maps,
      the parameters and the arithmetic are compared with the specification; then the network runs on random
      images. The exit status is 1 if any property does not hold.
      """,
    operands: .some("MODEL"),
    options: [
      .classes,
      Option(name: "input", value: "N,C,H,W", summary: "The shape of the input (1,3,224,224)."),
      Option(name: "seed", value: "S", summary: "The seed of weights and images (0)."),
      .json,
    ]
  ) { arguments in
    let sizes = try arguments.numbers("input", example: "1,3,224,224", in: 1...Int.max) ?? [1, 3, 224, 224]
    let seed = try arguments.number("seed", in: 0...Int.max) ?? 0
    let options = try arguments.modelOptions()
    let classes = try arguments.classes() ?? 1000
    let names = arguments.operands.contains("all") ? Specification.labNetworks : arguments.operands
    var entries: [ModelEntry] = []
    for name in names { entries += try arguments.entries(name) }

    var results: [(name: String, verification: Verification)] = []
    for entry in entries {
      manualSeed(UInt64(seed))
      guard let specification = Specification.named(entry.name, classes: classes) else {
        throw StrataError(.argument, "there is no specification of \(entry.name) to verify it against")
      }
      let result = try Verification(
        entry.make(options), against: specification, input: Shape(sizes), seed: UInt64(seed))
      if !arguments.has(.json) {
        try Output.print((results.isEmpty ? "" : "\n") + result.text(named: entry.name))
      }
      results.append((entry.name, result))
    }
    if arguments.has(.json) {
      let documents = results.map { $0.verification.json(named: $0.name) }
      try Output.print(documents.count == 1 ? documents[0] : .array(documents))
    }
    return results.allSatisfy(\.verification.ok) ? .done : .no
  }
}

extension Verification {
  fileprivate func json(named name: String) -> JSONValue {
    let checks = self.checks.map { check in
      [
        "name": .string(check.name), "ok": .bool(check.ok), "expected": .string(check.expected),
        "found": .string(check.found),
      ] as JSONValue
    }
    return [
      "model": .string(name),
      "ok": .bool(ok),
      "output_shape": outputShape.map { .array($0.map { .integer($0) }) } ?? .null,
      "parameters": .integer(parameters),
      "macs": macs.map { .integer($0) } ?? .null,
      "checks": .array(checks),
    ]
  }

  fileprivate func text(named name: String) -> String {
    let passed = checks.count { $0.ok }
    let lines = [Output.coloured(name, .bold)] + checks.map { "  " + $0.line }
    return (lines + ["\(passed) of \(checks.count) properties hold"]).joined(separator: "\n")
  }
}
