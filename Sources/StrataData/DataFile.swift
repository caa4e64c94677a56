import CZlib
import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Files and folders of data, read as wholes.
package enum DataFile {
  /// The bytes of a file; those of a gzip file unpacked, whatever its name ends with.
  static func read(_ path: String, limit: Int = 1 << 30) throws(StrataError) -> [UInt8] {
    let file = try PictureFile.read(path) { _ in }
    defer { withExtendedLifetime(file) {} }
    let bytes = UnsafeRawBufferPointer(start: file.pointer, count: file.byteCount)
    guard bytes.count > 2, bytes[0] == 0x1f, bytes[1] == 0x8b else { return Array(bytes) }
    return try unpacked(bytes, path, limit: limit)
  }

  /// All members of a gzip file, one after the other.
  private static func unpacked(
    _ bytes: UnsafeRawBufferPointer, _ path: String, limit: Int
  ) throws(StrataError) -> [UInt8] {
    var stream = z_stream()
    guard strata_inflate_gzip(&stream) == Z_OK else { throw StrataError(.memory, "zlib cannot start") }
    defer { inflateEnd(&stream) }
    var result: [UInt8] = []
    let chunk = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 1 << 18)
    defer { chunk.deallocate() }
    var position = 0
    while true {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[position...].prefix(1 << 30))
      stream.next_in = UnsafeMutablePointer(mutating: rest.assumingMemoryBound(to: UInt8.self).baseAddress)
      stream.avail_in = UInt32(rest.count)
      stream.next_out = chunk.baseAddress
      stream.avail_out = UInt32(chunk.count)
      let status = inflate(&stream, Z_NO_FLUSH)
      position += rest.count - Int(stream.avail_in)
      result.append(contentsOf: chunk.prefix(chunk.count - Int(stream.avail_out)))
      guard result.count <= limit else {
        throw StrataError(.format, "\(path): the file unpacks to more than \(limit) bytes")
      }
      switch status {
      case Z_OK: continue
      case Z_STREAM_END:
        if position == bytes.count { return result }
        inflateReset(&stream)
      case Z_BUF_ERROR: throw StrataError(.format, "\(path): the gzip file ends early")
      default:
        let reason = stream.msg.map { String(cString: $0) } ?? "error \(status)"
        throw StrataError(.format, "\(path): the gzip file is damaged: \(reason)")
      }
    }
  }

  /// The first of some paths in a folder that is there.
  static func find(_ names: [String], in folder: String) throws(StrataError) -> String {
    guard isFolder(folder) else { throw StrataError(.file, "\(folder): there is no such folder") }
    for name in names {
      let path = joined(folder, name)
      if kind(path) == S_IFREG { return path }
    }
    throw StrataError(.file, "\(folder): the folder has no file \(names.first ?? "")")
  }

  /// A path in a folder; an absolute one stays.
  package static func joined(_ folder: String, _ name: String) -> String {
    if name.hasPrefix("/") || folder.isEmpty { return name }
    return folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
  }

  package static func isFolder(_ path: String) -> Bool { kind(path) == S_IFDIR }
  static func isFile(_ path: String) -> Bool { kind(path) == S_IFREG }

  /// What makes two paths the same file.
  struct Identity: Hashable {
    private let device: Int
    private let number: UInt64

    init(_ path: String) throws(StrataError) {
      var status = stat()
      guard stat(path, &status) == 0 else { throw PictureFile.failure(path, "cannot be read") }
      (device, number) = (Int(truncatingIfNeeded: status.st_dev), UInt64(status.st_ino))
    }
  }

  private static func kind(_ path: String) -> mode_t? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
  }

  /// The names in a folder but hidden ones, by bytes: the same order on every machine, and Python's.
  package static func names(in folder: String) throws(StrataError) -> [String] {
    guard let stream = opendir(folder) else {
      if errno == ENOENT { throw StrataError(.file, "\(folder): there is no such folder") }
      if errno == ENOTDIR { throw StrataError(.file, "\(folder): a folder is expected, and this is a file") }
      throw PictureFile.failure(folder, "cannot be listed")
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return sorted(names)
  }

  static func sorted(_ names: [String]) -> [String] {
    names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
