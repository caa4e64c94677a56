import StrataCore

/// PyTorch's checkpoints, `.pth` and `.pt`: zip archives since version 1.6, a row of pickles before.
///
/// They are pickles, which elsewhere may run any program. Here only tensors and plain containers are read, and
/// everything else is refused by its name.
public enum PyTorchCheckpoint {
  /// Reads a file. In the usual case tensors are views of the mapped file.
  public static func read(_ path: String) throws(StrataError) -> CheckpointValue {
    try decode(try FileSystem.map(path), name: path)
  }

  /// Reads a file that is already in memory; `name` is what messages call it.
  public static func decode(_ buffer: Buffer, name: String) throws(StrataError) -> CheckpointValue {
    defer { withExtendedLifetime(buffer) {} }
    if FileSignature(buffer) == .zip {
      return try decode(try ZipArchive(buffer, name: name), fileSize: buffer.byteCount, name: name)
    }
    return try LegacyCheckpoint(buffer: buffer, name: name).value()
  }

  /// Whether an archive is a checkpoint.
  static func folder(of archive: ZipArchive) -> String? {
    archive.names.first { $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }.map { String($0.dropLast(8)) }
  }

  static func decode(
    _ archive: ZipArchive, fileSize: Int, name: String
  ) throws(StrataError) -> CheckpointValue {
    guard let folder = folder(of: archive), let pickle = archive.entries[folder + "data.pkl"] else {
      throw StrataError(.format, "\(name): the archive has no data.pkl: it is no checkpoint of PyTorch")
    }
    if archive.entries[folder + "constants.pkl"] != nil {
      throw StrataError(
        .format, "\(name): this is a TorchScript program; save the model's state_dict() and load that")
    }
    if let order = archive.entries[folder + "byteorder"] {
      let text = try archive.contents(order)
      guard withExtendedLifetime(text, { text.bytes.elementsEqual("little".utf8) }) else {
        throw StrataError(.format, "\(name): the file was written by a machine of another byte order")
      }
    }
    let contents = try archive.contents(pickle)
    defer { withExtendedLifetime(contents) {} }
    var reader = PickleReader(contents.bytes, name: name)
    let root = try reader.read()
    let storages = StorageReader(fileSize: fileSize, name: name) { key throws(StrataError) in
      try archive.entries["\(folder)data/\(key)"].map { entry throws(StrataError) in
        try archive.contents(entry)
      }
    }
    var tree = PickleTree(reader.heap, name: name, storages: storages)
    return try tree.value(root)
  }
}

extension Buffer {
  /// The bytes, which are there as long as the buffer is.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: pointer, count: byteCount) }
}

/// The format before version 1.6: a magic number, a version, facts about the machine, the object and the
/// keys of its storages, each pickled, and then the storages.
private struct LegacyCheckpoint {
  let buffer: Buffer
  let name: String

  private func error(_ message: String) -> StrataError { StrataError(.format, "\(name): \(message)") }

  func value() throws(StrataError) -> CheckpointValue {
    var reader = PickleReader(buffer.bytes, name: name)
    // The number is larger than an integer, and is compared as it was written.
    let magic: [UInt8] = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]
    _ = try reader.read()
    guard buffer.bytes.prefix(reader.position).dropFirst(2).prefix(magic.count).elementsEqual(magic) else {
      throw error("this is a pickle, but no checkpoint of PyTorch")
    }
    let version = try reader.read()
    guard case .integer(1001) = reader.heap[version] else {
      throw error("the checkpoint has an unknown version")
    }
    let machine = try reader.read()
    guard !isBigEndian(machine, reader.heap) else {
      throw error("the file was written by a machine of another byte order")
    }
    let root = try reader.read()
    let keys = try reader.read()
    let places = try places(keys, reader)
    let storages = StorageReader(fileSize: buffer.byteCount, name: name) { key throws(StrataError) in
      places[key].map { Buffer(pointer: buffer.pointer + $0.lowerBound, byteCount: $0.count, owner: buffer) }
    }
    var tree = PickleTree(reader.heap, name: name, storages: storages)
    return try tree.value(root)
  }

  private func isBigEndian(_ machine: PickleID, _ heap: PickleHeap) -> Bool {
    guard case .dictionary(let list) = heap[machine] else { return false }
    let items = heap.lists[list]
    return stride(from: 0, to: items.count - 1, by: 2).contains { index in
      guard case .string("little_endian") = heap[items[index]],
        case .bool(let isLittle) = heap[items[index + 1]]
      else { return false }
      return !isLittle
    }
  }

  /// Where each storage lies: they follow each other in the order of their keys, each behind its length.
  private func places(_ keys: PickleID, _ reader: PickleReader) throws(StrataError) -> [String: Range<Int>] {
    guard case .list(let list) = reader.heap[keys] else { throw error("the list of storages is missing") }
    var types: [String: TorchType] = [:]
    for case .storage(let storage) in reader.heap.objects { types[storage.key] = storage.type }
    var places: [String: Range<Int>] = [:]
    var position = reader.position
    for id in reader.heap.lists[list] {
      guard case .string(let key) = reader.heap[id], let type = types[key] else {
        throw error("the list of storages names one that no tensor uses")
      }
      guard let count = buffer.bytes.integer(Int64.self, at: position) else {
        throw error("the file ends before storage \(quoted(key))")
      }
      let available = buffer.byteCount - position - 8
      guard count >= 0, count <= available / type.byteCount else {
        throw error("storage \(quoted(key)) is said to have \(count) elements, and \(available) bytes follow")
      }
      let start = position + 8
      position = start + Int(count) * type.byteCount
      guard places.updateValue(start..<position, forKey: key) == nil else {
        throw error("storage \(quoted(key)) occurs twice")
      }
    }
    return places
  }
}
