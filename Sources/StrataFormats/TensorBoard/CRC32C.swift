/// Castagnoli's cyclic redundancy check, as records of TensorFlow carry it.
enum CRC32C {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0x82f6_3b78 }
  }

  /// The check of some bytes.
  static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(UInt32.max) { check, byte in
      check >> 8 ^ table[Int(UInt8(truncatingIfNeeded: check) ^ byte)]
    }
  }

  /// The check as it is stored: turned and shifted, for a check of bytes that hold their own check is weak.
  static func masked(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let check = checksum(bytes)
    return (check >> 15 | check << 17) &+ 0xa282_ead8
  }
}
