/// What went wrong, in one sentence that a user can act on.
public struct StrataError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The area that an error comes from.
  public enum Kind: String, Sendable {
    /// A wrong argument: a name, a number, an option.
    case argument
    /// Shapes or element types that do not fit together.
    case shape
    /// A file that cannot be opened, read or written.
    case file
    /// A file that was read but breaks the rules of its format.
    case format
    /// More memory than there is.
    case memory
    /// The compute engine refused, or is missing.
    case engine
    /// Processes that work together cannot reach each other, or disagree.
    case communication
  }

  /// The area that the error comes from.
  public let kind: Kind
  /// One sentence: what, where, expected, found.
  public let message: String

  /// Creates an error of a kind with its sentence.
  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  /// The sentence.
  public var description: String { message }
}
