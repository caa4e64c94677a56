import StrataCore

/// Makes the pixels of a resized picture out of those of another: Pillow's two passes, along the rows and
/// along the columns, each rounded to eight bits.
struct Resampler: Sendable {
  /// The first pixel; `Image.padding` bytes behind the last may be read.
  nonisolated(unsafe) let source: UnsafePointer<UInt8>
  /// From one row to the next.
  let rowBytes: Int
  let across: ResamplingAxis
  let down: ResamplingAxis

  private static let half: Int32 = 1 << (ResamplingAxis.precision - 1)

  /// Narrows the rows that are needed, and makes the new ones out of them.
  func rowsFirst() -> Image {
    let rows = down.extent
    let between = Middle(width: across.spans.count, height: rows.count)
    Parallel.forEachRange(of: rows.count, grain: 16) { range in
      for row in range {
        alongRow(source + (rows.lowerBound + row) * rowBytes, into: between.row(row))
      }
    }
    return image { row, target in
      let span = down.spans[row]
      let first = UnsafePointer(between.row(span.start - rows.lowerBound))
      alongColumns(first, between.rowBytes, span, into: target, across.spans.count * 3)
    }
  }

  /// Shortens the columns that are needed, and makes the new ones out of them.
  func columnsFirst() -> Image {
    let columns = across.extent
    let between = Middle(width: columns.count, height: down.spans.count)
    Parallel.forEachRange(of: down.spans.count, grain: 16) { range in
      for row in range {
        let span = down.spans[row]
        let first = source + span.start * rowBytes + columns.lowerBound * 3
        alongColumns(first, rowBytes, span, into: between.row(row), columns.count * 3)
      }
    }
    return image { row, target in
      alongRow(UnsafePointer(between.row(row)) - columns.lowerBound * 3, into: target)
    }
  }

  /// One pixel for each: nothing is computed.
  func picked() -> Image {
    image { row, target in
      let line = source + down.spans[row].start * rowBytes
      for (column, span) in across.spans.enumerated() {
        (target + column * 3).update(from: line + span.start * 3, count: 3)
      }
    }
  }

  /// A picture whose rows `body` writes, several at a time.
  private func image(_ body: @Sendable (Int, UnsafeMutablePointer<UInt8>) -> Void) -> Image {
    let (width, height) = (across.spans.count, down.spans.count)
    return Image(width: width, height: height) { target in
      nonisolated(unsafe) let target = target
      Parallel.forEachRange(of: height, grain: 16) { rows in
        for row in rows { body(row, target + row * width * 3) }
      }
    }
  }

  private func alongRow(_ row: UnsafePointer<UInt8>, into target: UnsafeMutablePointer<UInt8>) {
    var target = target
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
        for channel in 0..<3 { target[channel] = UInt8(truncatingIfNeeded: colour[channel]) }
        target += 3
      }
    }
  }

  private func alongColumns(
    _ first: UnsafePointer<UInt8>, _ rowBytes: Int, _ span: ResamplingAxis.Span,
    into target: UnsafeMutablePointer<UInt8>, _ count: Int
  ) {
    down.weights.withUnsafeBufferPointer { weights in
      for position in stride(from: 0, to: count, by: 16) {
        var sum = SIMD16<Int32>(repeating: Self.half)
        for tap in 0..<span.count {
          let pixels = UnsafeRawPointer(first + tap * rowBytes + position)
            .loadUnaligned(as: SIMD16<UInt8>.self)
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
}

/// The picture between two passes. Each row is a task's own while it is written.
private struct Middle: Sendable {
  let rowBytes: Int
  private let buffer: Buffer

  init(width: Int, height: Int) {
    rowBytes = width * 3
    buffer = Buffer(byteCount: rowBytes * height + Image.padding)
    // What lies behind the last pixel is read along with it, and dropped.
    buffer.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: buffer.byteCount)
  }

  func row(_ index: Int) -> UnsafeMutablePointer<UInt8> {
    buffer.pointer.assumingMemoryBound(to: UInt8.self) + index * rowBytes
  }
}
