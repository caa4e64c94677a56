import Strata

/// What a subcommand was told, taken apart by its table.
struct Arguments: Sendable {
  /// The words beside the options.
  private(set) var operands: [String] = []
  private var values: [String: String] = [:]
  private var flags: Set<String> = []

  /// Takes the words after the subcommand's name apart.
  init(_ words: [String], of command: Command) throws(StrataError) {
    var words = words[...]
    var takesOptions = true
    while let word = words.popFirst() {
      if takesOptions, word == "--" {
        takesOptions = false
      } else if takesOptions, word.hasPrefix("-"), word != "-", !Self.isNumber(word) {
        try takeOption(word, &words, of: command)
      } else {
        operands.append(word)
      }
    }
    if !has(.help) { try checkCompleteness(of: command) }
  }

  private mutating func takeOption(
    _ word: String, _ rest: inout ArraySlice<String>, of command: Command
  ) throws(StrataError) {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let option = command.allOptions.first(where: { $0.spellings.contains(parts[0]) }) else {
      throw Self.unknown("option", parts[0], in: command.allOptions.map { "--\($0.name)" })
    }
    guard option.value != nil else {
      guard parts.count == 1 else { throw StrataError(.argument, "\(parts[0]) takes no value") }
      flags.insert(option.name)
      return
    }
    let missing = StrataError(.argument, "\(option.usage) needs a value")
    if parts.count == 2 {
      guard !parts[1].isEmpty else { throw missing }
      values[option.name] = parts[1]
    } else {
      // A word like --json is the next option, not a value; one like -1 is a number.
      guard let next = rest.first, !next.hasPrefix("--") else { throw missing }
      values[option.name] = next
      rest = rest.dropFirst()
    }
  }

  private func checkCompleteness(of command: Command) throws(StrataError) {
    switch command.operands {
    case .none:
      if let first = operands.first { throw StrataError(.argument, "takes no argument, got \(first)") }
    case .one(let name):
      if operands.isEmpty { throw StrataError(.argument, "needs \(name): see strata \(command.name) --help") }
      if operands.count > 1 { throw StrataError(.argument, "takes one \(name), got \(operands.count)") }
    case .some(let name):
      if operands.isEmpty { throw StrataError(.argument, "needs \(name): see strata \(command.name) --help") }
    case .any: break
    }
    for option in command.options where option.isRequired && values[option.name] == nil {
      throw StrataError(.argument, "needs \(option.usage)")
    }
  }

  /// Says that a word is none of those known, and which it may have been meant to be; else all, where no help has them.
  static func unknown(
    _ kind: String, _ word: String, in known: [String], isListed: Bool = false
  ) -> StrataError {
    let all = isListed ? ": there are \(known.joined(separator: ", "))" : ""
    let hint = nearestName(to: word, among: known).map { ": did you mean \($0)?" } ?? all
    return StrataError(.argument, "unknown \(kind) \(word)\(hint)")
  }

  private static func isNumber(_ word: String) -> Bool { Double(word) != nil }

  /// Whether an option without a value was given.
  func has(_ option: Option) -> Bool { flags.contains(option.name) }

  /// The value of an option, if it was given.
  func value(_ name: String) -> String? { values[name] }

  /// The value of an option that the table calls required.
  func required(_ name: String) throws(StrataError) -> String {
    guard let value = values[name] else { throw StrataError(.argument, "needs --\(name)") }
    return value
  }

  /// The whole number given to an option, or nil where none was.
  func number(_ name: String, in range: ClosedRange<Int>) throws(StrataError) -> Int? {
    guard let text = values[name] else { return nil }
    return try Self.number(text, in: range, for: "--\(name)")
  }

  /// The whole numbers, separated by commas, given to an option, or nil where none were.
  func numbers(_ name: String, example: String, in range: ClosedRange<Int>) throws(StrataError) -> [Int]? {
    guard let text = values[name] else { return nil }
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let count = example.split(separator: ",").count
    guard parts.count == count else {
      throw StrataError(.argument, "--\(name) expects \(count) numbers, as in \(example), got \(text)")
    }
    var numbers: [Int] = []
    for part in parts { numbers.append(try Self.number(part, in: range, for: "--\(name)")) }
    return numbers
  }

  /// One of a few words given to an option, or nil where none was.
  func choice(_ name: String, of words: [String]) throws(StrataError) -> String? {
    guard let text = values[name] else { return nil }
    guard words.contains(text) else {
      throw StrataError(.argument, "--\(name) expects \(words.joined(separator: " or ")), got \(text)")
    }
    return text
  }

  private static func number(
    _ text: String, in range: ClosedRange<Int>, for option: String
  ) throws(StrataError) -> Int {
    if let number = Int(text), range.contains(number) { return number }
    let isLarge =
      text.first.map { $0 != "-" } == true && Double(text).map { $0 > Double(range.upperBound) } == true
    let bound = isLarge ? "of at most \(range.upperBound)" : "of at least \(range.lowerBound)"
    throw StrataError(.argument, "\(option) expects a whole number \(bound), got \(text)")
  }
}
