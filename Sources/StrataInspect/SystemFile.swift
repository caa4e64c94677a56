import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Small text files in which a system describes itself, and folders.
package enum SystemFile {
  /// The text of a file, or nil where it cannot be read.
  static func text(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
      // Such files have no size of their own: reading to the end is the only way.
      let count = fread(&chunk, 1, chunk.count, file)
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The first word of a file.
  static func word(_ path: String) -> String? {
    text(path)?.split(whereSeparator: \.isWhitespace).first.map(String.init)
  }

  /// Creates a folder and those above it, where they are missing.
  package static func createFolder(_ path: String) throws(StrataError) {
    var place = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      place += place.isEmpty || place.hasSuffix("/") ? String(part) : "/\(part)"
      if mkdir(place, 0o777) == 0 || errno == EEXIST { continue }
      throw StrataError(.file, "cannot create the folder \(place): \(String(cString: strerror(errno)))")
    }
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw StrataError(.file, "\(path) is not a folder")
    }
  }

  /// Whether a path names a folder.
  package static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The names of what lies in a folder, sorted.
  package static func names(in path: String) throws(StrataError) -> [String] {
    guard let folder = opendir(path) else {
      throw StrataError(.file, "\(path) cannot be listed: \(String(cString: strerror(errno)))")
    }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}
