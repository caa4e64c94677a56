import StrataCore

extension JSONValue {
  /// Parses a whole document, by the letter of RFC 8259.
  ///
  /// Members of an object must have different names, text must be valid Unicode, and nesting is limited:
  /// a document of brackets alone cannot exhaust the stack.
  /// - Parameter name: What messages call the document, such as a file's name.
  public static func parse(_ bytes: UnsafeRawBufferPointer, name: String) throws(StrataError) -> JSONValue {
    var parser = JSONParser(bytes: bytes, name: name)
    return try parser.document()
  }

  /// Parses a document that is at hand as text.
  public static func parse(_ text: String, name: String = "JSON") throws(StrataError) -> JSONValue {
    let bytes = Array(text.utf8)
    // Typed errors do not pass through `withUnsafeBytes` of every standard library, results do.
    return try bytes.withUnsafeBytes { bytes -> Result<JSONValue, StrataError> in
      do throws(StrataError) { return .success(try parse(bytes, name: name)) } catch {
        return .failure(error)
      }
    }.get()
  }
}

/// Reads a document from its first byte to its last.
private struct JSONParser {
  let bytes: UnsafeRawBufferPointer
  let name: String
  var position = 0

  private static let greatestDepth = 100

  init(bytes: UnsafeRawBufferPointer, name: String) {
    self.bytes = bytes
    self.name = name
  }

  mutating func document() throws(StrataError) -> JSONValue {
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw unexpected("the end") }
    return value
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private func error(_ message: String) -> StrataError {
    StrataError(.format, "\(name): invalid JSON at byte \(position): \(message)")
  }

  private func unexpected(_ expected: String) -> StrataError {
    guard let byte = next else { return error("expected \(expected), found the end") }
    let found = (0x21...0x7e).contains(byte) ? "'\(Unicode.Scalar(byte))'" : "byte \(byte)"
    return error("expected \(expected), found \(found)")
  }

  private mutating func value(depth: Int) throws(StrataError) -> JSONValue {
    guard depth <= Self.greatestDepth else { throw error("nested deeper than \(Self.greatestDepth) levels") }
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return .object(try object(depth: depth))
    case UInt8(ascii: "["): return .array(try array(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case .some(let byte) where byte == UInt8(ascii: "-") || Self.isDigit(byte): return try number()
    default: throw unexpected("a value")
    }
  }

  private mutating func word(_ word: String, _ value: JSONValue) throws(StrataError) -> JSONValue {
    for character in word.unicodeScalars {
      guard take(character) else { throw unexpected(word) }
    }
    return value
  }

  private mutating func object(depth: Int) throws(StrataError) -> JSONObject {
    var object = JSONObject()
    position += 1
    skipSpace()
    if take("}") { return object }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw unexpected("a member's name") }
      let start = position
      let name = try string()
      guard object[name] == nil else {
        position = start
        throw error("the name \"\(name)\" occurs twice")
      }
      skipSpace()
      guard take(":") else { throw unexpected("':'") }
      object[name] = try value(depth: depth + 1)
      skipSpace()
    } while take(",")
    guard take("}") else { throw unexpected("',' or '}'") }
    return object
  }

  private mutating func array(depth: Int) throws(StrataError) -> [JSONValue] {
    var elements: [JSONValue] = []
    position += 1
    skipSpace()
    if take("]") { return elements }
    repeat {
      elements.append(try value(depth: depth + 1))
      skipSpace()
    } while take(",")
    guard take("]") else { throw unexpected("',' or ']'") }
    return elements
  }

  private mutating func number() throws(StrataError) -> JSONValue {
    let start = position
    _ = take("-")
    // A leading zero stands alone.
    if !take("0") { try digits() }
    var isInteger = true
    if take(".") {
      isInteger = false
      try digits()
    }
    if take("e") || take("E") {
      isInteger = false
      _ = take("+") || take("-")
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let value = Int(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else {
      position = start
      throw error("the number \(text.prefix(40)) is too large")
    }
    return .number(value)
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private mutating func digits() throws(StrataError) {
    let start = position
    while let byte = next, Self.isDigit(byte) { position += 1 }
    guard position > start else { throw unexpected("a digit") }
  }

  private mutating func string() throws(StrataError) -> String {
    position += 1
    var result = ""
    var start = position
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        result += try text(from: start)
        position += 1
        return result
      case UInt8(ascii: "\\"):
        result += try text(from: start)
        position += 1
        result.unicodeScalars.append(try escape())
        start = position
      case 0..<0x20: throw unexpected("a printable character")
      default: position += 1
      }
    }
    throw unexpected("'\"'")
  }

  private func text(from start: Int) throws(StrataError) -> String {
    guard let text = String(validating: bytes[start..<position], as: UTF8.self) else {
      throw error("the text that ends here is not UTF-8")
    }
    return text
  }

  private mutating func escape() throws(StrataError) -> Unicode.Scalar {
    let plain: [UInt8: Unicode.Scalar] = [
      UInt8(ascii: "\""): "\"", UInt8(ascii: "\\"): "\\", UInt8(ascii: "/"): "/",
      UInt8(ascii: "b"): "\u{8}", UInt8(ascii: "f"): "\u{c}", UInt8(ascii: "n"): "\n",
      UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t",
    ]
    if let byte = next, let scalar = plain[byte] {
      position += 1
      return scalar
    }
    guard take("u") else { throw unexpected("an escaped character") }
    let first = try codeUnit()
    if let scalar = Unicode.Scalar(first) { return scalar }
    // Characters beyond the sixteen-bit ones are written as a pair of surrogates.
    guard first < 0xdc00, take("\\"), take("u") else { throw error("a surrogate lacks its other half") }
    let second = try codeUnit()
    guard (0xdc00...0xdfff).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
    else { throw error("a surrogate lacks its other half") }
    return scalar
  }

  private mutating func codeUnit() throws(StrataError) -> UInt32 {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw unexpected("a hexadecimal digit")
      }
      unit = unit << 4 | UInt32(digit)
      position += 1
    }
    return unit
  }
}
