extension JSONValue: CustomStringConvertible {
  /// The document on one line.
  public var description: String { serialized() }

  /// The document as text: on one line, or indented with a line for each member of an object.
  public func serialized(indented: Bool = false) -> String {
    var writer = JSONWriter(isIndented: indented)
    writer.write(self, depth: 0)
    return writer.text
  }
}

private struct JSONWriter {
  let isIndented: Bool
  var text = ""

  init(isIndented: Bool) { self.isIndented = isIndented }

  mutating func write(_ value: JSONValue, depth: Int) {
    switch value {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    // JSON has no words for infinities and not-a-number.
    case .number(let value): text += value.isFinite ? String(value) : "null"
    case .string(let value): write(value)
    case .array(let elements): write(elements, depth: depth)
    case .object(let members): write(members, depth: depth)
    }
  }

  private mutating func write(_ elements: [JSONValue], depth: Int) {
    // Numbers, such as the sizes of a shape, share a line.
    let isBroken = isIndented && elements.contains { $0.array != nil || $0.object != nil }
    text += "["
    for (index, element) in elements.enumerated() {
      if index > 0 { text += isIndented && !isBroken ? ", " : "," }
      if isBroken { breakLine(depth: depth + 1) }
      write(element, depth: depth + 1)
    }
    if isBroken { breakLine(depth: depth) }
    text += "]"
  }

  private mutating func write(_ members: JSONObject, depth: Int) {
    text += "{"
    for (index, member) in members.enumerated() {
      if index > 0 { text += "," }
      if isIndented { breakLine(depth: depth + 1) }
      write(member.name)
      text += isIndented ? ": " : ":"
      write(member.value, depth: depth + 1)
    }
    if isIndented && !members.isEmpty { breakLine(depth: depth) }
    text += "}"
  }

  private mutating func breakLine(depth: Int) {
    text += "\n" + String(repeating: "  ", count: depth)
  }

  private mutating func write(_ value: String) {
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\0"..."\u{1f}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
