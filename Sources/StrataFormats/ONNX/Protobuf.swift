import StrataCore

/// A message in the wire format of Protocol Buffers while it is put together. Elements of tensors are
/// referred to, not copied: a model of half a gigabyte is written without a second one in memory.
struct ProtobufMessage {
  enum Part {
    case bytes([UInt8])
    case tensor(HostTensor)
  }

  private(set) var parts: [Part] = []
  private(set) var byteCount = 0

  mutating func add(_ field: Int, _ value: Int) { append(Self.tag(field, 0) + Self.varint(value)) }

  mutating func add(_ field: Int, _ value: Float) {
    var bytes = LittleEndianBytes()
    bytes.append(value.bitPattern)
    append(Self.tag(field, 5) + bytes.bytes)
  }

  mutating func add(_ field: Int, _ value: Double) {
    var bytes = LittleEndianBytes()
    bytes.append(value.bitPattern)
    append(Self.tag(field, 1) + bytes.bytes)
  }

  mutating func add(_ field: Int, _ text: String) {
    let text = Array(text.utf8)
    append(Self.tag(field, 2) + Self.varint(text.count) + text)
  }

  mutating func add(_ field: Int, _ message: ProtobufMessage) {
    append(Self.tag(field, 2) + Self.varint(message.byteCount))
    for part in message.parts {
      switch part {
      case .bytes(let bytes): append(bytes)
      case .tensor(let tensor): append(tensor)
      }
    }
  }

  /// The elements of a tensor as bytes.
  mutating func add(_ field: Int, elements tensor: HostTensor) {
    append(Self.tag(field, 2) + Self.varint(tensor.byteCount))
    append(tensor)
  }

  mutating func add(_ field: Int, packed values: [Int]) {
    let bytes = values.flatMap(Self.varint)
    append(Self.tag(field, 2) + Self.varint(bytes.count) + bytes)
  }

  mutating func add(_ field: Int, packed values: [Float]) {
    var bytes = LittleEndianBytes()
    for value in values { bytes.append(value.bitPattern) }
    append(Self.tag(field, 2) + Self.varint(bytes.bytes.count) + bytes.bytes)
  }

  /// The whole message, elements of tensors copied.
  var bytes: [UInt8] {
    parts.flatMap { part in
      switch part {
      case .bytes(let bytes): bytes
      case .tensor(let tensor): withExtendedLifetime(tensor.buffer) { Array(tensor.bytes) }
      }
    }
  }

  private mutating func append(_ bytes: [UInt8]) {
    byteCount += bytes.count
    if case .bytes(var last)? = parts.last {
      parts.removeLast()
      last += bytes
      parts.append(.bytes(last))
    } else {
      parts.append(.bytes(bytes))
    }
  }

  private mutating func append(_ tensor: HostTensor) {
    byteCount += tensor.byteCount
    parts.append(.tensor(tensor))
  }

  private static func tag(_ field: Int, _ type: Int) -> [UInt8] { varint(field << 3 | type) }

  private static func varint(_ value: Int) -> [UInt8] {
    var rest = UInt64(bitPattern: Int64(value))
    var bytes: [UInt8] = []
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
}

/// A field of a message that is read.
struct ProtobufField {
  enum Value {
    case integer(UInt64)
    case fixed64(UInt64)
    case fixed32(UInt32)
    case bytes(UnsafeRawBufferPointer)
  }

  let number: Int
  let value: Value
  let name: String

  private func mismatch() -> StrataError {
    StrataError(.format, "\(name): invalid ONNX: field \(number) has a type that it cannot have")
  }

  func integer() throws(StrataError) -> Int {
    guard case .integer(let value) = value else { throw mismatch() }
    return Int(truncatingIfNeeded: value)
  }

  func float() throws(StrataError) -> Float {
    guard case .fixed32(let bits) = value else { throw mismatch() }
    return Float(bitPattern: bits)
  }

