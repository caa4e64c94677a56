import StrataCore

/// A look at a zip archive's end before libzip gets it, which reserves memory for as many entries
/// as the archive claims to have.
enum ZipDirectory {
  /// Requires that the file is large enough for the entries that any of its end records claims.
  static func requireHonestCounts(_ buffer: Buffer, name: String) throws(StrataError) {
    let bytes = UnsafeRawBufferPointer(start: buffer.pointer, count: buffer.byteCount)
    let (endSize, locatorSize, comment) = (22, 20, 0xffff)
    guard bytes.count >= endSize else {
      throw StrataError(.format, "\(name): invalid zip archive: the file has \(bytes.count) bytes")
    }
    let first = max(0, bytes.count - endSize - comment)
    for end in stride(from: bytes.count - endSize, through: first, by: -1)
    where bytes[end] == UInt8(ascii: "P") && bytes.integer(UInt32.self, at: end) == 0x0605_4b50 {
      let locator = end - locatorSize
      guard bytes.integer(UInt32.self, at: locator) == 0x0706_4b50,
        let place = bytes.integer(UInt64.self, at: locator + 8).flatMap({ Int(exactly: $0) }),
        bytes.integer(UInt32.self, at: place) == 0x0606_4b50
      else { continue }
      for field in [24, 32] {
        guard let count = bytes.integer(UInt64.self, at: place &+ field) else { continue }
        // An entry takes 46 bytes in the directory.
        guard count <= UInt64(bytes.count / 46) else {
          throw StrataError(
            .format, "\(name): the archive claims \(count) entries, which do not fit into its file")
        }
      }
    }
    withExtendedLifetime(buffer) {}
  }
}

extension UnsafeRawBufferPointer {
  /// A little-endian number at a place, or nil where it does not lie within the bytes.
  func integer<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type, at place: Int) -> Number? {
    guard place >= 0, place <= count - MemoryLayout<Number>.size else { return nil }
    return Number(littleEndian: loadUnaligned(fromByteOffset: place, as: type))
  }
}
