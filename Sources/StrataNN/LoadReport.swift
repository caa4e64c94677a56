import StrataCore

/// What became of each name when a state dictionary met a network.
public struct LoadReport: Sendable, CustomStringConvertible {
  /// A value whose shape is not the network's.
  public struct Mismatch: Sendable, Hashable {
    /// The dotted name.
    public let name: String
    /// The shape of the network's parameter or buffer.
    public let expected: Shape
    /// The shape of the value.
    public let found: Shape
  }

  /// Names whose values fit.
  public internal(set) var loaded: [String] = []
  /// Names of the network for which there was no value.
  public internal(set) var missing: [String] = []
  /// Names that the network does not have.
  public internal(set) var unexpected: [String] = []
  /// Values of another shape.
  public internal(set) var mismatched: [Mismatch] = []
  /// For an unexpected name, the name of the network that was probably meant.
  public private(set) var suggestions: [String: String] = [:]

  /// Whether every name found its value and every value its name.
  public var isComplete: Bool { missing.isEmpty && unexpected.isEmpty && mismatched.isEmpty }

  /// One line an area: `missing 2: fc.weight, fc.bias; unexpected 1: fc.wieght (did you mean fc.weight?)`.
  public var description: String {
    if isComplete { return "all \(loaded.count) values loaded" }
    var parts: [String] = []
    if !missing.isEmpty { parts.append("missing \(missing.count): \(LoadReport.list(missing))") }
    if !unexpected.isEmpty {
      let names = unexpected.map { name in
        suggestions[name].map { "\(name) (did you mean \($0)?)" } ?? name
      }
      parts.append("unexpected \(unexpected.count): \(LoadReport.list(names))")
    }
    if !mismatched.isEmpty {
      let names = mismatched.map { "\($0.name) (expects \($0.expected), got \($0.found))" }
      parts.append("of another shape \(mismatched.count): \(LoadReport.list(names))")
    }
    return parts.joined(separator: "; ")
  }

  /// Names that are shown before a list is cut short, and for which a suggestion is looked for.
  private static let shown = 4

  private static func list(_ names: [String]) -> String {
    let rest = names.count - shown
    return names.prefix(shown).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
  }

  mutating func findSuggestions(among names: [String]) {
    // What is missing was meant more likely than what has its value already.
    let wanted = missing.isEmpty ? names : missing
    for name in unexpected.prefix(LoadReport.shown) {
      suggestions[name] = nearestName(to: name, among: wanted)
    }
  }
}
