import Strata

extension Command {
  /// Lists what a file of weights holds.
  static let inspect = Command(
    name: "inspect",
    summary: "List the tensors of a file of weights, what is odd about them, and whom they fit.",
    operands: .one("FILE"), options: [.json]
  ) { arguments in
    let inspection = WeightInspection(try Weights.read(arguments.operands[0]))
    try arguments.has(.json) ? Output.print(inspection.json) : Output.print(inspection.text)
    return .done
  }

  /// Rewrites weights in another format.
  static let convert = Command(
    name: "convert", summary: "Rewrite weights in another format, type or naming.",
    details: """
      IN may be safetensors (or its index), a PyTorch checkpoint, .npz, .npy or an ONNX model; OUT's extension names
      the format: safetensors, pth, npz or npy.
      A rule to rename is OLD=NEW; one * on each side stands for the same text, and an empty NEW drops the tensor.
      Rules are separated by commas, and the first that fits counts. --fold-bn moves batch norms into the
      convolutions before them; the names stay, so the result loads into the same network.
      """,
    operands: .some("IN OUT"),
    options: [
      Option(name: "dtype", value: "f32|f16|bf16", summary: "The element type to store."),
      Option(name: "rename", value: "RULES", summary: "How to rename tensors, as in 'module.*=*'."),
      .foldBatchNorm,
      Option(
        name: "model", value: "MODEL", summary: "The network for --fold-bn, where the weights fit several."),
      .classes,
    ]
  ) { arguments in
    guard arguments.operands.count == 2 else {
      throw StrataError(.argument, "needs IN and OUT, got \(arguments.operands.count) words")
    }
    let dtypes = ["f32": DType.float32, "f16": .float16, "bf16": .bfloat16]
    let dtype = try arguments.choice("dtype", of: ["f32", "f16", "bf16"]).flatMap { dtypes[$0] }
    var rules: [RenameRule] = []
    for rule in (arguments.value("rename") ?? "").split(separator: ",") {
      rules.append(try RenameRule(String(rule)))
    }
    var archive = try Weights.read(arguments.operands[0]).renamed(rules)
    if arguments.has(.foldBatchNorm) { archive = try arguments.folded(archive) }
    if let dtype { archive = archive.converted(to: dtype) }
    try Weights.write(archive, to: arguments.operands[1])
    return .done
  }

  /// Writes a network with its weights as ONNX.
  static let export = Command(
    name: "export", summary: "Write a network with its weights as an ONNX model.",
    details:
      "The model has opset 17, its input is `input`, its output `output`, and the batch may have any size.",
    operands: .one("MODEL"),
    options: [
      .weights,
      Option(name: "output", value: "OUT.onnx", summary: "Where to write the model.", isRequired: true),
      .foldBatchNorm,
      .classes,
    ]
  ) { arguments in
    let subject = try arguments.weightedSubject(arguments.operands[0])
    let model = subject.model.eval()
    // Two images tell the batch axis from others of size 1.
    let image = Tensor.placeholder(Shape([subject.batchSize ?? 2] + subject.imageShape))
    var options = ONNX.ExportOptions()
    options.name = subject.name
    options.foldsBatchNorm = arguments.has(.foldBatchNorm)
    let exported = try ONNX.export(
      inputs: [("input", image)], outputs: [("output", model(image))],
      variables: model.stateEntries.map { ($0.name, $0.variable) }, options: options)
    try ONNX.write(exported, to: try arguments.required("output"))
    return .done
  }

  /// Finds where a network departs from another framework's.
  static let parity = Command(
    name: "parity", summary: "Find the first module whose output differs from another framework's.",
    details: """
      The reference is a safetensors or .npz file, or a folder of .npy files, that holds the outputs of modules
      under their paths, the network's input under `input` and its output under `output`. Docs/parity.md has the
      ten lines of PyTorch that make one. The exit status is 1 where an output is beyond the tolerance.
      """,
    operands: .one("MODEL"),
    options: [
      .weights,
      Option(
        name: "reference", value: "DIR|FILE", summary: "The other framework's outputs.", isRequired: true),
      Option(
        name: "tolerance", value: "T", summary: "The deviation accepted, of the largest magnitude (1e-4)."),
      .classes, .json,
    ]
  ) { arguments in
    let model = try arguments.weightedSubject(arguments.operands[0]).model
    let text = arguments.value("tolerance") ?? "1e-4"
    guard let tolerance = Double(text), tolerance >= 0 else {
      throw StrataError(.argument, "--tolerance expects a number of at least 0, got \(text)")
    }
    let reference = try TensorArchive(reference: try arguments.required("reference"))
    let search = try ParitySearch(of: model, reference: reference, tolerance: tolerance)
    try arguments.has(.json) ? Output.print(search.json) : Output.print(search.text)
    return search.firstDisagreement == nil && !search.rows.isEmpty ? .done : .no
  }
}

