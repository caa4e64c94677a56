/// Whose output to print, where versions of PyTorch differ.
public enum PrintDialect: Sendable, Hashable, CaseIterable {
  // swift-format-ignore: AlwaysUseLowerCamelCase
  /// PyTorch 2.15, the reference.
  case torch2_15
  // swift-format-ignore: AlwaysUseLowerCamelCase
  /// Older versions, whose batch norm prints no `bias=`.
  case torch2_0
}

extension Module {
  /// The structure as a version of PyTorch prints it (`print(model)`).
  public func description(dialect: PrintDialect) -> String {
    let extra = extraDescription(dialect: dialect)
    let extraLines = extra.isEmpty ? [] : extra.split(separator: "\n", omittingEmptySubsequences: false)
    let children = childLines(dialect: dialect)
    if children.isEmpty, extraLines.count <= 1 { return "\(typeName)(\(extra))" }
    let lines = extraLines.map(String.init) + children.map { $0.indentedAfterFirstLine }
    return "\(typeName)(\n  " + lines.joined(separator: "\n  ") + "\n)"
  }
}

extension String {
  fileprivate var indentedAfterFirstLine: String {
    split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\n  ")
  }
}

extension Bool {
  /// `True` or `False`, as Python prints them.
  var pythonText: String { self ? "True" : "False" }
}

/// A setting that prints as it was written: `1` as an integer, `1.0` as a real number, as in Python.
public protocol Numeral: Sendable {
  /// The number.
  var real: Double { get }
  /// What Python prints.
  var pythonText: String { get }
}

extension Int: Numeral {
  /// `1`.
  public var pythonText: String { description }
}

extension Double: Numeral {
  /// `1.0`, `1e-05`.
  public var pythonText: String { description }
}

extension Float: Numeral {
  /// `1.0`, `1e-05`.
  public var pythonText: String { description }
}
