import StrataCore

/// The file format safetensors: the length of a header, the header in JSON, the elements of all tensors.
public enum Safetensors {
  /// Element types by the name that the format gives them.
  static let types: [(name: String, type: DType)] = [
    ("F64", .float64), ("F32", .float32), ("F16", .float16), ("BF16", .bfloat16), ("I64", .int64),
    ("I32", .int32), ("U8", .uint8), ("BOOL", .bool),
  ]

  /// The longest header that the format allows.
  static let greatestHeader = 100_000_000

  /// The member of the header that is no tensor.
  static let metadataName = "__metadata__"

  /// Reads a file. The tensors are views of the mapped file: nothing is copied or read before it is used.
  public static func read(_ path: String) throws(StrataError) -> TensorArchive {
    try decode(try FileSystem.map(path), name: path)
  }

  /// Reads a file that is already in memory; `name` is what messages call it.
  public static func decode(_ buffer: Buffer, name: String) throws(StrataError) -> TensorArchive {
    var reader = SafetensorsReader(buffer: buffer, name: name)
    return try withExtendedLifetime(buffer) { () throws(StrataError) in try reader.archive() }
  }
}

/// The checks between a file's bytes and its tensors, each with its sentence.
private struct SafetensorsReader {
  let buffer: Buffer
  let name: String
  /// Where the elements begin.
  var dataStart = 0

  /// What the header says of a tensor.
  private struct Entry {
    let name: String
    let type: DType
    let shape: Shape
    let begin: Int
    let end: Int
  }

  init(buffer: Buffer, name: String) {
    self.buffer = buffer
    self.name = name
  }

  mutating func archive() throws(StrataError) -> TensorArchive {
    let header = try header()
    var archive = TensorArchive()
    var entries: [Entry] = []
    for (name, value) in header {
      if name == Safetensors.metadataName {
        archive.metadata = try metadata(value)
      } else {
        entries.append(try entry(name, value))
      }
    }
    try requireCoverage(entries)
    for entry in entries { archive[entry.name] = try tensor(entry) }
    return archive
  }

  private func error(_ message: String) -> StrataError { StrataError(.format, "\(name): \(message)") }

  private mutating func header() throws(StrataError) -> JSONObject {
    guard buffer.byteCount >= 8 else {
      throw error("a safetensors file begins with 8 bytes for a length, and this one has \(buffer.byteCount)")
    }
    let length = UInt64(littleEndian: buffer.pointer.loadUnaligned(as: UInt64.self))
    let space = buffer.byteCount - 8
    guard length <= UInt64(space) else {
      throw error("the header is said to have \(length) bytes, and the file has \(space) after its length")
    }
    guard length <= UInt64(Safetensors.greatestHeader) else {
      throw error("the header has \(length) bytes, and the format allows \(Safetensors.greatestHeader)")
    }
    dataStart = 8 + Int(length)
    let text = UnsafeRawBufferPointer(start: buffer.pointer + 8, count: Int(length))
    guard text.first == UInt8(ascii: "{") else { throw error("the header does not begin with '{'") }
    let value = try JSONValue.parse(text, name: "\(name): header")
    guard let header = value.object else { throw error("the header is \(value.kind), not an object") }
    return header
  }

  private func metadata(_ value: JSONValue) throws(StrataError) -> [String: String] {
    guard let members = value.object else {
      throw error("\(Safetensors.metadataName) is \(value.kind), not an object")
    }
    var metadata: [String: String] = [:]
    for (name, value) in members {
      guard let text = value.string else {
        throw error("\(Safetensors.metadataName) has \(value.kind) under \"\(name)\", not a string")
      }
      metadata[name] = text
    }
    return metadata
  }

  private func entry(_ name: String, _ value: JSONValue) throws(StrataError) -> Entry {
    let label = "tensor \"\(name)\""
    guard let typeName = value["dtype"]?.string else { throw error("\(label) has no dtype") }
    guard let type = Safetensors.types.first(where: { $0.name == typeName })?.type else {
      let known = Safetensors.types.map(\.name).joined(separator: ", ")
      throw error("\(label) has elements of type \(typeName); those that can be read are \(known)")
    }
    guard let sizes = value["shape"].flatMap(naturals) else {
      throw error("\(label) has no shape of sizes that are not negative")
    }
    guard let offsets = value["data_offsets"].flatMap(naturals), offsets.count == 2,
      offsets[0] <= offsets[1]
    else { throw error("\(label) has no data_offsets of two rising numbers") }
    let (shape, begin, end) = (Shape(sizes), offsets[0], offsets[1])
    let available = buffer.byteCount - dataStart
    guard end <= available else {
      throw error("\(label) ends at byte \(end) of the data but the file has \(available)")
    }
    let size = shape.checkedElementCount.map { $0.multipliedReportingOverflow(by: type.byteCount) }
    guard let size, !size.overflow, size.partialValue == end - begin else {
      throw error("\(label) has \(end - begin) bytes, which do not make \(shape) of \(typeName)")
    }
    return Entry(name: name, type: type, shape: shape, begin: begin, end: end)
  }

  private func naturals(_ value: JSONValue) -> [Int]? {
    guard let numbers = value.array?.compactMap(\.integer), numbers.count == value.array?.count,
      numbers.allSatisfy({ $0 >= 0 })
    else { return nil }
    return numbers
  }

  /// Requires that the tensors fill the data without overlaps and gaps, where anything could hide.
  private func requireCoverage(_ entries: [Entry]) throws(StrataError) {
    var end = 0
    var previous = "the header"
    for entry in entries.sorted(by: { ($0.begin, $0.end) < ($1.begin, $1.end) }) {
      let label = "tensor \"\(entry.name)\""
      guard entry.begin >= end else {
        throw error("\(label) begins at byte \(entry.begin) of the data, within \(previous)")
      }
      guard entry.begin == end else {
        throw error("bytes \(end) to \(entry.begin) of the data, before \(label), belong to no tensor")
      }
      end = entry.end
      previous = label
    }
    let available = buffer.byteCount - dataStart
    guard end == available else {
      throw error("the tensors end at byte \(end) of the data but the file has \(available)")
    }
  }

  private func tensor(_ entry: Entry) throws(StrataError) -> HostTensor {
    let offset = dataStart + entry.begin
    if entry.type == .bool {
      let bytes = UnsafeRawBufferPointer(start: buffer.pointer + offset, count: entry.end - entry.begin)
      if let wrong = bytes.first(where: { $0 > 1 }) {
        throw error("tensor \"\(entry.name)\" has a truth value of \(wrong), which is neither 0 nor 1")
      }
    }
    return HostTensor(mapped: buffer, at: offset, dtype: entry.type, shape: entry.shape)
  }
}

extension HostTensor {
  /// A view of elements in a file, or a copy where their address does not suit their type.
  package init(mapped buffer: Buffer, at offset: Int, dtype: DType, shape: Shape) {
    let view = HostTensor(dtype: dtype, shape: shape, buffer: buffer, byteOffset: offset)
    let isAligned = UInt(bitPattern: view.pointer) % UInt(dtype.byteCount) == 0
    self = isAligned ? view : view.copied()
  }
}
