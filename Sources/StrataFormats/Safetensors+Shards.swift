import StrataCore

// Large models lie in several files, the shards, beside an index that says which tensor is in which:
// `{"metadata": {"total_size": …}, "weight_map": {"name": "model-00001-of-00002.safetensors", …}}`.
extension Safetensors {
  /// Reads an index, such as `model.safetensors.index.json`, and the tensors that it lists from their files,
  /// which lie in the folder of the index.
  public static func readIndex(_ path: String) throws(StrataError) -> TensorArchive {
    let text = try FileSystem.map(path)
    defer { withExtendedLifetime(text) {} }
    let index = try JSONValue.parse(text.bytes, name: path)
    guard let map = index["weight_map"]?.object else {
      throw StrataError(.format, "\(path): an index of shards has a weight_map, and this file has none")
    }
    let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    var shards: [String: TensorArchive] = [:]
    var archive = TensorArchive()
    for (name, value) in map {
      let file = try shardName(value, of: name, path: path)
      if shards[file] == nil { shards[file] = try read((folder + [file[...]]).joined(separator: "/")) }
      guard let tensor = shards[file]?[name] else {
        throw StrataError(
          .format, "\(path): \(quoted(file)) lacks the tensor \(quoted(name)) that the index lists")
      }
      archive[name] = tensor
    }
    archive.metadata = shards.values.first?.metadata ?? [:]
    return archive
  }

  /// An index must not lead out of its folder.
  private static func shardName(
    _ value: JSONValue, of name: String, path: String
  ) throws(StrataError) -> String {
    guard let file = value.string else {
      throw StrataError(
        .format, "\(path): the index has \(value.kind) for the tensor \(quoted(name)), not a file")
    }
    guard file.hasSuffix(".safetensors"), !file.utf8.contains(where: { "/\\\0".utf8.contains($0) }) else {
      throw StrataError(
        .format, "\(path): the index names \(quoted(file)), which is no safetensors file in its folder")
    }
    return file
  }

  /// Writes a file, or several with an index where the elements take more than `maximumShardSize` bytes.
  ///
  /// For `model.safetensors` these are `model-00001-of-00002.safetensors`, …, and
  /// `model.safetensors.index.json`, as Hugging Face names them. The index is written last.
  /// - Returns: The path to load from: that of the file or of the index.
  @discardableResult
  public static func write(
    _ archive: TensorArchive, to path: String, maximumShardSize: Int
  ) throws(StrataError) -> String {
    guard maximumShardSize > 0 else {
      throw StrataError(.argument, "a shard of \(maximumShardSize) bytes cannot hold anything")
    }
    let shards = shards(of: archive, maximumSize: maximumShardSize)
    guard shards.count > 1 else {
      try write(archive, to: path)
      return path
    }
    let stem = path.hasSuffix(".safetensors") ? String(path.dropLast(".safetensors".count)) : path
    var map = JSONObject()
    for (number, names) in shards.enumerated() {
      let file = "\(stem)-\(fiveDigits(number + 1))-of-\(fiveDigits(shards.count)).safetensors"
      let name = JSONValue.string(file.split(separator: "/").last.map(String.init) ?? file)
      var shard = TensorArchive(metadata: archive.metadata)
      for tensor in names {
        shard[tensor] = archive[tensor]
        map[tensor] = name
      }
      try write(shard, to: file)
    }
    let size = archive.reduce(0) { $0 + $1.tensor.byteCount }
    let index: JSONValue = ["metadata": ["total_size": .integer(size)], "weight_map": .object(map)]
    let indexPath = stem + ".safetensors.index.json"
    try FileSystem.write(Array((index.serialized(indented: true) + "\n").utf8), to: indexPath)
    return indexPath
  }

  /// Names in their order, cut where a shard would become too large; a larger tensor has one of its own.
  private static func shards(of archive: TensorArchive, maximumSize: Int) -> [[String]] {
    var shards: [[String]] = [[]]
    var size = 0
    for (name, tensor) in archive {
      if size + tensor.byteCount > maximumSize, shards.last?.isEmpty == false {
        shards.append([])
        size = 0
      }
      shards[shards.count - 1].append(name)
      size += tensor.byteCount
    }
    return shards
  }

  private static func fiveDigits(_ number: Int) -> String {
    String(repeating: "0", count: max(0, 5 - String(number).count)) + String(number)
  }
}
