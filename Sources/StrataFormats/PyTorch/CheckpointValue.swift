import StrataCore

/// What a PyTorch checkpoint holds: tensors, and the plain values of Python around them.
public enum CheckpointValue: Sendable {
  case none
  case bool(Bool)
  case integer(Int)
  /// A real number, or an integer of more than 64 bits, rounded.
  case number(Double)
  case string(String)
  case bytes([UInt8])
  /// A list or a set.
  case list([CheckpointValue])
  /// A tuple or a `torch.Size`.
  case tuple([CheckpointValue])
  /// A dictionary in its order.
  case dictionary([Entry])
  case tensor(HostTensor)
  /// An element type, `torch.float32`, as an object of its own.
  case dtype(String)

  /// A key of a dictionary with its value.
  public struct Entry: Sendable {
    /// The key; often a string.
    public let key: CheckpointValue
    /// The value.
    public let value: CheckpointValue

    /// Creates an entry.
    public init(key: CheckpointValue, value: CheckpointValue) {
      self.key = key
      self.value = value
    }
  }

  /// The value under a name in a dictionary, or nil.
  public subscript(name: String) -> CheckpointValue? {
    entries?.first { $0.key.string == name }?.value
  }

  /// The entries of a dictionary, or nil.
  public var entries: [Entry]? {
    if case .dictionary(let entries) = self { return entries }
    return nil
  }

  /// The elements of a list or a tuple, or nil.
  public var elements: [CheckpointValue]? {
    switch self {
    case .list(let elements), .tuple(let elements): elements
    case .none, .bool, .integer, .number, .string, .bytes, .dictionary, .tensor, .dtype: nil
    }
  }

  /// The tensor, or nil.
  public var tensor: HostTensor? {
    if case .tensor(let tensor) = self { return tensor }
    return nil
  }

  /// The text of a string, or nil.
  public var string: String? {
    if case .string(let text) = self { return text }
    return nil
  }

  /// The value of an integer, or nil.
  public var integer: Int? {
    if case .integer(let value) = self { return value }
    return nil
  }

  /// The value of any number, or nil.
  public var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    case .none, .bool, .string, .bytes, .list, .tuple, .dictionary, .tensor, .dtype: nil
    }
  }

  /// The value of a truth value, or nil.
  public var bool: Bool? {
    if case .bool(let value) = self { return value }
    return nil
  }

  /// What kind of value this is, for messages: `a string`.
  package var kind: String {
    switch self {
    case .none: "None"
    case .bool: "a truth value"
    case .integer, .number: "a number"
    case .string: "a string"
    case .bytes: "bytes"
    case .list: "a list"
    case .tuple: "a tuple"
    case .dictionary: "a dictionary"
    case .tensor: "a tensor"
    case .dtype: "an element type"
    }
  }
}