  func bytes() throws(StrataError) -> UnsafeRawBufferPointer {
    guard case .bytes(let bytes) = value else { throw mismatch() }
    return bytes
  }

  func text() throws(StrataError) -> String {
    guard let text = String(validating: try bytes(), as: UTF8.self) else {
      throw StrataError(.format, "\(name): invalid ONNX: a text is not UTF-8")
    }
    return text
  }

  func message() throws(StrataError) -> ProtobufReader { ProtobufReader(try bytes(), name: name) }

  /// Appends the numbers of a repeated field, which come one by one or packed.
  func append(to numbers: inout [Int]) throws(StrataError) {
    guard case .bytes(let bytes) = value else {
      numbers.append(try integer())
      return
    }
    var reader = ProtobufReader(bytes, name: name)
    while !reader.isAtEnd { numbers.append(Int(truncatingIfNeeded: try reader.varint())) }
  }

  /// Appends the numbers of a repeated field, which come one by one or packed.
  func append(to numbers: inout [Float]) throws(StrataError) {
    guard case .bytes(let bytes) = value else {
      numbers.append(try float())
      return
    }
    guard bytes.count % 4 == 0 else { throw mismatch() }
    for place in stride(from: 0, to: bytes.count, by: 4) {
      numbers.append(Float(bitPattern: bytes.integer(UInt32.self, at: place) ?? 0))
    }
  }

  /// Appends the numbers of a repeated field, which come one by one or packed.
  func append(to numbers: inout [Double]) throws(StrataError) {
    switch value {
    case .fixed64(let bits): numbers.append(Double(bitPattern: bits))
    case .bytes(let bytes) where bytes.count % 8 == 0:
      for place in stride(from: 0, to: bytes.count, by: 8) {
        numbers.append(Double(bitPattern: bytes.integer(UInt64.self, at: place) ?? 0))
      }
    case .bytes, .integer, .fixed32: throw mismatch()
    }
  }
}

/// Reads the fields of a message one after the other. What they refer to must stay in memory meanwhile.
struct ProtobufReader {
  private let bytes: UnsafeRawBufferPointer
  private let name: String
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer, name: String) {
    self.bytes = bytes
    self.name = name
  }

  var isAtEnd: Bool { position == bytes.count }

  private func error(_ message: String) -> StrataError {
    StrataError(.format, "\(name): invalid ONNX: \(message)")
  }

  /// The next field, or nil at the end.
  mutating func next() throws(StrataError) -> ProtobufField? {
    guard !isAtEnd else { return nil }
    let tag = try varint()
    guard let number = Int(exactly: tag >> 3), (1..<1 << 29).contains(number) else {
      throw error("a field has no proper number")
    }
    let value: ProtobufField.Value
    switch tag & 7 {
    case 0: value = .integer(try varint())
    case 1: value = .fixed64(try fixed(UInt64.self))
    case 5: value = .fixed32(try fixed(UInt32.self))
    case 2:
      let length = try varint()
      guard let count = Int(exactly: length), count <= bytes.count - position else {
        throw error("a field is said to have \(length) bytes, and \(bytes.count - position) follow")
      }
      value = .bytes(UnsafeRawBufferPointer(rebasing: bytes[position..<position + count]))
      position += count
    default: throw error("a field has the unknown type \(tag & 7)")
    }
    return ProtobufField(number: number, value: value, name: name)
  }

  mutating func varint() throws(StrataError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 70, by: 7) {
      guard position < bytes.count else { throw error("the file ends within a number") }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7f) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    throw error("a number has more than 64 bits")
  }

  private mutating func fixed<Number: FixedWidthInteger & BitwiseCopyable>(
    _ type: Number.Type
  ) throws(StrataError) -> Number {
    guard let value = bytes.integer(type, at: position) else { throw error("the file ends within a number") }
    position += MemoryLayout<Number>.size
    return value
  }
}
