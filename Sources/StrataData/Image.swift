import StrataCore

/// A picture in memory: rows from the top, three bytes a pixel (red, green, blue), no gaps. Immutable.
public struct Image: Sendable {
  /// Pixels in a row.
  public let width: Int
  /// The number of rows.
  public let height: Int

  /// The pixels and `padding` bytes more.
  private let buffer: Buffer

  /// Bytes behind the last pixel, so that sixteen may be loaded at each.
  static let padding = 15

  /// The most pixels that a picture may have unless more are allowed: Pillow's limit.
  public static let defaultPixelLimit = 178_956_970

  /// Creates a picture whose pixels `body` writes; every byte must be written.
  package init<Failure: Error>(
    width: Int, height: Int, initializing body: (UnsafeMutablePointer<UInt8>) throws(Failure) -> Void
  ) throws(Failure) {
    let count = width * height * 3
    self.width = width
    self.height = height
    buffer = Buffer(byteCount: count + Self.padding)
    let bytes = buffer.pointer.bindMemory(to: UInt8.self, capacity: buffer.byteCount)
    (bytes + count).initialize(repeating: 0, count: Self.padding)
    try body(bytes)
  }

  /// Creates a picture from its pixels: red, green and blue of each, row by row.
  public init(width: Int, height: Int, pixels: [UInt8]) throws(StrataError) {
    let (area, overflow) = width.multipliedReportingOverflow(by: height)
    guard width > 0, height > 0, !overflow, area <= Int.max / 4 else {
      throw StrataError(.argument, "a picture of \(width) × \(height) pixels cannot be")
    }
    guard pixels.count == area * 3 else {
      throw StrataError(
        .argument,
        "a picture of \(width) × \(height) pixels takes \(area * 3) bytes, \(pixels.count) were given")
    }
    self.init(width: width, height: height) { bytes in
      pixels.withUnsafeBufferPointer { source in
        if let start = source.baseAddress { bytes.initialize(from: start, count: source.count) }
      }
    }
  }

  /// The bytes of the pixels: red, green and blue of each, row by row.
  public var pixels: [UInt8] { withPixels { Array($0) } }

  /// Calls `body` with the bytes of the pixels.
  public func withPixels<Result, Failure: Error>(
    _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(buffer) {} }
    let start = UnsafeRawPointer(buffer.pointer).assumingMemoryBound(to: UInt8.self)
    return try body(UnsafeBufferPointer(start: start, count: width * height * 3))
  }

  /// Calls `body` with the first byte, for loops that compute where they read.
  func withStart<Result>(_ body: (UnsafePointer<UInt8>) -> Result) -> Result {
    defer { withExtendedLifetime(buffer) {} }
    return body(UnsafeRawPointer(buffer.pointer).assumingMemoryBound(to: UInt8.self))
  }

  /// The pixel in a column and a row, both counted from the upper left corner.
  public subscript(x: Int, y: Int) -> SIMD3<UInt8> {
    precondition(
      (0..<width).contains(x) && (0..<height).contains(y), "no pixel (\(x), \(y)) in \(width) × \(height)")
    return withStart { start in
      let pixel = start + (y * width + x) * 3
      return SIMD3(pixel[0], pixel[1], pixel[2])
    }
  }

  /// Elements `[3, height, width]` of type `uint8`, as torchvision's `pil_to_tensor` has them.
  public func tensor() -> HostTensor {
    let area = width * height
    return HostTensor(shape: [3, height, width]) { (elements: UnsafeMutableBufferPointer<UInt8>) in
      withPixels { pixels in
        for channel in 0..<3 {
          for index in 0..<area {
            elements.initializeElement(at: channel * area + index, to: pixels[index * 3 + channel])
          }
        }
      }
    }
  }
}
