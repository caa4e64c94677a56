import StrataCore

/// Writes a zip archive of entries that are stored as they are, each beginning on a cache line:
/// what libzip cannot promise, and what lets readers map them.
package struct ZipWriter {
  private struct Record {
    let name: [UInt8]
    let checksum: UInt32
    let byteCount: Int
    let offset: Int
  }

  private var records: [Record] = []
  private var offset = 0
  /// Numbers from here on use the fields of 64 bits; tests set it low.
  private let limit: Int

  package init(limit: Int = 0xffff_ffff) { self.limit = limit }

  /// Appends an entry whose contents are the parts, one after the other.
  package mutating func add(
    _ name: String, _ parts: [UnsafeRawBufferPointer], to writer: inout FileWriter
  ) throws(StrataError) {
    var checksum = Checksum()
    for part in parts { checksum.add(part) }
    let record = Record(
      name: Array(name.utf8), checksum: checksum.value, byteCount: parts.reduce(0) { $0 + $1.count },
      offset: offset)
    let isLarge = record.byteCount >= limit
    var extra = LittleEndianBytes()
    if isLarge { extra.append64BitSizes([record.byteCount, record.byteCount]) }
    // The field that pads to a cache line, as PyTorch's own writer does it.
    let padding = -(offset + 30 + record.name.count + extra.bytes.count + 4) & 63
    extra.append(UInt16(0x4246), UInt16(padding))
    extra.bytes += [UInt8](repeating: 0, count: padding)

    var header = LittleEndianBytes()
    header.append(UInt32(0x0403_4b50))
    append(record, isLarge: isLarge, sizesAre64Bit: isLarge, to: &header)
    header.append(UInt16(record.name.count), UInt16(extra.bytes.count))
    try writer.write(header.bytes + record.name + extra.bytes)
    for part in parts { try writer.write(part) }
    offset += header.bytes.count + record.name.count + extra.bytes.count + record.byteCount
    records.append(record)
  }

  /// Appends an entry of bytes that are at hand.
  package mutating func add(_ name: String, _ bytes: [UInt8], to writer: inout FileWriter) throws(StrataError)
  {
    let tensor = HostTensor(bytes)
    try add(name, [tensor.bytes], to: &writer)
    withExtendedLifetime(tensor) {}
  }

  /// What local headers and the directory say alike: version, flags, method, date, sum and sizes.
  private func append(
    _ record: Record, isLarge: Bool, sizesAre64Bit: Bool, to header: inout LittleEndianBytes
  ) {
    // Names are UTF-8; the date is the format's first, so that equal tensors make equal files.
    header.append(UInt16(isLarge ? 45 : 20), UInt16(0x800), UInt16(0), UInt16(0), UInt16(0x21))
    let size = sizesAre64Bit ? UInt32.max : UInt32(record.byteCount)
    header.append(record.checksum, size, size)
  }

  /// Appends the directory, which ends the archive.
  package mutating func finish(_ writer: inout FileWriter) throws(StrataError) {
    let start = offset
    for record in records {
      let (isLarge, isFar) = (record.byteCount >= limit, record.offset >= limit)
      var extra = LittleEndianBytes()
      if isLarge || isFar {
        extra.append64BitSizes(
          (isLarge ? [record.byteCount, record.byteCount] : []) + (isFar ? [record.offset] : []))
      }
      var header = LittleEndianBytes()
      header.append(UInt32(0x0201_4b50))
      header.append(UInt16(45))
      append(record, isLarge: isLarge || isFar, sizesAre64Bit: isLarge, to: &header)
      header.append(UInt16(record.name.count), UInt16(extra.bytes.count), UInt16(0), UInt16(0), UInt16(0))
      header.append(UInt32(0), isFar ? UInt32.max : UInt32(record.offset))
      header.bytes += record.name + extra.bytes
      try writer.write(header.bytes)
      offset += header.bytes.count
    }
    try writer.write(end(directory: start..<offset))
  }

  private func end(directory: Range<Int>) -> [UInt8] {
    var end = LittleEndianBytes()
    let isLarge = records.count >= min(limit, 0xffff) || directory.upperBound >= limit
    let count = UInt64(records.count)
    if isLarge {
      end.append(UInt32(0x0606_4b50))
      end.append(UInt64(44))
      end.append(UInt16(45), UInt16(45))
      end.append(UInt32(0), UInt32(0))
      end.append(count, count, UInt64(directory.count), UInt64(directory.lowerBound))
      end.append(UInt32(0x0706_4b50), UInt32(0))
      end.append(UInt64(directory.upperBound))
      end.append(UInt32(1))
    }
    end.append(UInt32(0x0605_4b50), UInt32(0))
    let shortCount = isLarge ? UInt16.max : UInt16(count)
    end.append(shortCount, shortCount)
    end.append(
      isLarge ? UInt32.max : UInt32(directory.count), isLarge ? UInt32.max : UInt32(directory.lowerBound))
    end.append(UInt16(0))
    return end.bytes
  }
}

/// Numbers written with the lowest byte first.
struct LittleEndianBytes {
  var bytes: [UInt8] = []

  mutating func append<Number: FixedWidthInteger & UnsignedInteger>(_ numbers: Number...) {
    for number in numbers {
      for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: number >> Number(shift)))
      }
    }
  }

  /// The extra field of a zip entry for what does not fit into 32 bits.
  fileprivate mutating func append64BitSizes(_ sizes: [Int]) {
    append(UInt16(1), UInt16(8 * sizes.count))
    for size in sizes { append(UInt64(size)) }
  }
}

extension HostTensor {
  /// The elements as bytes; they are there as long as the tensor is.
  package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: pointer, count: byteCount) }
}

/// The check sum of zip archives, CRC-32, eight bytes at a time.
package struct Checksum {
  private var state: UInt32 = 0xffff_ffff

  package init() {}

  package var value: UInt32 { ~state }

  /// Eight tables of 256: the effect of a byte that is followed by 0 to 7 others.
  private static let tables: [UInt32] = {
    var tables: [UInt32] = []
    for byte in UInt32(0)..<256 {
      var sum = byte
      for _ in 0..<8 { sum = sum & 1 == 1 ? (sum >> 1) ^ 0xedb8_8320 : sum >> 1 }
      tables.append(sum)
    }
    for index in 256..<2048 {
      let previous = tables[index - 256]
      tables.append(tables[Int(previous & 0xff)] ^ (previous >> 8))
    }
    return tables
  }()

  package mutating func add(_ bytes: UnsafeRawBufferPointer) {
    state = Self.tables.withUnsafeBufferPointer { tables in
      var state = state
      var place = 0
      while bytes.count - place >= 8 {
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
        let mixed = word ^ UInt64(state)
        state = 0
        for index in 0..<8 {
          let byte = UInt8(truncatingIfNeeded: mixed >> UInt64(8 * index))
          state ^= tables[(7 - index) * 256 + Int(byte)]
        }
        place += 8
      }
      for byte in bytes[place...] {
        state = tables[Int(UInt8(truncatingIfNeeded: state) ^ byte)] ^ (state >> 8)
      }
      return state
    }
  }
}