extension Option {
  fileprivate static let foldBatchNorm = Option(
    name: "fold-bn", summary: "Fold batch norms into the convolutions before them.")
}

extension Arguments {
  /// An archive with batch norms folded in the network that was named or that the tensors fit.
  fileprivate func folded(_ archive: TensorArchive) throws -> TensorArchive {
    let name: String
    var options = try modelOptions()
    if let given = value("model") {
      name = given
    } else {
      guard let fit = WeightInspection(archive).fits.first else {
        throw StrataError(.argument, "--fold-bn needs --model: the weights fit no network that is known")
      }
      name = fit.model
      options.classes = options.classes ?? fit.classes
    }
    let entry = try ModelRegistry.entry(named: name)
    return try archive.batchNormFolded(in: try entry.make(options), input: Shape([1] + entry.imageShape))
  }
}

extension TensorArchive {
  /// Reads recorded outputs: a file of tensors, or a folder of `.npy` files called as their modules.
  fileprivate init(reference path: String) throws(StrataError) {
    guard SystemFile.isFolder(path) else {
      self = try Weights.read(path)
      return
    }
    self.init()
    for file in try SystemFile.names(in: path) where file.hasSuffix(".npy") {
      self[String(file.dropLast(4))] = try NumPy.read("\(path)/\(file)")
    }
  }
}

extension WeightInspection {
  fileprivate var fitLines: [String] {
    if fits.isEmpty { return ["fits none of the networks that are known"] }
    return fits.map { "fits \($0.model)" + ($0.classes.map { " with \($0) classes" } ?? "") }
  }

  fileprivate var text: String {
    func number(_ value: Double?) -> String { value.map { DecimalText.general($0, digits: 4) } ?? "–" }
    var table = [["tensor", "type", "shape", "least", "largest", "mean", ""]]
    for row in rows {
      table.append([
        row.name, row.dtype.rawValue, row.shape.description, number(row.range?.low), number(row.range?.high),
        number(row.range?.mean), row.suspicions.joined(separator: ", "),
      ])
    }
    let total =
      "\(rows.count) tensors, \(Text.grouped(elementCount)) elements, \(Text.bytes(Double(byteCount)))"
    let remarks = metadata.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
    return ([Text.table(table), "", total] + remarks + fitLines).joined(separator: "\n")
  }

  fileprivate var json: JSONValue {
    [
      "tensors": .array(
        rows.map { row in
          [
            "name": .string(row.name), "dtype": .string(row.dtype.rawValue), "shape": .shape(row.shape),
            "min": row.range.map { .number($0.low) } ?? .null,
            "max": row.range.map { .number($0.high) } ?? .null,
            "mean": row.range.map { .number($0.mean) } ?? .null,
            "suspicions": .array(row.suspicions.map { .string($0) }),
          ]
        }),
      "elements": .integer(elementCount), "bytes": .integer(byteCount),
      "fits": .array(
        fits.map { ["model": .string($0.model), "classes": $0.classes.map { .integer($0) } ?? .null] }),
    ]
  }
}

extension ParitySearch {
  fileprivate var text: String {
    var lines = rows.map { row in
      let found =
        row.deviation.map { DecimalText.scientific($0, digits: 1) }
        ?? "\(row.shape) instead of \(row.expected)"
      return "\(row.agrees ? "agrees " : "differs")  \(found)  \(row.path): \(row.module)"
    }
    for name in unknown { lines.append("unknown  the reference's \(name) is no module here") }
    if let first = firstDisagreement {
      lines.append("")
      lines.append("The first output that differs is that of \(first.path): \(first.module).")
      lines.append(
        suggestion.map { "It agrees if \($0)." } ?? "No known difference between frameworks explains it.")
    } else {
      lines.append(
        rows.isEmpty
          ? "There is nothing to compare: no name is a module's." : "All \(rows.count) outputs agree.")
    }
    return lines.joined(separator: "\n")
  }

  fileprivate var json: JSONValue {
    [
      "ok": .bool(firstDisagreement == nil && !rows.isEmpty),
      "first": firstDisagreement.map { .string($0.path) } ?? .null,
      "suggestion": suggestion.map { .string($0) } ?? .null,
      "rows": .array(
        rows.map { row in
          [
            "path": .string(row.path), "ok": .bool(row.agrees),
            "deviation": row.deviation.map { .number($0) } ?? .null,
            "shape": .shape(row.shape), "expected": .shape(row.expected),
          ]
        }),
      "unknown": .array(unknown.map { .string($0) }),
    ]
  }
}
