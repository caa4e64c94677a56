/// One property that was checked.
public struct CheckResult: Sendable, Hashable {
  /// What was checked: `features.0 padding`.
  public let name: String
  /// Whether it holds.
  public let ok: Bool
  /// What it should be.
  public let expected: String
  /// What it is.
  public let found: String

  /// Creates a result.
  public init(_ name: String, ok: Bool, expected: String, found: String) {
    self.name = name
    self.ok = ok
    self.expected = expected
    self.found = found
  }

  /// Creates the result of a comparison; `note` says what follows from a difference.
  public init(_ name: String, expected: String, found: String, note: String? = nil) {
    self.init(
      name, ok: expected == found, expected: expected,
      found: expected == found ? found : found + (note.map { ": \($0)" } ?? ""))
  }

  /// `parameters: 62,378,344`, or `features.0 padding: expected 2, found 1: map 54×54 instead of 55×55`.
  public var sentence: String {
    expected == found ? "\(name): \(found)" : "\(name): expected \(expected), found \(found)"
  }
}
