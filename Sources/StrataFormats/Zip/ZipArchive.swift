import CZip
import StrataCore

/// A zip archive in memory, read through libzip.
final class ZipArchive {
  /// A file in the archive.
  struct Entry {
    let name: String
    let byteCount: Int
    fileprivate let index: zip_uint64_t
    fileprivate let packedByteCount: Int
    fileprivate let isStored: Bool
  }

  /// The files by their names.
  let entries: [String: Entry]
  /// The names in the order of the archive.
  let names: [String]
  private let name: String
  private let source: ZipSource
  private let handle: OpaquePointer
  /// What may still be unpacked from compressed entries.
  private var budget: Int

  /// The factor that deflation cannot exceed.
  private static let greatestRatio = 1032

  init(_ buffer: Buffer, name: String) throws(StrataError) {
    self.name = name
    source = ZipSource(buffer)
    // A bomb of a few kilobytes must not fill the memory, and real weights hardly shrink at all.
    budget = max(1 << 28, buffer.byteCount.multipliedReportingOverflow(by: 100).partialValue)
    try ZipDirectory.requireHonestCounts(buffer, name: name)
    handle = try Self.open(source, name: name)
    do throws(StrataError) { (entries, names) = try Self.list(handle, name: name) } catch {
      zip_discard(handle)
      throw error
    }
  }

  deinit { zip_discard(handle) }

  private static func open(_ source: ZipSource, name: String) throws(StrataError) -> OpaquePointer {
    var failure = zip_error_t()
    zip_error_init(&failure)
    defer { zip_error_fini(&failure) }
    if let opened = source.open(&failure) {
      if let handle = zip_open_from_source(opened, ZIP_RDONLY, &failure) { return handle }
      zip_source_free(opened)
    }
    throw StrataError(
      .format, "\(name): invalid zip archive: \(String(cString: zip_error_strerror(&failure)))")
  }

  private static func list(
    _ handle: OpaquePointer, name: String
  ) throws(StrataError) -> (entries: [String: Entry], names: [String]) {
    var entries: [String: Entry] = [:]
    var names: [String] = []
    for index in 0..<zip_uint64_t(max(zip_get_num_entries(handle, 0), 0)) {
      var status = zip_stat_t()
      zip_stat_init(&status)
      let needed = zip_uint64_t(ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD)
      guard zip_stat_index(handle, index, 0, &status) == 0, status.valid & needed == needed,
        let text = status.name, let size = Int(exactly: status.size),
        let packed = Int(exactly: status.comp_size)
      else { throw StrataError(.format, "\(name): invalid zip archive: entry \(index) has no description") }
      let entryName = String(cString: text)
      let label = "\(name): entry \(quoted(entryName))"
      if status.valid & zip_uint64_t(ZIP_STAT_ENCRYPTION_METHOD) != 0, status.encryption_method != 0 {
        throw StrataError(.format, "\(label) is encrypted")
      }
      let method = Int32(status.comp_method)
      guard method == ZIP_CM_STORE || method == ZIP_CM_DEFLATE else {
        throw StrataError(.format, "\(label) is compressed by method \(method); only deflate can be read")
      }
      let entry = Entry(
        name: entryName, byteCount: size, index: index, packedByteCount: packed,
        isStored: method == ZIP_CM_STORE)
      guard entries.updateValue(entry, forKey: entryName) == nil else {
        throw StrataError(.format, "\(label) occurs twice")
      }
      names.append(entryName)
    }
    return (entries, names)
  }

  private func error(_ entry: Entry, _ message: String) -> StrataError {
    StrataError(.format, "\(name): entry \(quoted(entry.name)) \(message)")
  }

  /// The contents of a file: a view of the archive where they are stored as they are, else unpacked.
  func contents(_ entry: Entry) throws(StrataError) -> Buffer {
    guard entry.byteCount > 0 else { return Buffer(byteCount: 0) }
    guard let file = zip_fopen_index(handle, entry.index, 0) else {
      throw error(entry, "cannot be opened: \(String(cString: zip_strerror(handle)))")
    }
    defer { zip_fclose(file) }
    return try entry.isStored ? view(entry, file) : unpacked(entry, file)
  }

  private func view(_ entry: Entry, _ file: OpaquePointer) throws(StrataError) -> Buffer {
    var first: UInt8 = 0
    guard zip_fread(file, &first, 1) == 1, source.lastRead.count == 1 else {
      throw error(entry, "cannot be read")
    }
    let start = source.lastRead.lowerBound
    let available = source.buffer.byteCount - start
    guard entry.byteCount <= available else {
      throw error(entry, "has \(entry.byteCount) bytes, but the file has \(available) from its beginning")
    }
    return Buffer(
      pointer: source.buffer.pointer + start, byteCount: entry.byteCount, owner: source.buffer)
  }

  private func unpacked(_ entry: Entry, _ file: OpaquePointer) throws(StrataError) -> Buffer {
    guard entry.byteCount / Self.greatestRatio <= entry.packedByteCount else {
      throw error(
        entry, "is said to unpack from \(entry.packedByteCount) bytes to \(entry.byteCount), which cannot be")
    }
    guard entry.byteCount <= budget else {
      throw error(entry, "unpacks to more than a file of this size may: \(entry.byteCount) bytes")
    }
    budget -= entry.byteCount
    let buffer = Buffer(byteCount: entry.byteCount)
    var filled = 0
    while filled < entry.byteCount {
      let count = zip_fread(file, buffer.pointer + filled, zip_uint64_t(entry.byteCount - filled))
      guard count > 0 else { throw error(entry, "is damaged: \(filled) of \(entry.byteCount) bytes unpack") }
      filled += Int(count)
    }
    // Reading to the end checks the sum, and that no more follows.
    var more: UInt8 = 0
    guard zip_fread(file, &more, 1) == 0 else { throw error(entry, "is damaged: its check sum is wrong") }
    return buffer
  }
}

/// A name out of a file for use in a message: quoted, printable and short.
func quoted(_ name: some StringProtocol) -> String {
  let shown = name.unicodeScalars.prefix(120).map { scalar in
    scalar.properties.generalCategory == .control ? "\u{fffd}" : String(scalar)
  }
  return "\"\(shown.joined())\(name.unicodeScalars.count > 120 ? "…" : "")\""
}
