import StrataCore
import StrataFormats

/// What is run: a network, data and options, as a document that a run writes and can be begun from.
public struct RunDescription: Sendable, Hashable {
  /// The network's name in the registry.
  public var model: String
  /// Where the data lies, or what is drawn.
  public var data: String
  /// How it is trained.
  public var options: TrainingOptions

  /// Creates a description.
  public init(model: String, data: String, _ options: TrainingOptions = TrainingOptions()) {
    (self.model, self.data, self.options) = (model, data, options)
  }

  /// Reads a document; what it does not say is as `TrainingOptions` have it.
  public init(_ document: JSONValue, name: String) throws(StrataError) {
    guard let object = document.object else {
      throw StrataError(.format, "\(name): settings are an object, and this is \(document.kind)")
    }
    do throws(StrataError) {
      options = try TrainingOptions(object, others: ["model", "data"])
    } catch {
      throw StrataError(error.kind, "\(name): \(error.message)")
    }
    model = object["model"]?.string ?? ""
    data = object["data"]?.string ?? ""
  }

  /// Reads a file.
  public init(contentsOf path: String) throws(StrataError) {
    let text = String(decoding: try FileSystem.read(path), as: UTF8.self)
    try self.init(try JSONValue.parse(text, name: path), name: path)
  }

  /// The document.
  public var json: JSONObject {
    var object: JSONObject = ["model": .string(model), "data": .string(data)]
    for (name, value) in options.json { object[name] = value }
    return object
  }
}
