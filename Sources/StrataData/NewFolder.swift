import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Folders that come into being as wholes.
enum NewFolder {
  /// The path of a folder that is there or is to be, without links and without a slash at its end.
  static func target(_ path: String) throws(StrataError) -> String {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    guard !path.isEmpty else { throw StrataError(.argument, "the name of the folder is empty") }
    var status = stat()
    guard stat(path, &status) == 0 else {
      guard errno == ENOENT else { throw failure(path, "cannot be used") }
      return path
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw StrataError(.file, "\(path): a folder is expected, and this is a file")
    }
    guard let resolved = realpath(path, nil) else { throw failure(path, "cannot be used") }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// All names in a folder, hidden ones as well; none where there is no folder.
  static func names(in folder: String) throws(StrataError) -> [String] {
    guard let stream = opendir(folder) else {
      if errno == ENOENT { return [] }
      throw failure(folder, "cannot be listed")
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Calls `body` with a new folder beside `target`, which then takes its place. If anything fails the new one is
  /// removed and what was there is untouched.
  static func write(
    _ target: String, replacing: Bool, _ body: (String) throws(StrataError) -> Void
  ) throws(StrataError) {
    let suffix = String(UInt32.random(in: 0 ... .max), radix: 36)
    let (new, old) = ("\(target).\(suffix).partial", "\(target).\(suffix).old")
    try make(new)
    do throws(StrataError) {
      try body(new)
      if replacing { try move(target, old) }
      do throws(StrataError) {
        try move(new, target)  // an empty folder gives way
      } catch {
        if replacing { rename(old, target) }
        throw error
      }
    } catch {
      remove(new, depth: 0)
      throw error
    }
    if replacing { remove(old, depth: 0) }
  }

  private static func move(_ source: String, _ target: String) throws(StrataError) {
    guard rename(source, target) == 0 else { throw failure(target, "cannot be written") }
  }

  /// Makes a folder and those that it lies in.
  static func make(_ path: String) throws(StrataError) {
    if path.isEmpty || mkdir(path, 0o777) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
      throw failure(path, "cannot be made")
    }
    try make(String(path[..<slash]))
    guard mkdir(path, 0o777) == 0 || errno == EEXIST else { throw failure(path, "cannot be made") }
  }

  /// Writes a file into a folder that nobody else knows yet.
  static func write(_ bytes: [UInt8], to path: String) throws(StrataError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw failure(path, "cannot be written") }
    var isOpen = true
    defer { if isOpen { close(descriptor) } }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { systemWrite(descriptor, $0) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw failure(path, "cannot be written") }
      rest = rest.dropFirst(count)
    }
    isOpen = false
    // Some file systems report a full disk only here.
    guard close(descriptor) == 0 else { throw failure(path, "cannot be written") }
  }

  /// Removes a folder that was made here. Links are removed, not followed.
  private static func remove(_ path: String, depth: Int) {
    if unlink(path) == 0 || depth > 8 { return }
    for name in (try? names(in: path)) ?? [] { remove("\(path)/\(name)", depth: depth + 1) }
    rmdir(path)
  }

  private static func failure(_ path: String, _ problem: String) -> StrataError {
    PictureFile.failure(path, problem)
  }
}

/// `write`, which `NewFolder.write` would hide.
private func systemWrite(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
  write(descriptor, bytes.baseAddress, bytes.count)
}
