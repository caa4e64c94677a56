import StrataCore
import StrataGraph
import StrataNN

/// The settings of a printed layer, read as what the layer takes. What does not fit is an error, never a trap.
struct PrintedArguments {
  private let node: PrintedNode
  private let values: [String: String]

  /// Sizes beyond this make no layer.
  private static let greatest = 1 << 24

  init(_ node: PrintedNode, _ positions: [String] = []) {
    self.node = node
    let settings = LayerOutline.settings(node.arguments, positions)
    values = Dictionary(settings.map { ($0.name, $0.value) }) { first, _ in first }
  }

  func error(_ message: String) -> StrataError {
    StrataError(.format, "line \(node.line): \(node.typeName): \(message)")
  }

  /// Throws where a setting is there that the layer is not known to have.
  func requireOnly(_ names: [String]) throws(StrataError) {
    for name in values.keys.sorted() where !names.contains(name) {
      throw error("the setting \(name)=\(values[name] ?? "") is not known")
    }
  }

  func text(_ name: String) -> String? { values[name] }

  func integer(_ name: String) throws(StrataError) -> Int? {
    guard let text = values[name] else { return nil }
    guard let value = Int(text), (0...Self.greatest).contains(value) else {
      throw error("\(name)=\(text) is no size")
    }
    return value
  }

  /// An axis, from the end where negative.
  func axis(_ name: String) throws(StrataError) -> Int? {
    guard let text = values[name] else { return nil }
    guard let value = Int(text), (-8...7).contains(value) else { throw error("\(name)=\(text) is no axis") }
    return value
  }

  /// A size that must be there and be positive.
  func size(_ name: String) throws(StrataError) -> Int {
    guard let value = try integer(name), value > 0 else { throw error("has no positive \(name)") }
    return value
  }

  /// One number for both sides, or `(3, 5)`.
  func pair(_ name: String, least: Int = 0) throws(StrataError) -> IntPair? {
    guard let text = values[name] else { return nil }
    let numbers = Self.list(text).compactMap { Int($0) }
    guard (1...2).contains(numbers.count), numbers.count == Self.list(text).count,
      numbers.allSatisfy({ (least...Self.greatest).contains($0) })
    else { throw error("\(name)=\(text) is no pair of sizes") }
    return IntPair(numbers[0], numbers[numbers.count - 1])
  }

  func bool(_ name: String) throws(StrataError) -> Bool? {
    switch values[name] {
    case nil: return nil
    case "True": return true
    case "False": return false
    case .some(let text): throw error("\(name)=\(text) is neither True nor False")
    }
  }

  func number(_ name: String) throws(StrataError) -> (any Numeral)? {
    guard let text = values[name] else { return nil }
    if let value = Int(text) { return value }
    guard let value = Double(text), value.isFinite else { throw error("\(name)=\(text) is no number") }
    return value
  }

  /// A probability.
  func probability(_ name: String) throws(StrataError) -> any Numeral {
    let value = try number(name) ?? 0.5
    guard (0...1).contains(value.real) else { throw error("\(name)=\(value.real) is no probability") }
    return value
  }

  /// The parts of `(1, None)`, `[2, 3]` or `4`.
  static func list(_ text: String) -> [String] {
    text.filter { !"()[] ".contains($0) }.split(separator: ",").map(String.init)
  }
}
