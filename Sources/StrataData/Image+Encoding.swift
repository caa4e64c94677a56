import CJPEG
import CPNG
import StrataCore

extension Image {
  /// The picture as a PNG file.
  public func encodedPNG() throws(StrataError) -> [UInt8] {
    guard max(width, height) <= 1_000_000 else {  // what libpng reads again
      throw StrataError(.argument, "a PNG has at most 1000000 pixels on a side, not \(width) × \(height)")
    }
    var state = strata_png_state()
    let bytes = withStart { start in
      [UInt8](unsafeUninitializedCapacity: strata_png_bound(UInt32(width), UInt32(height))) { target, count in
        count = strata_png_encode(
          &state, UInt32(width), UInt32(height), start, target.baseAddress, target.count)
      }
    }
    guard !bytes.isEmpty else { throw StrataError(.format, "the PNG cannot be written: \(state.text)") }
    return bytes
  }

  /// The picture as a baseline JPEG file of a quality of 1 to 100, its colours at half the resolution.
  public func encodedJPEG(quality: Int = 90) throws(StrataError) -> [UInt8] {
    guard (1...100).contains(quality) else {
      throw StrataError(.argument, "the quality of a JPEG is 1 to 100, not \(quality)")
    }
    guard width <= 65_500, height <= 65_500 else {  // libjpeg-turbo's limit, a little below the format's
      throw StrataError(.argument, "a JPEG has at most 65500 pixels on a side, not \(width) × \(height)")
    }
    guard let handle = tjInitCompress() else { throw StrataError(.memory, "libjpeg-turbo cannot start") }
    defer { tjDestroy(handle) }
    var file: UnsafeMutablePointer<UInt8>?
    var count: CUnsignedLong = 0
    defer { tjFree(file) }
    let status = withStart { start in
      tjCompress2(
        handle, start, CInt(width), CInt(width * 3), CInt(height), TJPF_RGB.rawValue, &file,
        &count, CInt(TJSAMP_420.rawValue), CInt(quality), 0)
    }
    guard status == 0, let file else {
      let reason = tjGetErrorStr2(handle).map { String(cString: $0) } ?? "libjpeg-turbo gives no reason"
      throw StrataError(.format, "the JPEG cannot be written: \(reason)")
    }
    return Array(UnsafeBufferPointer(start: file, count: Int(count)))
  }
}
