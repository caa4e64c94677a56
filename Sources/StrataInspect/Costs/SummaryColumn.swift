import StrataCore

/// A column of a summary's table.
public enum SummaryColumn: String, Sendable, Hashable, CaseIterable {
  /// The module's path, or the operation that a container does itself.
  case layer
  /// The module's class or the operation's name.
  case type
  /// Which call of the module this is.
  case call
  /// The shape of what goes in.
  case input
  /// The shape of what comes out.
  case output
  /// The window.
  case kernel
  /// The elements of parameters, shared ones counted once.
  case params
  /// Those that training changes.
  case trainable
  /// Those that are frozen.
  case frozen
  /// Those that an earlier line has counted.
  case shared
  /// The operations that the convention counts.
  case macs
  /// The share of all operations.
  case share
  /// The share of all parameters.
  case paramshare
  /// Bytes of the results.
  case memory
  /// The window of the image behind an element of the result.
  case field
  /// Pixels between neighbours of the result.
  case stride

  /// The columns that are shown where none are asked for.
  public static let standard: [SummaryColumn] = [
    .layer, .output, .kernel, .params, .macs, .share, .memory, .field,
  ]

  /// What stands above the column in a table for people.
  func title(_ convention: CountingConvention) -> String {
    switch self {
    case .layer: "Layer"
    case .type: "Type"
    case .call: "Call"
    case .input: "Input"
    case .output: "Output"
    case .kernel: "Kernel"
    case .params: "Parameters"
    case .trainable: "Trainable"
    case .frozen: "Frozen"
    case .shared: "Shared"
    case .macs: convention == .torchvision ? "MACs" : "Operations (\(convention.rawValue))"
    case .share: "Share"
    case .paramshare: "Share of parameters"
    case .memory: "Results"
    case .field: "Field"
    case .stride: "Stride"
    }
  }

  /// What stands in the column; empty where there is nothing to say.
  func text(_ row: ModelSummary.Row, of summary: ModelSummary, _ convention: CountingConvention) -> String {
    func number(_ value: Int) -> String { value == 0 ? "" : Text.grouped(value) }
    switch self {
    case .layer: return row.label
    case .type: return row.typeName
    case .call: return row.kind == .layer || row.kind == .container ? "\(row.call)" : ""
    case .input: return row.input?.description ?? ""
    case .output: return row.output?.description ?? (row.call == 0 ? "not called" : "")
    case .kernel: return row.kernel?.times ?? ""
    case .params:
      // A second call's parameters were counted at the first.
      return row.parameters == 0 && row.sharedParameters > 0 ? "shared" : number(row.parameters)
    case .trainable: return number(row.trainableParameters)
    case .frozen: return number(row.frozenParameters)
    case .shared: return number(row.sharedParameters)
    case .macs: return number(row.operations[convention])
    case .share: return Text.share(row.operations[convention], of: summary.operations(convention))
    case .paramshare: return Text.share(row.parameters, of: summary.parameters)
    case .memory: return row.activationBytes == 0 ? "" : Text.bytes(Double(row.activationBytes))
    case .field: return row.field?.times ?? (row.output == nil || row.kind == .parameter ? "" : "all")
    case .stride: return row.stride?.times ?? ""
    }
  }

  /// What stands in the column of a table for programs: numbers without separators.
  func plainText(_ row: ModelSummary.Row, of summary: ModelSummary, _ convention: CountingConvention)
    -> String
  {
    switch self {
    case .layer: return row.path
    case .params: return "\(row.parameters)"
    case .trainable: return "\(row.trainableParameters)"
    case .frozen: return "\(row.frozenParameters)"
    case .shared: return "\(row.sharedParameters)"
    case .macs: return "\(row.operations[convention])"
    case .share:
      return DecimalText.fixed(
        Text.ratio(row.operations[convention], summary.operations(convention)), digits: 6)
    case .paramshare: return DecimalText.fixed(Text.ratio(row.parameters, summary.parameters), digits: 6)
    case .memory: return "\(row.activationBytes)"
    case .input, .output:
      let shape = self == .input ? row.input : row.output
      return shape.map { $0.map(String.init).joined(separator: "x") } ?? ""
    case .kernel: return row.kernel.map { "\($0.height)x\($0.width)" } ?? ""
    case .field: return row.field.map { "\($0.height)x\($0.width)" } ?? ""
    case .stride: return row.stride.map { "\($0.height)x\($0.width)" } ?? ""
    case .type, .call: return text(row, of: summary, convention)
    }
  }
}

extension ModelSummary.Row {
  /// `conv1  Conv2d`, `conv1  Conv2d #2` at the second call, `+ add` for an operation of a container.
  var label: String {
    switch kind {
    case .operation: return "+ \(typeName)"
    case .parameter: return "\(name)  \(typeName)"
    case .layer, .container:
      let call = call > 1 ? " #\(call)" : ""
      return path.isEmpty ? typeName : "\(name)  \(typeName)\(call)"
    }
  }

  /// The path from the module that called this one, where that is known; else its last part, or all of it for a module
  /// that was not called in its place.
  private var name: String {
    if call == 0 || caller == "" { return path }
    if let caller, path.hasPrefix(caller + ".") { return String(path.dropFirst(caller.count + 1)) }
    return path.split(separator: ".").last.map(String.init) ?? path
  }
}

extension IntPair {
  /// `3×3`.
  package var times: String { "\(height)×\(width)" }
}

extension Text {
  /// A part of a whole; 0 where there is no whole.
  package static func ratio(_ part: Int, _ whole: Int) -> Double {
    whole == 0 ? 0 : Double(part) / Double(whole)
  }

  /// `94.0%`, or nothing for a part of 0.
  static func share(_ part: Int, of whole: Int) -> String { part == 0 ? "" : percent(part, of: whole) }

  /// `94.0`, `0.02`: how many times more, with as many digits as mean something.
  package static func times(_ value: Double) -> String {
    DecimalText.fixed(value, digits: value < 9.995 ? 2 : value < 99.95 ? 1 : 0)
  }

  /// Fields separated by commas, quoted where they hold one, a quotation mark or a line's end.
  package static func csv(_ rows: [[String]]) -> String {
    rows.map { row in
      row.map { field in
        let needsQuotes = field.unicodeScalars.contains { "\",\n\r".unicodeScalars.contains($0) }
        guard needsQuotes else { return field }
        return "\"" + field.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
          + "\""
      }.joined(separator: ",")
    }.joined(separator: "\n")
  }
}
