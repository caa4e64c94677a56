import CJPEG
import StrataCore

/// Decodes JPEG by way of libjpeg-turbo.
struct JPEGDecoder {
  let name: String
  let bytes: Bytes
  let pixelLimit: Int

  /// The pixels as they lie in the file, and how they are to be turned.
  func decode() throws(StrataError) -> (image: Image, orientation: Orientation) {
    guard let handle = tjInitDecompress() else {
      throw StrataError(.memory, "\(name): libjpeg-turbo cannot start")
    }
    defer { tjDestroy(handle) }
    let structure = JPEGStructure(bytes)
    let (width, height) = try size(handle, structure)
    switch structure.components {
    case 1, 3:
      let image = try Image(width: width, height: height) { pixels throws(StrataError) in
        try decompress(handle, width, height, into: pixels, format: TJPF_RGB, channels: 3)
      }
      return (image, structure.orientation)
    case 4: return (try inks(handle, width, height), structure.orientation)
    default: throw failure("its pixels have \(structure.components) components; 1, 3 and 4 are read")
    }
  }

  /// The size in the header, once it is certain that such a picture can be in so many bytes.
  private func size(_ handle: tjhandle, _ structure: JPEGStructure) throws(StrataError) -> (Int, Int) {
    var (width, height, subsampling, space) = (CInt(0), CInt(0), CInt(0), CInt(0))
    let source = bytes.raw.assumingMemoryBound(to: UInt8.self)
    let status = tjDecompressHeader3(
      handle, source.baseAddress, CUnsignedLong(bytes.count), &width, &height, &subsampling, &space)
    // An unusual subsampling counts as a failure, but the size is known then and the pixels can be had.
    guard structure.isUsable, width > 0, height > 0 else {
      throw status == 0 || !JPEGStructure.isComplete(bytes) ? truncated() : failure(lastMessage(handle))
    }
    let size = (Int(width), Int(height))
    try PixelLimit.check(name, size.0, size.1, limit: pixelLimit)
    // A block of 8 × 8 takes a bit or more.
    let blocks = (size.0 + 7) / 8 * ((size.1 + 7) / 8)
    guard structure.isArithmetic || blocks / 8 <= bytes.count else {
      throw failure("\(bytes.count) bytes cannot hold the \(width) × \(height) pixels that it announces")
    }
    return size
  }

  private func decompress(
    _ handle: tjhandle, _ width: Int, _ height: Int, into pixels: UnsafeMutablePointer<UInt8>, format: TJPF,
    channels: Int
  ) throws(StrataError) {
    let source = bytes.raw.assumingMemoryBound(to: UInt8.self)
    let status = tjDecompress2(
      handle, source.baseAddress, CUnsignedLong(bytes.count), pixels, CInt(width), CInt(width * channels),
      CInt(height), format.rawValue, TJFLAG_LIMITSCANS)
    guard status != 0 else { return }
    // Like Pillow, a picture with damaged places is taken, and one that stops short is not.
    guard tjGetErrorCode(handle) == CInt(TJERR_WARNING.rawValue) else {
      throw failure(lastMessage(handle))
    }
    guard JPEGStructure.isComplete(bytes) else { throw truncated() }
  }

  /// Four inks, inverted as Adobe's programs write them, turned into light as Pillow does.
  private func inks(_ handle: tjhandle, _ width: Int, _ height: Int) throws(StrataError) -> Image {
    let buffer = Buffer(byteCount: width * height * 4)
    let start = buffer.pointer.bindMemory(to: UInt8.self, capacity: buffer.byteCount)
    defer { withExtendedLifetime(buffer) {} }
    try decompress(handle, width, height, into: start, format: TJPF_CMYK, channels: 4)
    return Image(width: width, height: height) { pixels in
      nonisolated(unsafe) let (source, target) = (start, pixels)
      Parallel.forEachRange(of: width * height, grain: 1 << 16) { range in
        for index in range {
          let black = Int32(source[index * 4 + 3])
          for channel in 0..<3 {
            let product = (255 - Int32(source[index * 4 + channel])) * black + 128
            let light = black - (product >> 8 + product) >> 8
            target[index * 3 + channel] = UInt8(clamping: light)
          }
        }
      }
    }
  }

  private func lastMessage(_ handle: tjhandle) -> String {
    guard let text = tjGetErrorStr2(handle) else { return "libjpeg-turbo gives no reason" }
    return String(cString: text)
  }

  private func truncated() -> StrataError {
    StrataError(.format, "\(name): the JPEG is truncated: \(bytes.count) bytes do not reach its end")
  }

  private func failure(_ reason: String) -> StrataError {
    StrataError(.format, "\(name): the JPEG cannot be decoded: \(reason)")
  }
}
