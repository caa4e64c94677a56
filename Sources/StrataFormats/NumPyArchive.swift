import StrataCore

/// NumPy's file format for several arrays, `.npz`: a zip archive of `.npy` files.
public enum NumPyArchive {
  /// Reads a file, as `numpy.savez` and `numpy.savez_compressed` write it.
  ///
  /// Names lose their `.npy`; files of other kinds in the archive are passed over.
  public static func read(_ path: String) throws(StrataError) -> TensorArchive {
    try decode(try FileSystem.map(path), name: path)
  }

  /// Reads a file that is already in memory; `name` is what messages call it.
  public static func decode(_ buffer: Buffer, name: String) throws(StrataError) -> TensorArchive {
    try decode(try ZipArchive(buffer, name: name), name: name)
  }

  static func decode(_ archive: ZipArchive, name: String) throws(StrataError) -> TensorArchive {
    var tensors = TensorArchive()
    for file in archive.names where file.hasSuffix(".npy") {
      guard let entry = archive.entries[file] else { continue }
      let label = "\(name): entry \(quoted(file))"
      tensors[String(file.dropLast(4))] = try NumPy.decode(try archive.contents(entry), name: label)
    }
    return tensors
  }

  /// Writes a file without compression; bfloat16, which NumPy does not have, is refused.
  public static func write(_ archive: TensorArchive, to path: String) throws(StrataError) {
    let headers = try archive.map { item throws(StrataError) in
      HostTensor(try NumPy.header(item.tensor, name: "\(path): \(quoted(item.name))"))
    }
    try FileSystem.write(path) { writer throws(StrataError) in
      var zip = ZipWriter()
      for (item, header) in Swift.zip(archive, headers) {
        try zip.add("\(item.name).npy", [header.bytes, item.tensor.bytes], to: &writer)
        withExtendedLifetime((header, item.tensor)) {}
      }
      try zip.finish(&writer)
    }
  }
}
