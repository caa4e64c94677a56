import StrataCore
import StrataFormats
import StrataNN

/// One of the `TrainingOptions` with its words: how it is called, what it takes, what it does.
public struct TrainingField: Sendable {
  /// What a field takes.
  enum Kind: Sendable {
    case flag
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    case text
    case choice([String])
    case integers(ClosedRange<Int>)
    case numbers
    case texts
    case choices([String])
  }

  /// The word after `--`; in files `-` is written `_`.
  public let name: String
  /// What stands for the value in the help; nil where the word alone says all.
  public let value: String?
  /// What it does, in one line.
  public let summary: String
  let kind: Kind
  let read: @Sendable (TrainingOptions) -> JSONValue
  let write: @Sendable (inout TrainingOptions, JSONValue) -> Void

  /// The word in a file of settings.
  public var key: String { name.replacing("-", with: "_") }

  /// Takes a value over from a command; a word that takes none is given nil.
  public func set(_ text: String?, in options: inout TrainingOptions) throws(StrataError) {
    write(&options, try checked(try parsed(text ?? ""), named: "--\(name)"))
  }

  /// Takes a value over from a file of settings.
  public func set(_ value: JSONValue, in options: inout TrainingOptions) throws(StrataError) {
    if value == .null, read(TrainingOptions()) == .null { return }
    write(&options, try checked(value, named: key))
  }

  private func parsed(_ text: String) throws(StrataError) -> JSONValue {
    let parts = text.split(separator: ",").map(String.init)
    switch kind {
    case .flag: return true
    case .integer: return Int(text).map(JSONValue.integer) ?? .string(text)
    case .number: return Double(text).map(JSONValue.number) ?? .string(text)
    case .text, .choice: return .string(text)
    case .integers: return .array(parts.map { Int($0).map(JSONValue.integer) ?? .string($0) })
    case .numbers: return .array(parts.map { Double($0).map(JSONValue.number) ?? .string($0) })
    // `none` is how an empty list is written, for defaults that are not empty.
    case .texts, .choices: return .array(parts == ["none"] ? [] : parts.map(JSONValue.string))
    }
  }

  private func checked(_ value: JSONValue, named name: String) throws(StrataError) -> JSONValue {
    func expects(_ what: String, _ found: JSONValue? = nil) -> StrataError {
      let found = found ?? value
      return StrataError(.argument, "\(name) expects \(what), got \(found.string ?? found.description)")
    }
    func elements() throws(StrataError) -> [JSONValue] {
      if let elements = value.array { return elements }
      throw expects("a list")
    }
    switch kind {
    case .flag:
      guard value.bool != nil else { throw expects("true or false") }
    case .integer(let range):
      guard let number = value.integer, range.contains(number) else {
        throw expects("a whole number \(Self.bounds(range, value))")
      }
    case .number(let range):
      guard let number = value.number, range.contains(number) else {
        throw expects("a number \(Self.bounds(range, value))")
      }
    case .text:
      guard let text = value.string, !text.isEmpty else { throw expects("a text") }
    case .choice(let words):
      guard let word = value.string, words.contains(word) else {
        let hint = nearestName(to: value.string ?? "", among: words).map { ": did you mean \($0)?" } ?? ""
        throw StrataError(
          .argument, "\(expects("one of " + words.joined(separator: ", ")).message)\(hint)")
      }
    case .integers(let range):
      for element in try elements() {
        guard let number = element.integer, range.contains(number) else {
          throw expects("whole numbers \(Self.bounds(range, element))", element)
        }
      }
    case .numbers:
      for element in try elements() {
        guard let number = element.number, number.isFinite else { throw expects("numbers", element) }
      }
    case .texts:
      for element in try elements() {
        guard element.string?.isEmpty == false else { throw expects("texts", element) }
      }
    case .choices(let words):
      for element in try elements() {
        guard words.contains(element.string ?? "") else {
          throw expects("some of \(words.joined(separator: ", ")) (or none)", element)
        }
      }
    }
    return value
  }

  private static func bounds<Number: BinaryInteger>(_ range: ClosedRange<Number>, _ value: JSONValue)
    -> String
  {
    let isAbove = value.number.map { $0 > Double(range.upperBound) } ?? false
    return isAbove ? "of at most \(range.upperBound)" : "of at least \(range.lowerBound)"
  }

  private static func bounds(_ range: ClosedRange<Double>, _ value: JSONValue) -> String {
    if value.number.map({ $0 > range.upperBound }) ?? false { return "of at most \(range.upperBound)" }
    return range.lowerBound == .leastNormalMagnitude ? "above 0" : "of at least \(range.lowerBound)"
  }
}

extension TrainingOptions {
  /// The options as a document that `init(_:)` reads; what was not said is null.
  public var json: JSONObject {
    var object = JSONObject()
    for field in TrainingOptions.fields { object[field.key] = field.read(self) }
    return object
  }

  /// Reads a document over the defaults; names of other things are an error unless `others` has them.
  public init(_ document: JSONObject, others: [String] = []) throws(StrataError) {
    self.init()
    try read(document, others: others)
  }

  /// Reads a document over what is set already.
  public mutating func read(_ document: JSONObject, others: [String] = []) throws(StrataError) {
    for (name, value) in document where !others.contains(name) {
      let key = name.replacing("-", with: "_")
      guard let field = TrainingOptions.fields.first(where: { $0.key == key }) else {
        let hint = nearestName(to: name, among: TrainingOptions.fields.map(\.key))
        throw StrataError(
          .argument, "there is no setting \(name)" + (hint.map { ": did you mean \($0)?" } ?? ""))
      }
      try field.set(value, in: &self)
    }
  }
}
