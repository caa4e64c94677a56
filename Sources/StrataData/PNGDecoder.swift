import CPNG
import StrataCore

/// Decodes PNG by way of libpng, to the colours that Pillow's `convert("RGB")` gives: samples as they are
/// stored, alpha and transparent colours dropped, 16-bit colours cut to their upper byte, and 16-bit grey,
/// which Pillow takes for integers, limited to 255.
struct PNGDecoder {
  let name: String
  let bytes: Bytes
  let pixelLimit: Int

  /// The limit that libpng itself has unless told otherwise.
  private static let longestSide = 1_000_000

  /// The pixels as they lie in the file, and how they are to be turned.
  func decode() throws(StrataError) -> (image: Image, orientation: Orientation) {
    guard bytes.count >= 33 else { throw failure("its data end early") }
    guard bytes.uint32(at: 8) == 13, bytes.has("IHDR", at: 12), let width = bytes.uint32(at: 16),
      let height = bytes.uint32(at: 20), let depth = bytes[24], let type = bytes[25], width > 0, height > 0
    else { throw failure("it does not begin with a header") }
    try PixelLimit.check(name, width, height, limit: pixelLimit)
    // libpng holds whole rows, of up to eight bytes a pixel.
    guard max(width, height) <= Self.longestSide else {
      throw failure("\(width) × \(height) pixels: a side has at most \(Self.longestSide)")
    }
    let chunks = PNGChunks(bytes)
    guard let channels = [0: 1, 2: 3, 3: 1, 4: 2, 6: 4][type], [1, 2, 4, 8, 16].contains(depth) else {
      throw failure("there is no colour type \(type) of \(depth) bits")
    }
    // Deflate makes at best 1 byte of 1032.
    guard width * height * channels * Int(depth) / 8 <= (chunks.dataCount + 1) * 1032 else {
      throw failure("\(bytes.count) bytes cannot hold the \(width) × \(height) pixels that it announces")
    }
    if type == 0 && depth == 16 { return (try deepGrey(width, height), chunks.orientation) }
    let image = try Image(width: width, height: height) { pixels throws(StrataError) in
      try read(width, height, keepsGrey16: false, into: pixels)
    }
    return (image, chunks.orientation)
  }

  private func deepGrey(_ width: Int, _ height: Int) throws(StrataError) -> Image {
    let samples = Buffer(byteCount: width * height * 2)
    defer { withExtendedLifetime(samples) {} }
    let source = samples.pointer.bindMemory(to: UInt8.self, capacity: samples.byteCount)
    try read(width, height, keepsGrey16: true, into: source)
    return Image(width: width, height: height) { pixels in
      for index in 0..<width * height {
        let value = source[index * 2] == 0 ? source[index * 2 + 1] : 255
        (pixels + index * 3).update(repeating: value, count: 3)
      }
    }
  }

  private func read(
    _ width: Int, _ height: Int, keepsGrey16: Bool, into pixels: UnsafeMutablePointer<UInt8>
  ) throws(StrataError) {
    var state = strata_png_state()
    state.bytes = bytes.raw.assumingMemoryBound(to: UInt8.self).baseAddress
    state.count = bytes.count
    let isRead = strata_png_decode(&state, UInt32(width), UInt32(height), keepsGrey16 ? 1 : 0, pixels)
    guard isRead == 1 else { throw failure(state.text) }
  }

  private func failure(_ reason: String) -> StrataError {
    StrataError(.format, "\(name): the PNG cannot be decoded: \(reason)")
  }
}

/// What the chunks of a PNG tell before it is decoded.
private struct PNGChunks {
  /// Bytes of compressed pixels in the file.
  private(set) var dataCount = 0
  /// How the picture is turned.
  private(set) var orientation = Orientation.upright

  init(_ bytes: Bytes) {
    var position = 8
    var exif: [UInt8] = []
    var xmp: Bytes?
    while let length = bytes.uint32(at: position), position <= bytes.count - 8 {
      let payload = bytes.slice(position + 8..<position + 8 + length)
      if bytes.has("IDAT", at: position + 4) { dataCount += payload.count }
      if bytes.has("eXIf", at: position + 4) { exif = Array(payload.raw) }
      // Neither compressed nor in another language: the only way in which programs write it.
      if bytes.has("iTXt", at: position + 4), payload.has("XML:com.adobe.xmp\0\0\0\0\0", at: 0) {
        xmp = payload.slice(22..<payload.count)
      }
      if bytes.has("IEND", at: position + 4) { break }
      position += 12 + length
    }
    orientation = Orientation(exif: exif, xmp: xmp)
  }
}

extension strata_png_state {
  /// What went wrong.
  var text: String {
    withUnsafeBytes(of: message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
