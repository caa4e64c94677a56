import StrataCore
import StrataFormats

/// The names of classes.
public struct Labels: Sendable {
  /// The name of each class.
  public let names: [String]

  /// Creates labels from names in the order of the classes.
  public init(_ names: [String]) { self.names = names }

  /// Reads names from a text file of one a line, from a JSON array, or from a JSON object whose keys are the
  /// numbers of the classes; a value that is an array counts by its last string, as in ImageNet's index.
  public init(contentsOf path: String) throws(StrataError) {
    let bytes = try FileSystem.read(path)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw StrataError(.format, "\(path): labels are text, and this is none")
    }
    let first = text.first { !$0.isWhitespace }
    if first == "[" || first == "{" {
      names = try Labels.names(in: try JSONValue.parse(text, name: path), path)
    } else {
      // A carriage return and a line feed together are one character.
      var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(String.init)
      while lines.last?.isEmpty == true { lines.removeLast() }
      names = lines
    }
    guard !names.isEmpty else { throw StrataError(.format, "\(path): there are no labels in it") }
  }

  private static func names(in document: JSONValue, _ path: String) throws(StrataError) -> [String] {
    func name(_ value: JSONValue) -> String? { value.string ?? value.array?.last?.string }
    let values: [JSONValue?]
    if let list = document.array {
      values = list
    } else {
      let object = document.object ?? JSONObject()
      values = (0..<object.count).map { object[String($0)] }
    }
    var names: [String] = []
    for (index, value) in values.enumerated() {
      guard let name = value.flatMap(name) else {
        throw StrataError(.format, "\(path): class \(index) has no name")
      }
      names.append(name)
    }
    return names
  }

  /// The name of a class, or its number where it has none.
  public subscript(index: Int) -> String { names.indices.contains(index) ? names[index] : "class \(index)" }
}
