import StrataCore

extension Safetensors {
  /// Writes a file, element by element as they lie in memory.
  ///
  /// The header lists the tensors in the order of the archive. Their elements follow by falling size of the
  /// type and then by name, so that each tensor is aligned.
  ///
  /// - Parameter isDurable: Whether all is on the disk before the file takes its place.
  public static func write(
    _ archive: TensorArchive, to path: String, durably isDurable: Bool = false
  ) throws(StrataError) {
    let stored = archive.sorted {
      ($1.tensor.dtype.byteCount, $0.name) < ($0.tensor.dtype.byteCount, $1.name)
    }
    let header = try header(archive, stored: stored, path: path)
    try FileSystem.write(path, durably: isDurable) { writer throws(StrataError) in
      try writer.write(header)
      for (_, tensor) in stored { try writer.write(tensor) }
    }
  }

  /// The header with its length in front, padded so that the elements begin on a cache line.
  private static func header(
    _ archive: TensorArchive, stored: [(name: String, tensor: HostTensor)], path: String
  ) throws(StrataError) -> [UInt8] {
    var offsets: [String: Int] = [:]
    var end = 0
    for (name, tensor) in stored {
      offsets[name] = end
      end += tensor.byteCount
    }
    var header = JSONObject()
    if !archive.metadata.isEmpty { header[metadataName] = .object(members(archive.metadata)) }
    for (name, tensor) in archive {
      guard name != metadataName else {
        throw StrataError(.argument, "\(path): no tensor of a safetensors file can be named \(metadataName)")
      }
      header[name] = entry(tensor, at: offsets[name] ?? 0)
    }
    var text = Array(JSONValue.object(header).serialized().utf8)
    text += [UInt8](repeating: UInt8(ascii: " "), count: (120 - text.count % 64) % 64)
    guard text.count <= greatestHeader else {
      throw StrataError(
        .argument, "\(path): the header has \(text.count) bytes, and the format allows \(greatestHeader)")
    }
    let length = UInt64(text.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + text
  }

  private static func members(_ metadata: [String: String]) -> JSONObject {
    var object = JSONObject()
    for (name, text) in metadata.sorted(by: { $0.key < $1.key }) { object[name] = .string(text) }
    return object
  }

  private static func entry(_ tensor: HostTensor, at offset: Int) -> JSONValue {
    let type = types.first { $0.type == tensor.dtype }?.name ?? ""
    return [
      "dtype": .string(type), "shape": .array(tensor.shape.map(JSONValue.integer)),
      "data_offsets": [.integer(offset), .integer(offset + tensor.byteCount)],
    ]
  }
}
