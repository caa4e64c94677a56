import StrataCore

extension Image {
  /// Reads a JPEG or PNG file, whatever its name ends with.
  ///
  /// The pixels are those of Pillow's `ImageOps.exif_transpose(Image.open(path)).convert("RGB")`; without
  /// `appliesOrientation`, of `Image.open(path).convert("RGB")`. A picture of more than `pixelLimit` pixels
  /// is refused before memory is taken for it.
  public init(
    contentsOf path: String, appliesOrientation: Bool = true, pixelLimit: Int = Image.defaultPixelLimit
  ) throws(StrataError) {
    let file = try PictureFile.read(path) { start throws(StrataError) in
      _ = try PictureFormat(of: start, name: path)
    }
    defer { withExtendedLifetime(file) {} }
    let bytes = UnsafeRawBufferPointer(start: file.pointer, count: file.byteCount)
    try self.init(
      decoding: bytes, name: path, appliesOrientation: appliesOrientation, pixelLimit: pixelLimit)
  }

  /// Decodes a JPEG or PNG that is in memory; `name` begins the sentence of an error.
  public init(
    decoding bytes: UnsafeRawBufferPointer, name: String = "the picture", appliesOrientation: Bool = true,
    pixelLimit: Int = Image.defaultPixelLimit
  ) throws(StrataError) {
    let bytes = Bytes(raw: bytes)
    let (image, orientation) =
      switch try PictureFormat(of: bytes, name: name) {
      case .jpeg: try JPEGDecoder(name: name, bytes: bytes, pixelLimit: pixelLimit).decode()
      case .png: try PNGDecoder(name: name, bytes: bytes, pixelLimit: pixelLimit).decode()
      }
    self = appliesOrientation ? image.turned(orientation) : image
  }

  /// Decodes a JPEG or PNG that is in memory; `name` begins the sentence of an error.
  public init(
    decoding bytes: [UInt8], name: String = "the picture", appliesOrientation: Bool = true,
    pixelLimit: Int = Image.defaultPixelLimit
  ) throws(StrataError) {
    let result = bytes.withUnsafeBytes { bytes in
      Result { () throws(StrataError) in
        try Image(
          decoding: bytes, name: name, appliesOrientation: appliesOrientation, pixelLimit: pixelLimit)
      }
    }
    self = try result.get()
  }
}

/// The formats that are read, told by how a file begins.
private enum PictureFormat {
  case jpeg, png

  init(of bytes: Bytes, name: String) throws(StrataError) {
    if bytes[0] == 0xff, bytes[1] == 0xd8, bytes[2] == 0xff {
      self = .jpeg
    } else if bytes[0] == 0x89, bytes.has("PNG\r\n\u{1a}\n", at: 1) {
      self = .png
    } else {
      throw StrataError(.format, "\(name): \(Self.description(of: bytes)); JPEG and PNG are read")
    }
  }

  /// What a file is that is neither.
  private static func description(of bytes: Bytes) -> String {
    if bytes.count == 0 { return "the file is empty" }
    if bytes.has("GIF8", at: 0) { return "this is a GIF" }
    if bytes.has("RIFF", at: 0), bytes.has("WEBP", at: 8) { return "this is a WebP picture" }
    if bytes.has("II*\0", at: 0) || bytes.has("MM\0*", at: 0) { return "this is a TIFF" }
    if bytes.has("BM", at: 0) { return "this is a BMP" }
    if bytes.has("ftypavif", at: 4) { return "this is an AVIF picture" }
    if bytes.has("ftyphei", at: 4) || bytes.has("ftypmif1", at: 4) { return "this is a HEIF picture" }
    return "this is no picture"
  }
}

/// The bound on the size of pictures.
enum PixelLimit {
  /// Refuses a picture of more pixels than allowed. Sizes that pass can be multiplied by 64 without overflow.
  static func check(_ name: String, _ width: Int, _ height: Int, limit: Int) throws(StrataError) {
    let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
    guard overflow || pixels > min(limit, Int.max / 64) else { return }
    throw StrataError(.format, "\(name): \(width) × \(height) pixels are more than the \(limit) allowed")
  }
}
