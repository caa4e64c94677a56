import StrataCore

extension Image {
  /// The picture at another size, as Pillow's `resize` makes it.
  public func resized(
    width newWidth: Int, height newHeight: Int, interpolation: Interpolation = .bilinear
  ) throws(StrataError) -> Image {
    let (area, overflow) = newWidth.multipliedReportingOverflow(by: newHeight)
    guard newWidth > 0, newHeight > 0, !overflow, area <= max(Self.defaultPixelLimit, width * height) else {
      throw StrataError(.argument, "a picture cannot be resized to \(newWidth) × \(newHeight) pixels")
    }
    return resampled((newWidth, newHeight), columns: 0..<newWidth, rows: 0..<newHeight, interpolation)
  }

  /// The picture resized so that its shorter side has `side` pixels, as torchvision's `resize` makes it.
  public func resized(
    shortSide side: Int, interpolation: Interpolation = .bilinear
  ) throws(StrataError) -> Image {
    guard (1...Self.longestSide).contains(side) else {
      throw StrataError(.argument, "a picture cannot be resized to a shorter side of \(side) pixels")
    }
    let size = size(ofShortSide: side)
    return try resized(width: size.width, height: size.height, interpolation: interpolation)
  }

  /// The middle of the picture, as torchvision's `center_crop` cuts it; black where the picture is smaller.
  public func centerCropped(width: Int, height: Int) throws(StrataError) -> Image {
    guard width > 0, height > 0, width <= Self.longestSide, height <= Self.longestSide else {
      throw StrataError(.argument, "a picture cannot be cut to \(width) × \(height) pixels")
    }
    let (columns, rows) = (CropAxis(self.width, width), CropAxis(self.height, height))
    return resampled((self.width, self.height), columns: columns.source, rows: rows.source, .nearest)
      .padded(left: columns.padding, top: rows.padding, width: width, height: height)
  }

  /// More than any network takes; its square can be counted.
  package static var longestSide: Int { 1 << 20 }

  /// The size at which the shorter side has `side` pixels: the longer one is rounded down.
  package func size(ofShortSide side: Int) -> (width: Int, height: Int) {
    guard min(width, height) != side else { return (width, height) }
    let long = Int(Double(side * max(width, height)) / Double(min(width, height)))
    return width <= height ? (side, long) : (long, side)
  }

  /// The part of the resized picture that lies in `columns` and `rows`. The rest is never made: a picture of
  /// one row may be resized to billions of pixels of which a few thousand are wanted.
  package func resampled(
    _ size: (width: Int, height: Int), columns: Range<Int>, rows: Range<Int>, _ interpolation: Interpolation
  ) -> Image {
    let isWhole = columns == 0..<width && rows == 0..<height
    if isWhole, size == (width, height) { return self }
    let across = ResamplingAxis(from: width, to: size.width, range: columns, interpolation)
    let down = ResamplingAxis(from: height, to: size.height, range: rows, interpolation)
    return withStart { source in
      let resampler = Resampler(source: source, rowBytes: width * 3, across: across, down: down)
      if interpolation == .nearest { return resampler.picked() }
      // Each pass rounds to eight bits, so their order matters. Since version 13 Pillow begins with the
      // columns where the height shrinks by more than twice as many pixels as the width.
      let beginsWithColumns = size.height < height && height - size.height > 2 * (width - size.width)
      return beginsWithColumns ? resampler.columnsFirst() : resampler.rowsFirst()
    }
  }

  /// The picture on a larger black one.
  package func padded(left: Int, top: Int, width newWidth: Int, height newHeight: Int) -> Image {
    guard (newWidth, newHeight) != (width, height) else { return self }
    return withStart { source in
      Image(width: newWidth, height: newHeight) { target in
        target.initialize(repeating: 0, count: newWidth * newHeight * 3)
        for row in 0..<height {
          (target + ((top + row) * newWidth + left) * 3)
            .update(from: source + row * width * 3, count: width * 3)
        }
      }
    }
  }
}

/// What a centre crop takes of an axis.
package struct CropAxis {
  /// The pixels that are kept.
  package let source: Range<Int>
  /// Black pixels before them.
  package let padding: Int

  package init(_ length: Int, _ crop: Int) {
    if crop >= length {
      source = 0..<length
      padding = (crop - length) / 2
    } else {
      // Python's `round`: halves go to the even number.
      let half = (length - crop) / 2
      let start = half + ((length - crop) & 1 & half)
      source = start..<start + crop
      padding = 0
    }
  }
}
