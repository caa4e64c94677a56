import StrataCore

/// How a picture is turned to stand upright, numbered as EXIF has it.
enum Orientation: Int {
  case upright = 1
  case mirrored, turnedHalf, flipped, transposed, turnedRight, transversed, turnedLeft

  /// Whether width and height change places.
  var swapsAxes: Bool { rawValue >= 5 }

  /// The orientation that a file states: in its EXIF block or, where that says nothing, in its XMP packet.
  init(exif: [UInt8], xmp: Bytes?) {
    let number = exif.withUnsafeBytes { Self.number(exif: Bytes(raw: $0)) } ?? xmp.flatMap(Self.number(xmp:))
    self = number.flatMap(Orientation.init) ?? .upright
  }

  /// Reads the tag 274 of the first directory of a TIFF structure.
  private static func number(exif: Bytes) -> Int? {
    // Some writers put the block's name twice.
    var start = 0
    while start < 12, exif.has("Exif\0\0", at: start) { start += 6 }
    let tiff = exif.slice(start..<exif.count)
    let isLittle = tiff.has("II", at: 0)
    guard isLittle || tiff.has("MM", at: 0), tiff.uint16(at: 2, littleEndian: isLittle) == 42,
      let directory = tiff.uint32(at: 4, littleEndian: isLittle),
      let count = tiff.uint16(at: directory, littleEndian: isLittle)
    else { return nil }
    for index in 0..<count {
      let entry = directory + 2 + index * 12
      guard let tag = tiff.uint16(at: entry, littleEndian: isLittle) else { return nil }
      guard tag == 274 else { continue }
      switch tiff.uint16(at: entry + 2, littleEndian: isLittle) {
      case 3, 8: return tiff.uint16(at: entry + 8, littleEndian: isLittle)
      case 4, 9: return tiff.uint32(at: entry + 8, littleEndian: isLittle)
      default: continue
      }
    }
    return nil
  }

  /// Finds `tiff:Orientation="6"` or `<tiff:Orientation>6`, where Pillow looks for them.
  private static func number(xmp: Bytes) -> Int? {
    for offset in 0..<xmp.count where xmp.raw[offset] == UInt8(ascii: "t") {
      guard xmp.has("tiff:Orientation", at: offset) else { continue }
      let isAttribute = xmp.has("=\"", at: offset + 16)
      guard isAttribute || xmp.has(">", at: offset + 16) else { continue }
      guard let digit = xmp[offset + (isAttribute ? 18 : 17)], (48...57).contains(digit) else { continue }
      return Int(digit) - 48
    }
    return nil
  }
}

extension Image {
  /// The picture turned upright.
  func turned(_ orientation: Orientation) -> Image {
    guard orientation != .upright else { return self }
    let (oldWidth, oldHeight) = (width, height)
    let (newWidth, newHeight) = orientation.swapsAxes ? (height, width) : (width, height)
    // Going one pixel right or down in the result moves by these in the source, from `first` on.
    let (right, down) = (3, 3 * oldWidth)
    let (lastX, lastY) = ((oldWidth - 1) * right, (oldHeight - 1) * down)
    let (first, alongRow, alongColumn): (Int, Int, Int)
    switch orientation {
    case .upright: (first, alongRow, alongColumn) = (0, right, down)
    case .mirrored: (first, alongRow, alongColumn) = (lastX, -right, down)
    case .turnedHalf: (first, alongRow, alongColumn) = (lastX + lastY, -right, -down)
    case .flipped: (first, alongRow, alongColumn) = (lastY, right, -down)
    case .transposed: (first, alongRow, alongColumn) = (0, down, right)
    case .turnedRight: (first, alongRow, alongColumn) = (lastY, -down, right)
    case .transversed: (first, alongRow, alongColumn) = (lastX + lastY, -down, -right)
    case .turnedLeft: (first, alongRow, alongColumn) = (lastX, down, -right)
    }
    return withStart { source in
      Image(width: newWidth, height: newHeight) { target in
        nonisolated(unsafe) let (source, target) = (source + first, target)
        // Bands of rows, and columns in blocks, so that a turned picture is read cache line by cache line.
        Parallel.forEachRange(of: newHeight, grain: 64) { rows in
          for block in stride(from: 0, to: newWidth, by: 64) {
            for y in rows {
              for x in block..<min(newWidth, block + 64) {
                let from = source + (y * alongColumn + x * alongRow)
                let to = target + (y * newWidth + x) * 3
                (to[0], to[1], to[2]) = (from[0], from[1], from[2])
              }
            }
          }
        }
      }
    }
  }
}
