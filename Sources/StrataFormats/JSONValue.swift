/// A JSON document: what the header of a safetensors file and configuration files are made of.
public enum JSONValue: Sendable, Hashable {
  case null
  case bool(Bool)
  /// A number without fraction and exponent that fits in an `Int`.
  case integer(Int)
  /// Any other number.
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)

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
    case .null, .bool, .string, .array, .object: nil
    }
  }

  /// The value of a truth value, or nil.
  public var bool: Bool? {
    if case .bool(let value) = self { return value }
    return nil
  }

  /// The elements of an array, or nil.
  public var array: [JSONValue]? {
    if case .array(let elements) = self { return elements }
    return nil
  }

  /// The members of an object, or nil.
  public var object: JSONObject? {
    if case .object(let members) = self { return members }
    return nil
  }

  /// The member of an object with a name, or nil.
  public subscript(name: String) -> JSONValue? { object?[name] }

  /// What kind of value this is, for messages: `a string`.
  package var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a truth value"
    case .integer, .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

/// The members of a JSON object in the order in which they were written.
public struct JSONObject: Sendable, Hashable, RandomAccessCollection, ExpressibleByDictionaryLiteral {
  /// The names of the members.
  public private(set) var names: [String] = []
  private var values: [String: JSONValue] = [:]

  /// Creates an object without members.
  public init() {}

  /// Creates an object from its members; of those with one name the last counts.
  public init(dictionaryLiteral members: (String, JSONValue)...) {
    for (name, value) in members { self[name] = value }
  }

  /// The value of a member; setting a new one appends it, setting nil removes it.
  public subscript(name: String) -> JSONValue? {
    get { values[name] }
    set {
      if newValue == nil {
        names.removeAll { $0 == name }
      } else if values[name] == nil {
        names.append(name)
      }
      values[name] = newValue
    }
  }

  /// The first member.
  public var startIndex: Int { 0 }
  /// The number of members.
  public var endIndex: Int { names.count }
  /// A member by its place.
  public subscript(position: Int) -> (name: String, value: JSONValue) {
    (names[position], values[names[position]] ?? .null)
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// Creates a string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// Creates an integer.
  public init(integerLiteral value: Int) { self = .integer(value) }
  /// Creates a number.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// Creates a truth value.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// Creates an array.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// Creates an object; of members with one name the last counts.
  public init(dictionaryLiteral members: (String, JSONValue)...) {
    var object = JSONObject()
    for (name, value) in members { object[name] = value }
    self = .object(object)
  }
}
