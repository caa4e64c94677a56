import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Files that are read as a whole: unlike a mapping, what was read does not change when the file does.
enum PictureFile {
  /// Reads a file. `check` sees its first bytes before the rest is read, so that a large file of another kind
  /// is refused at once.
  static func read(
    _ path: String, check: (Bytes) throws(StrataError) -> Void
  ) throws(StrataError) -> Buffer {
    // Without O_NONBLOCK opening a pipe would wait for its other end.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      if errno == ENOENT { throw StrataError(.file, "\(path): there is no such file") }
      throw failure(path, "cannot be opened")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure(path, "cannot be read") }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw StrataError(.file, "\(path): a picture is expected, and this is a folder")
    default: throw StrataError(.file, "\(path): a picture is expected, and this is a device or a pipe")
    }
    let buffer = Buffer(byteCount: Int(status.st_size))
    let bytes = UnsafeRawBufferPointer(start: buffer.pointer, count: buffer.byteCount)
    let first = min(buffer.byteCount, 4096)
    try fill(buffer, 0..<first, from: descriptor, path)
    try check(Bytes(raw: UnsafeRawBufferPointer(rebasing: bytes[..<first])))
    try fill(buffer, first..<buffer.byteCount, from: descriptor, path)
    return buffer
  }

  private static func fill(
    _ buffer: Buffer, _ range: Range<Int>, from descriptor: CInt, _ path: String
  ) throws(StrataError) {
    var position = range.lowerBound
    while position < range.upperBound {
      let part = min(range.upperBound - position, 1 << 30)  // macOS refuses more than 2 GiB at a time
      #if canImport(Glibc)
        let count = Glibc.read(descriptor, buffer.pointer + position, part)
      #elseif canImport(Musl)
        let count = Musl.read(descriptor, buffer.pointer + position, part)
      #else
        let count = Darwin.read(descriptor, buffer.pointer + position, part)
      #endif
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw failure(path, "cannot be read") }
      guard count > 0 else { throw StrataError(.file, "\(path): the file became shorter while it was read") }
      position += count
    }
  }

  /// The error that `errno` tells.
  static func failure(_ path: String, _ problem: String) -> StrataError {
    StrataError(.file, "\(path): \(problem): \(String(cString: strerror(errno)))")
  }
}
