import Strata

extension Command {
  /// Tells what differs between two networks.
  static let diff = Command(
    name: "diff", summary: "Tell what differs between two networks, or a network and a file of weights.",
    details: """
      A and B are networks, files with what PyTorch prints of one, or files of weights, of which names and shapes are
      compared. Lines begin with ~ for what is set differently, - for what B lacks, + for what A lacks, > for what has moved.
      The exit status is 1 where they differ.
      """,
    operands: .some("A B"),
    options: [
      .input, Option(name: "full", summary: "Repeat blocks that differ alike."), .json,
    ] + Option.network
  ) { arguments in
    guard arguments.operands.count == 2 else {
      throw StrataError(.argument, "compares two, got \(arguments.operands.count)")
    }
    let (a, b) = (arguments.operands[0], arguments.operands[1])
    if Weights.isWeightsFile(a) || Weights.isWeightsFile(b) {
      let difference = WeightsDiff(try arguments.weightEntries(a), try arguments.weightEntries(b))
      try Output.print(arguments.has(.json) ? difference.json.serialized(indented: true) : difference.text)
      return difference.isEmpty ? .done : .no
    }
    let (first, second) = (try arguments.subject(a), try arguments.subject(b))
    // Where one cannot be called, layers and parameters are compared alone.
    let canCall = first.limitation == nil && second.limitation == nil
    let difference = try ModelDiff(
      first.model, input: canCall ? try arguments.input(of: first) : nil,
      second.model, input: canCall ? try arguments.input(of: second) : nil)
    if arguments.has(.json) {
      try Output.print(difference.json)
    } else {
      try Output.print(difference.text(full: arguments.has("full")))
    }
    return difference.isEmpty ? .done : .no
  }
}

extension Arguments {
  /// The names and shapes in a file, or of what a network saves.
  fileprivate func weightEntries(_ word: String) throws(StrataError) -> [WeightsDiff.Entry] {
    guard Weights.isWeightsFile(word) else { return WeightsDiff.entries(of: try subject(word).model) }
    return try Weights.read(word).map {
      WeightsDiff.Entry(
        name: $0.name, shape: $0.tensor.shape, isOptional: $0.name.hasSuffix("num_batches_tracked"))
    }
  }
}

extension WeightsDiff {
  fileprivate var json: JSONValue {
    [
      "same": .integer(sameCount),
      "missing": .array(missing.map { ["name": .string($0.name), "shape": .shape($0.shape)] }),
      "surplus": .array(
        surplus.map {
          [
            "name": .string($0.name), "shape": .shape($0.shape),
            "perhaps": suggestions[$0.name].map { .string($0) } ?? .null,
          ]
        }),
      "misshapen": .array(
        misshapen.map {
          ["name": .string($0.name), "expected": .shape($0.expected), "found": .shape($0.found)]
        }),
    ]
  }
}

extension ModelDiff {
  fileprivate var json: JSONValue {
    func totals(_ parameters: Int, _ summary: ModelSummary?) -> JSONValue {
      [
        "parameters": .integer(parameters), "macs": summary.map { .integer($0.macs) } ?? .null,
        "receptive_field": .pair(summary?.field),
      ]
    }
    return [
      "equal": .bool(isEmpty),
      "same_layers": .integer(sameCount),
      "changes": .array(
        changes.map { change in
          [
            "kind": .string(change.kind.rawValue), "path": .string(change.path),
            "new_path": change.newPath.map { .string($0) } ?? .null, "layer": .string(change.layer),
            "details": .array(change.details.map { .string($0) }),
          ]
        }),
      "before": totals(parameters.before, before),
      "after": totals(parameters.after, after),
    ]
  }
}
