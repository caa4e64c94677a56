import StrataCore
import StrataData
import StrataFormats
import StrataGraph
import StrataNN
import StrataRuntime

extension Module {
  /// Finds the ranges of what the network's layers read on pictures from files.
  ///
  /// - Parameters:
  ///   - paths: The pictures, such as will come later.
  ///   - preset: How they become the network's input.
  ///   - method: How a range follows from the numbers that were seen.
  public final func calibrate(
    onPictures paths: [String], preset: ImagePreset = .imageNet, method: Calibration.Method = .standard
  ) throws(StrataError) -> Calibration {
    // One at a time: all that layers read has to fit into memory.
    try calibrate(on: paths, by: method) { path throws(StrataError) in
      preset.batch(of: [try Image(contentsOf: path)])
    }
  }
}

extension Calibration {
  /// Reads a calibration that `save(_:)` wrote.
  public init(contentsOf path: String) throws(StrataError) {
    let text = String(decoding: try FileSystem.read(path), as: UTF8.self)
    let document = try JSONValue.parse(text, name: path)
    guard let entries = document["strata.calibration"]?.object else {
      throw StrataError(.format, "\(path) is no calibration: it has no strata.calibration")
    }
    func range(_ value: JSONValue, _ layer: String) throws(StrataError) -> Range {
      let ends = value.array?.compactMap(\.number) ?? []
      guard ends.count == 2, ends[1] >= 0, ends[1] < 1e30, ends[0] == 0 || ends[0] == -ends[1] else {
        throw StrataError(
          .format,
          "\(path): the range of \(layer) is two numbers, 0 or the second below 0 first, not \(value)")
      }
      return Range(limit: Float(ends[1]), isSigned: ends[0] < 0)
    }
    var layers: [String: Layer] = [:]
    for (name, entry) in entries {
      guard let input = entry["input"] else {
        throw StrataError(.format, "\(path): \(name) has no range of its input")
      }
      layers[name] = Layer(
        input: try range(input, name),
        residual: try entry["residual"].map { value throws(StrataError) in try range(value, name) })
    }
    self.init(layers: layers)
  }

  /// Writes the ranges as JSON: for each layer the numbers that 8 bits reach from and to.
  public func save(_ path: String) throws(StrataError) {
    func ends(_ range: Range) -> JSONValue {
      [.number(range.isSigned ? -Double(range.limit) : 0), .number(Double(range.limit))]
    }
    var entries = JSONObject()
    for (name, layer) in layers.sorted(by: { $0.key < $1.key }) {
      var entry: JSONObject = ["input": ends(layer.input)]
      entry["residual"] = layer.residual.map(ends)
      entries[name] = .object(entry)
    }
    let document: JSONValue = ["strata.calibration": .object(entries)]
    try FileSystem.write(Array((document.serialized(indented: true) + "\n").utf8), to: path)
  }
}
