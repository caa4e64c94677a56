import CZip
import StrataCore

/// Bytes in memory as libzip reads them, with a note of where it read last: libzip does not tell where an
/// entry lies, and entries that are stored as they are need not be copied.
final class ZipSource {
  let buffer: Buffer
  private(set) var lastRead = 0..<0
  private var position = 0
  private var error = zip_error_t()

  init(_ buffer: Buffer) {
    self.buffer = buffer
    zip_error_init(&error)
  }

  deinit { zip_error_fini(&error) }

  /// The source for libzip, which keeps this object alive until it is done.
  func open(_ failure: inout zip_error_t) -> OpaquePointer? {
    let retained = Unmanaged.passRetained(self)
    let callback: zip_source_callback = { object, data, length, command in
      guard let object else { return -1 }
      let source = Unmanaged<ZipSource>.fromOpaque(object)
      if command == ZIP_SOURCE_FREE {
        source.release()
        return 0
      }
      return source.takeUnretainedValue().answer(command, data, length)
    }
    guard let opened = zip_source_function_create(callback, retained.toOpaque(), &failure) else {
      retained.release()
      return nil
    }
    return opened
  }

  private static let supported: zip_int64_t = [
    ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
    ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS,
  ].reduce(0) { $0 | 1 << zip_int64_t($1.rawValue) }

  private func answer(
    _ command: zip_source_cmd_t, _ data: UnsafeMutableRawPointer?, _ length: zip_uint64_t
  ) -> zip_int64_t {
    switch command {
    case ZIP_SOURCE_OPEN:
      position = 0
      return 0
    case ZIP_SOURCE_CLOSE: return 0
    case ZIP_SOURCE_READ: return read(data, length)
    case ZIP_SOURCE_STAT: return describe(data, length)
    case ZIP_SOURCE_ERROR: return zip_error_to_data(&error, data, length)
    case ZIP_SOURCE_SEEK:
      let target = zip_source_seek_compute_offset(
        zip_uint64_t(position), zip_uint64_t(buffer.byteCount), data, length, &error)
      guard target >= 0 else { return -1 }
      position = Int(target)
      return 0
    case ZIP_SOURCE_TELL: return zip_int64_t(position)
    case ZIP_SOURCE_SUPPORTS: return Self.supported
    default:
      zip_error_set(&error, ZIP_ER_OPNOTSUPP, 0)
      return -1
    }
  }

  private func read(_ target: UnsafeMutableRawPointer?, _ length: zip_uint64_t) -> zip_int64_t {
    let count = Int(min(length, zip_uint64_t(buffer.byteCount - position)))
    lastRead = position..<position + count
    if count > 0 { target?.copyMemory(from: buffer.pointer + position, byteCount: count) }
    position += count
    return zip_int64_t(count)
  }

  private func describe(_ data: UnsafeMutableRawPointer?, _ length: zip_uint64_t) -> zip_int64_t {
    guard let data, length >= MemoryLayout<zip_stat_t>.size else {
      zip_error_set(&error, ZIP_ER_INVAL, 0)
      return -1
    }
    var status = zip_stat_t()
    zip_stat_init(&status)
    status.valid = zip_uint64_t(ZIP_STAT_SIZE)
    status.size = zip_uint64_t(buffer.byteCount)
    data.storeBytes(of: status, as: zip_stat_t.self)
    return zip_int64_t(MemoryLayout<zip_stat_t>.size)
  }
}
