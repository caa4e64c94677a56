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
      Resampler(source: source, rowBytes: width * 3, across: across, down: down)
        .image(isExact: interpolation == .nearest)
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

/// Pillow's two passes: along the rows, rounded to eight bits, then along the columns.
private struct Resampler: Sendable {
  nonisolated(unsafe) let source: UnsafePointer<UInt8>
  let rowBytes: Int
  let across: ResamplingAxis
  let down: ResamplingAxis

  private static let half: Int32 = 1 << (ResamplingAxis.precision - 1)

  func image(isExact: Bool) -> Image {
    if isExact { return picked() }
    let rows = down.extent
    let (width, height) = (across.spans.count, down.spans.count)
    // Rows in between are a multiple of the vectors that the second pass reads.
    let pitch = (width * 3 + 15) / 16 * 16
    let between = Buffer(byteCount: pitch * rows.count)
    defer { withExtendedLifetime(between) {} }
    let bytes = between.pointer.bindMemory(to: UInt8.self, capacity: between.byteCount)
    nonisolated(unsafe) let narrow = bytes
    Parallel.forEachRange(of: rows.count, grain: 16) { range in
      for row in range {
        alongRow(source + (rows.lowerBound + row) * rowBytes, into: narrow + row * pitch, pitch)
      }
    }
    return Image(width: width, height: height) { target in
      nonisolated(unsafe) let target = target
      Parallel.forEachRange(of: height, grain: 16) { range in
        for row in range {
          let span = down.spans[row]
          let first = narrow + (span.start - rows.lowerBound) * pitch
          alongColumns(first, pitch, span, into: target + row * width * 3, width * 3)
        }
      }
    }
  }

  private func alongRow(_ row: UnsafePointer<UInt8>, into target: UnsafeMutablePointer<UInt8>, _ pitch: Int) {
    var position = 0
    across.weights.withUnsafeBufferPointer { weights in
      for span in across.spans {
        var sum = SIMD4<Int32>(repeating: Self.half)
        for tap in 0..<span.count {
          // The fourth byte belongs to the next pixel and is dropped.
          let pixel = UnsafeRawPointer(row + (span.start + tap) * 3).loadUnaligned(as: SIMD4<UInt8>.self)
          sum &+= SIMD4<Int32>(truncatingIfNeeded: pixel) &* weights[span.offset + tap]
        }
        let colour = (sum &>> ResamplingAxis.precision)
          .clamped(lowerBound: .zero, upperBound: SIMD4(repeating: 255))
        for channel in 0..<3 { target[position + channel] = UInt8(truncatingIfNeeded: colour[channel]) }
        position += 3
      }
    }
    (target + position).initialize(repeating: 0, count: pitch - position)
  }

  private func alongColumns(
    _ first: UnsafePointer<UInt8>, _ pitch: Int, _ span: ResamplingAxis.Span,
    into target: UnsafeMutablePointer<UInt8>, _ count: Int
  ) {
    down.weights.withUnsafeBufferPointer { weights in
      for position in stride(from: 0, to: count, by: 16) {
        var sum = SIMD16<Int32>(repeating: Self.half)
        for tap in 0..<span.count {
          let pixels = UnsafeRawPointer(first + tap * pitch + position).loadUnaligned(as: SIMD16<UInt8>.self)
          sum &+= SIMD16<Int32>(truncatingIfNeeded: pixels) &* weights[span.offset + tap]
        }
        let colours = SIMD16<UInt8>(
          truncatingIfNeeded: (sum &>> ResamplingAxis.precision)
            .clamped(lowerBound: .zero, upperBound: SIMD16(repeating: 255)))
        if count - position >= 16 {
          UnsafeMutableRawPointer(target + position).storeBytes(of: colours, as: SIMD16<UInt8>.self)
        } else {
          for index in 0..<count - position { target[position + index] = colours[index] }
        }
      }
    }
  }

  /// One pixel for each: nothing is computed.
  private func picked() -> Image {
    Image(width: across.spans.count, height: down.spans.count) { target in
      nonisolated(unsafe) let target = target
      let width = across.spans.count
      Parallel.forEachRange(of: down.spans.count, grain: 16) { range in
        for row in range {
          let line = source + down.spans[row].start * rowBytes
          for (column, span) in across.spans.enumerated() {
            (target + (row * width + column) * 3).update(from: line + span.start * 3, count: 3)
          }
        }
      }
    }
  }
}
