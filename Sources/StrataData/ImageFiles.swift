import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The pictures that arguments of a command stand for.
public enum ImageFiles {
  /// What the names of pictures in a folder end with, in either case.
  public static let extensions = ["jpg", "jpeg", "jpe", "jfif", "png"]

  /// The paths that all `arguments` stand for, in their order.
  public static func expand(_ arguments: [String]) throws(StrataError) -> [String] {
    var paths: [String] = []
    for argument in arguments { paths += try expand(argument) }
    return paths
  }

  /// The paths that an argument stands for: a folder for the pictures that lie in it directly, by name; a
  /// file for itself; anything else with `*`, `?` or `[…]` for the files that fit it, by name.
  public static func expand(_ argument: String) throws(StrataError) -> [String] {
    var status = stat()
    if stat(argument, &status) == 0 {
      return status.st_mode & S_IFMT == S_IFDIR ? try pictures(inFolder: argument) : [argument]
    }
    guard errno == ENOENT else { throw PictureFile.failure(argument, "cannot be read") }
    guard argument.contains(where: { "*?[".contains($0) }) else {
      throw StrataError(.file, "\(argument): there is no such file or folder")
    }
    let paths = matches(argument)
    guard !paths.isEmpty else { throw StrataError(.file, "\(argument): no file fits this pattern") }
    return paths
  }

  private static func pictures(inFolder path: String) throws(StrataError) -> [String] {
    guard let folder = opendir(path) else { throw PictureFile.failure(path, "cannot be listed") }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if hasPictureName(name) { names.append(name) }
    }
    let prefix = path.hasSuffix("/") ? path : path + "/"
    let paths = sorted(names).map { prefix + $0 }.filter(isFile)
    guard !paths.isEmpty else {
      throw StrataError(.file, "\(path): no file in this folder ends with .jpg, .jpeg or .png")
    }
    return paths
  }

  static func hasPictureName(_ name: String) -> Bool {
    guard !name.hasPrefix("."), let dot = name.lastIndex(of: ".") else { return false }
    return extensions.contains(name[name.index(after: dot)...].lowercased())
  }

  private static func matches(_ pattern: String) -> [String] {
    var list = glob_t()
    defer { globfree(&list) }
    guard glob(pattern, GLOB_NOSORT, nil, &list) == 0, let paths = list.gl_pathv else { return [] }
    let found = (0..<Int(list.gl_pathc)).compactMap { index in paths[index].map { String(cString: $0) } }
    return sorted(found).filter(isFile)
  }

  /// By bytes: the same order on every machine, whatever its language.
  private static func sorted(_ names: [String]) -> [String] {
    names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private static func isFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }
}
