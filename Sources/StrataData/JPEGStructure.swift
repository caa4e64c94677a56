#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What a JPEG says of itself before its pixels.
struct JPEGStructure {
  /// Colours of a pixel: 1 grey, 3 colours, 4 inks.
  private(set) var components = 0
  /// Whether the pixels are coded by arithmetic, which has no least size.
  private(set) var isArithmetic = false
  /// Whether a frame header and the beginning of a scan were found.
  private(set) var isUsable = false
  /// How the picture is turned.
  private(set) var orientation = Orientation.upright

  /// Reads the segments before the first scan.
  init(_ bytes: Bytes) {
    var markers = JPEGMarkers(bytes)
    var exif: [UInt8] = []
    var xmp: Bytes?
    while let (code, payload) = markers.next(), code != JPEGMarkers.end {
      switch code {
      case 0xc0...0xcf where ![0xc4, 0xc8, 0xcc].contains(code):
        components = Int(payload[5] ?? 0)
        isArithmetic = code > 0xc8
      case 0xe1 where payload.has("Exif\0\0", at: 0):
        // A block that is too long for one segment goes on in the next.
        exif += payload.raw.dropFirst(6)
      case 0xe1 where payload.has("http://ns.adobe.com/xap/1.0/\0", at: 0):
        xmp = payload.slice(29..<payload.count)
      case JPEGMarkers.scan:
        isUsable = components > 0
        orientation = Orientation(exif: exif, xmp: xmp)
        return
      default: break
      }
    }
  }

  /// Whether the markers lead to the end of the picture.
  static func isComplete(_ bytes: Bytes) -> Bool {
    var markers = JPEGMarkers(bytes)
    while let (code, _) = markers.next() {
      if code == JPEGMarkers.end { return true }
    }
    return false
  }
}

/// The markers of a JPEG in the order in which they stand; coded pixels between them are passed over.
struct JPEGMarkers: IteratorProtocol {
  static let scan: UInt8 = 0xda
  static let end: UInt8 = 0xd9

  private let bytes: Bytes
  /// Behind the marker that starts the file.
  private var position = 2

  init(_ bytes: Bytes) { self.bytes = bytes }

  /// The next marker and its payload; nil where the bytes end first.
  mutating func next() -> (code: UInt8, payload: Bytes)? {
    while let start = bytes.raw.baseAddress, position < bytes.count,
      let found = memchr(start + position, 0xff, bytes.count - position)
    {
      position = UnsafeRawPointer(found) - start + 1
      while bytes[position] == 0xff { position += 1 }
      guard let code = bytes[position] else { return nil }
      position += 1
      switch code {
      case 0x00, 0x01, 0xd0...0xd8: continue  // an escaped byte, a restart: nothing that has a length
      case Self.end: return (code, Bytes(raw: .init(start: nil, count: 0)))
      default:
        guard let length = bytes.uint16(at: position), length >= 2, length <= bytes.count - position else {
          return nil
        }
        defer { position += length }
        return (code, bytes.slice(position + 2..<position + length))
      }
    }
    return nil
  }
}
