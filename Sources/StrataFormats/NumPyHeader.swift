import StrataCore

/// The three facts that a header of an `.npy` file states, in the notation of a Python dictionary:
/// `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
struct NumPyHeader {
  private(set) var type = ""
  private(set) var isFortran = false
  private(set) var sizes: [Int] = []

  private var rest: Substring.UTF8View
  private let name: String

  init(_ bytes: Slice<UnsafeRawBufferPointer>, name: String) throws(StrataError) {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw StrataError(.format, "\(name): the header is not text")
    }
    self.name = name
    rest = Substring(text).utf8
    var missing: Set<String> = ["descr", "fortran_order", "shape"]
    try require("{")
    while !take("}") {
      let key = try string()
      guard missing.remove(key) != nil else { throw error("'\(key)' is repeated or unknown") }
      try require(":")
      switch key {
      case "descr":
        guard !peek("[") else { throw error("the array has named fields, which cannot be read") }
        type = try string()
      case "fortran_order": isFortran = try truth()
      default: sizes = try tuple()
      }
      if take(",") { continue }
      try require("}")
      break
    }
    skipSpace()
    guard rest.isEmpty else { throw error("text follows the closing brace") }
    guard let key = missing.min() else { return }
    throw error("'\(key)' is missing")
  }

  private func error(_ message: String) -> StrataError {
    StrataError(.format, "\(name): invalid header: \(message)")
  }

  private mutating func skipSpace() {
    rest = rest.drop { $0 == 0x20 || (0x09...0x0d).contains($0) }
  }

  private mutating func peek(_ text: String) -> Bool {
    skipSpace()
    return rest.starts(with: text.utf8)
  }

  private mutating func take(_ text: String) -> Bool {
    guard peek(text) else { return false }
    rest = rest.dropFirst(text.utf8.count)
    return true
  }

  private mutating func require(_ text: String) throws(StrataError) {
    guard !take(text) else { return }
    let found = rest.isEmpty ? "the end" : "'\(Substring(rest.prefix(10)))'"
    throw error("expected '\(text)', found \(found)")
  }

  private mutating func string() throws(StrataError) -> String {
    let quote = take("\"") ? UInt8(ascii: "\"") : UInt8(ascii: "'")
    if quote == UInt8(ascii: "'") { try require("'") }
    let content = rest.prefix { $0 != quote }
    rest = rest.dropFirst(content.count)
    guard !rest.isEmpty else { throw error("a string does not end") }
    rest = rest.dropFirst()
    return String(Substring(content))
  }

  private mutating func truth() throws(StrataError) -> Bool {
    if take("True") { return true }
    try require("False")
    return false
  }

  private mutating func tuple() throws(StrataError) -> [Int] {
    try require("(")
    var sizes: [Int] = []
    while !take(")") {
      skipSpace()
      let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      guard let size = Int(Substring(digits)) else {
        throw error("the shape has no size at '\(Substring(rest.prefix(10)))'")
      }
      rest = rest.dropFirst(digits.count)
      // Files written by Python 2 mark long numbers.
      _ = take("L")
      sizes.append(size)
      if take(",") { continue }
      try require(")")
      break
    }
    return sizes
  }
}
