import StrataCore

/// A module in the text that PyTorch prints of a network: `print(model)`.
struct PrintedNode: Sendable {
  /// The class.
  let typeName: String
  /// What stands between the parentheses.
  var arguments: String
  /// The modules inside, in their order.
  var children: [(name: String, node: PrintedNode)]
  /// The line that it begins in, counted from 1.
  let line: Int

  /// How many modules this is with all inside it.
  var size: Int { children.reduce(1) { $0 + $1.node.size } }
}

/// Reads the text that PyTorch prints of a network.
struct PrintedParser {
  private let lines: [Substring]
  private var position = 0

  /// Modules inside modules that are read; no network has as many.
  private static let greatestDepth = 64
  /// Modules that are read.
  private static let greatestCount = 100_000
  private var count = 0

  /// Reads one network; what stands around it may be blank lines alone.
  static func parse(_ text: String) throws(StrataError) -> PrintedNode {
    var parser = PrintedParser(text)
    guard let first = parser.lines.indices.first(where: { !parser.trimmed($0).isEmpty }) else {
      throw StrataError(.format, "the text is empty; expected is what print(model) gives")
    }
    parser.position = first
    let node = try parser.node(parser.trimmed(first), depth: 0)
    if let rest = parser.lines.indices.dropFirst(parser.position).first(where: { !parser.trimmed($0).isEmpty }
    ) {
      throw parser.error(
        "expected the end after the network, got `\(parser.trimmed(rest).prefix(40))`", at: rest)
    }
    return node
  }

  private init(_ text: String) {
    lines = text.split(separator: "\n", omittingEmptySubsequences: false)
  }

  private func trimmed(_ index: Int) -> Substring {
    var line = lines[index]
    while let last = line.last, last.isWhitespace { line.removeLast() }
    return line.drop { $0.isWhitespace }
  }

  private func error(_ message: String, at line: Int) -> StrataError {
    StrataError(.format, "line \(line + 1): \(message)")
  }

  /// Reads a module whose class begins in the current line, and moves behind it.
  private mutating func node(_ text: Substring, depth: Int) throws(StrataError) -> PrintedNode {
    let start = position
    count += 1
    guard depth < Self.greatestDepth, count <= Self.greatestCount else {
      throw error("there are too many modules, or too deep ones", at: start)
    }
    guard let bracket = text.firstIndex(of: "("), Self.isName(text[..<bracket]) else {
      throw error("expected a module as in `Linear(…)`, got `\(text.prefix(40))`", at: start)
    }
    let typeName = String(text[..<bracket])
    let rest = text[text.index(after: bracket)...]
    position += 1
    guard rest.isEmpty else {
      guard rest.last == ")" else { throw error("`\(typeName)(` is not closed", at: start) }
      return PrintedNode(
        typeName: typeName, arguments: String(rest.dropLast()), children: [], line: start + 1)
    }
    var node = PrintedNode(typeName: typeName, arguments: "", children: [], line: start + 1)
    while position < lines.count {
      let line = trimmed(position)
      if line == ")" {
        position += 1
        return node
      }
      if line.first == "(", let end = line.range(of: "): ") {
        try readChild(
          line[line.index(after: line.startIndex)..<end.lowerBound], line[end.upperBound...], into: &node,
          depth)
      } else {
        if !line.isEmpty { node.arguments += (node.arguments.isEmpty ? "" : "\n") + line }
        position += 1
      }
    }
    throw error("`\(typeName)(` is not closed", at: start)
  }

  /// Reads `(3): Linear(…)` or `(0-2): 3 x Linear(…)`, which stands for three.
  private mutating func readChild(
    _ name: Substring, _ text: Substring, into node: inout PrintedNode, _ depth: Int
  ) throws(StrataError) {
    let line = position
    let words = text.split(separator: " ", maxSplits: 2)
    guard words.count == 3, words[1] == "x", let repeats = Int(words[0]) else {
      node.children.append((String(name), try self.node(text, depth: depth + 1)))
      return
    }
    let bounds = name.split(separator: "-").compactMap { Int($0) }
    guard bounds.count == 2, bounds[0] >= 0, repeats > 0, bounds[1] - bounds[0] + 1 == repeats,
      repeats <= Self.greatestCount
    else { throw error("`(\(name)): \(repeats) x` does not name \(repeats) modules", at: line) }
    let child = try self.node(words[2], depth: depth + 1)
    count += (repeats - 1) * child.size
    guard count <= Self.greatestCount else { throw error("there are too many modules", at: line) }
    for index in bounds[0]...bounds[1] { node.children.append(("\(index)", child)) }
  }

  private static func isName(_ text: Substring) -> Bool {
    guard let first = text.first, first.isLetter || first == "_" else { return false }
    return text.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }
  }
}

extension Substring {
  /// The first place where a short text stands.
  fileprivate func range(of text: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
      start = index(after: start)
    }
    return nil
  }
}
