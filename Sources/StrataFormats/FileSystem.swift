import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Files as wholes: mapped, read, and written so that a reader never sees half of one.
public enum FileSystem {
  /// Maps a file into memory, to be read only; pages are fetched when they are touched.
  ///
  /// The file must not be shortened while the buffer lives; replacing it, as `write` does, is harmless.
  public static func map(_ path: String) throws(StrataError) -> Buffer {
    let (descriptor, size) = try open(path)
    defer { close(descriptor) }
    guard size > 0 else { return Buffer(byteCount: 0) }
    #if os(Linux)
      let flags = MAP_PRIVATE | MAP_NORESERVE
    #else
      let flags = MAP_PRIVATE
    #endif
    let address = mmap(nil, size, PROT_READ, flags, descriptor, 0)
    guard let address, address != MAP_FAILED else { throw failure(path, "cannot be mapped") }
    return Buffer(pointer: address, byteCount: size, owner: Mapping(address: address, byteCount: size))
  }

  /// Whether there is a file or folder at a path.
  public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Reads a file into memory.
  public static func read(_ path: String) throws(StrataError) -> [UInt8] {
    let mapped = try map(path)
    return withExtendedLifetime(mapped) {
      Array(UnsafeRawBufferPointer(start: mapped.pointer, count: mapped.byteCount))
    }
  }

  /// Writes a file: `body` fills a temporary one beside it, which then takes its place.
  ///
  /// If anything fails the temporary file is removed and what was there before is untouched.
  ///
  /// - Parameter isDurable: Whether the bytes are on the disk before the file takes its place, and the new name
  ///   after that: then not even a loss of power leaves half a file.
  public static func write(
    _ path: String, durably isDurable: Bool = false, _ body: (inout FileWriter) throws(StrataError) -> Void
  ) throws(StrataError) {
    let (target, mode) = try destination(path)
    let temporary = target + "." + String(UInt32.random(in: 0 ... .max), radix: 36) + ".partial"
    let descriptor = systemOpen(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw failure(path, "cannot be written") }
    if let mode { fchmod(descriptor, mode) }
    do throws(StrataError) {
      var writer = FileWriter(path: path, descriptor: descriptor)
      let result: Result<Void, StrataError>
      do throws(StrataError) {
        try body(&writer)
        if isDurable, fsync(descriptor) != 0 { throw failure(path, "cannot be written") }
        result = .success(())
      } catch { result = .failure(error) }
      // Some file systems report a full disk only here.
      guard close(descriptor) == 0 else { throw failure(path, "cannot be written") }
      try result.get()
      guard rename(temporary, target) == 0 else { throw failure(path, "cannot be written") }
      if isDurable { syncFolder(of: target) }
    } catch {
      unlink(temporary)
      throw error
    }
  }

  /// Writes a file of bytes that are at hand.
  public static func write(
    _ bytes: [UInt8], to path: String, durably isDurable: Bool = false
  ) throws(StrataError) {
    try write(path, durably: isDurable) { writer throws(StrataError) in try writer.write(bytes) }
  }

  /// Puts the names in a file's folder on the disk. Not every file system can; then it does so by itself.
  private static func syncFolder(of path: String) {
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let descriptor = systemOpen(folder, O_RDONLY | O_CLOEXEC, 0)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  /// The file that a path names once links are followed, and the permissions of the one that is there.
  private static func destination(_ path: String) throws(StrataError) -> (path: String, mode: mode_t?) {
    var status = stat()
    guard stat(path, &status) == 0 else { return (path, nil) }
    try requireFile(status, path)
    guard let resolved = realpath(path, nil) else { return (path, nil) }
    defer { free(resolved) }
    return (String(cString: resolved), status.st_mode & 0o777)
  }

  private static func open(_ path: String) throws(StrataError) -> (descriptor: CInt, size: Int) {
    // Without O_NONBLOCK opening a pipe would wait for its other end.
    let descriptor = systemOpen(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
    guard descriptor >= 0 else {
      if errno == ENOENT { throw StrataError(.file, "\(path): there is no such file") }
      throw failure(path, "cannot be opened")
    }
    var status = stat()
    do throws(StrataError) {
      guard fstat(descriptor, &status) == 0 else { throw failure(path, "cannot be read") }
      try requireFile(status, path)
    } catch {
      close(descriptor)
      throw error
    }
    return (descriptor, Int(status.st_size))
  }

  private static func requireFile(_ status: stat, _ path: String) throws(StrataError) {
    switch status.st_mode & S_IFMT {
    case S_IFREG: return
    case S_IFDIR: throw StrataError(.file, "\(path): a file is expected, and this is a folder")
    default: throw StrataError(.file, "\(path): a file is expected, and this is a device or a pipe")
    }
  }

  /// The error that `errno` tells.
  fileprivate static func failure(_ path: String, _ problem: String) -> StrataError {
    StrataError(.file, "\(path): \(problem): \(String(cString: strerror(errno)))")
  }
}

/// `open`, which `FileSystem.open` would hide.
private func systemOpen(_ path: String, _ flags: CInt, _ mode: mode_t) -> CInt { open(path, flags, mode) }

/// Ends a mapping when the last buffer that uses it goes.
private final class Mapping: RefetchableMemory {
  let address: UInt
  let byteCount: Int

  init(address: UnsafeMutableRawPointer, byteCount: Int) {
    self.address = UInt(bitPattern: address)
    self.byteCount = byteCount
  }

  func dropPages(_ start: UnsafeMutableRawPointer, _ byteCount: Int) {
    // Nobody can have written to them, so that nothing is lost.
    madvise(start, byteCount, MADV_DONTNEED)
  }

  deinit { munmap(UnsafeMutableRawPointer(bitPattern: address), byteCount) }
}

/// The end of a file that is being written.
public struct FileWriter {
  private let path: String
  private let descriptor: CInt

  package init(path: String, descriptor: CInt) {
    self.path = path
    self.descriptor = descriptor
  }

  /// Appends bytes.
  public mutating func write(_ bytes: UnsafeRawBufferPointer) throws(StrataError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      // macOS refuses more than 2 GiB at a time.
      let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
      #if canImport(Darwin)
        let count = Darwin.write(descriptor, part.baseAddress, part.count)
      #elseif canImport(Musl)
        let count = Musl.write(descriptor, part.baseAddress, part.count)
      #else
        let count = Glibc.write(descriptor, part.baseAddress, part.count)
      #endif
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw FileSystem.failure(path, "cannot be written") }
      rest = rest.dropFirst(count)
    }
  }

  /// Appends bytes.
  public mutating func write(_ bytes: [UInt8]) throws(StrataError) {
    try bytes.withUnsafeBytes { bytes -> Result<Void, StrataError> in
      do throws(StrataError) { return .success(try write(bytes)) } catch { return .failure(error) }
    }.get()
  }

  /// Appends the elements of a tensor.
  public mutating func write(_ tensor: HostTensor) throws(StrataError) {
    defer { withExtendedLifetime(tensor.buffer) {} }
    try write(UnsafeRawBufferPointer(start: tensor.pointer, count: tensor.byteCount))
  }
}
