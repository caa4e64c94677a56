import StrataCore

/// The format that a file's first bytes tell.
enum FileSignature {
  case zip
  case numPy
  case pickle
  case safetensors
  case json
  case onnx

  init?(_ buffer: Buffer) {
    defer { withExtendedLifetime(buffer) {} }
    let bytes = buffer.bytes
    let first = bytes.prefix(8)
    if first.starts(with: [0x50, 0x4b, 3, 4]) || first.starts(with: [0x50, 0x4b, 5, 6]) {
      self = .zip
    } else if first.starts(with: NumPy.magic) {
      self = .numPy
    } else if bytes.count > 9, bytes[8] == UInt8(ascii: "{"), bytes[5...7].allSatisfy({ $0 == 0 }) {
      // A header's length is far below 2⁴⁰, and no text has zeros.
      self = .safetensors
    } else if bytes.count > 2, bytes[0] == 0x80, bytes[1] <= 5 {
      self = .pickle
    } else if bytes.count > 3, bytes[0] == 8, (1...32).contains(bytes[1]),
      [0x12, 0x3a, 0x42].contains(bytes[2])
    {
      // Exporters begin with the version of the format, followed by their name, the graph or the operators' version.
      self = .onnx
    } else if bytes.first(where: { !" \t\r\n".utf8.contains($0) }) == UInt8(ascii: "{") {
      self = .json
    } else {
      return nil
    }
  }
}
