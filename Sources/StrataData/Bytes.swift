/// Numbers in a file's bytes; what lies outside reads as nil.
struct Bytes {
  let raw: UnsafeRawBufferPointer

  var count: Int { raw.count }

  subscript(index: Int) -> UInt8? { raw.indices.contains(index) ? raw[index] : nil }

  /// Whether `text` stands at `offset`.
  func has(_ text: StaticString, at offset: Int) -> Bool {
    guard offset >= 0, text.utf8CodeUnitCount <= count - offset else { return false }
    return (0..<text.utf8CodeUnitCount).allSatisfy { raw[offset + $0] == text.utf8Start[$0] }
  }

  func uint16(at offset: Int, littleEndian: Bool = false) -> Int? {
    guard offset >= 0, offset <= count - 2 else { return nil }
    let value = raw.loadUnaligned(fromByteOffset: offset, as: UInt16.self)
    return Int(littleEndian ? UInt16(littleEndian: value) : UInt16(bigEndian: value))
  }

  func uint32(at offset: Int, littleEndian: Bool = false) -> Int? {
    guard offset >= 0, offset <= count - 4 else { return nil }
    let value = raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
    return Int(littleEndian ? UInt32(littleEndian: value) : UInt32(bigEndian: value))
  }

  func slice(_ range: Range<Int>) -> Bytes {
    Bytes(raw: UnsafeRawBufferPointer(rebasing: raw[range.clamped(to: raw.indices)]))
  }
}
