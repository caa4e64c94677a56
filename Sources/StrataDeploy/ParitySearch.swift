import StrataCore
import StrataFormats
import StrataGraph
import StrataModels
import StrataNN
import StrataRuntime

/// Compares a network's outputs, module by module, with those that another framework recorded.
public struct ParitySearch: Sendable {
  /// One module's outputs side by side.
  public struct Row: Sendable {
    /// The module's path.
    public let path: String
    /// The module as it is printed.
    public let module: String
    /// The largest difference over the largest magnitude of the reference; nil where the shapes differ.
    public let deviation: Double?
    /// The shape here.
    public let shape: Shape
    /// The reference's shape.
    public let expected: Shape
    /// Whether the deviation is within the tolerance.
    public let agrees: Bool
  }

  /// The modules that both sides know, in the order of their calls.
  public let rows: [Row]
  /// Recorded names that no module here has.
  public let unknown: [String]
  /// What may be the cause of the first disagreement, where a known one fits.
  public let suggestion: String?

  /// The first module beyond the tolerance.
  public var firstDisagreement: Row? { rows.first { !$0.agrees } }

  /// The name under which a reference holds the network's input.
  public static let inputName = "input"

  /// Runs a network on a reference's input and compares every output that the reference has.
  ///
  /// - Parameters:
  ///   - model: The network with its weights.
  ///   - reference: Outputs by module path, and the input under `input`.
  ///   - tolerance: The deviation that is accepted, relative to the largest magnitude.
  public init(of model: Module, reference: TensorArchive, tolerance: Double = 1e-4) throws(StrataError) {
    guard let input = reference[ParitySearch.inputName] else {
      throw StrataError(.format, "the reference has no tensor called input")
    }
    let (output, calls) = CallLog.watch { model.eval()(Tensor(input.converted(to: .float32))) }
    if let error = output.error { throw error }
    var seen: Set<String> = []
    var compared: [(call: ObservedCall, expected: HostTensor)] = []
    for call in calls where seen.insert(call.path).inserted {
      let name = call.path.isEmpty ? "output" : call.path
      if let expected = reference[name] { compared.append((call, expected)) }
    }
    // A module ends after those inside it: order by what was computed, not by what was entered.
    compared.sort {
      ($0.call.path.isEmpty ? 1 : 0, $0.call.number) < ($1.call.path.isEmpty ? 1 : 0, $1.call.number)
    }
    try Tensor.evaluate(compared.map(\.call.output))
    var rows: [Row] = []
    for (call, expected) in compared {
      let value = try call.output.value()
      let deviation = value.shape == expected.shape ? ParitySearch.deviation(value, expected) : nil
      rows.append(
        Row(
          path: call.path.isEmpty ? "output" : call.path, module: ParitySearch.line(call.module),
          deviation: deviation,
          shape: value.shape, expected: expected.shape, agrees: deviation.map { $0 <= tolerance } ?? false))
    }
    self.rows = rows
    let paths = Set(calls.map(\.path))
    unknown = reference.names.filter { $0 != ParitySearch.inputName && $0 != "output" && !paths.contains($0) }
    let first = rows.firstIndex { !$0.agrees }.map { compared[$0] }
    suggestion = try first.flatMap { (first) throws(StrataError) in
      try ParitySearch.cause(first.call, first.expected, tolerance)
    }
  }

  private static func line(_ module: Module) -> String {
    let text = module.description
    return text.firstIndex(of: "\n").map { String(text[..<$0]) + "…)" } ?? text
  }

  /// The largest difference over the largest magnitude; infinite where only one side is a number.
  static func deviation(_ value: HostTensor, _ expected: HostTensor) -> Double {
    let (a, b) = (value.scalars(as: Double.self), expected.scalars(as: Double.self))
    var (largest, difference) = (0.0, 0.0)
    for (x, y) in zip(a, b) {
      if x.isNaN && y.isNaN || x == y { continue }
      guard x.isFinite, y.isFinite else { return .infinity }
      difference = max(difference, abs(x - y))
    }
    for y in b where y.isFinite { largest = max(largest, abs(y)) }
    return difference == 0 ? 0 : difference / max(largest, .leastNormalMagnitude)
  }
}
