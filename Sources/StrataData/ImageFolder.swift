import StrataCore

/// Pictures in a folder for each class, torchvision's `ImageFolder`: the folders' sorted names are the classes,
/// pictures are found however deep, JPEG and PNG by the ends of their names. Hidden files are passed over.
public struct ImageFolder: Dataset {
  /// The path of each picture and its label: by class, then by path.
  public let samples: [(path: String, label: Int)]
  /// The folders' names.
  public let classNames: [String]
  /// Whether pictures are turned as their cameras say; torchvision does not turn them.
  public let appliesOrientation: Bool

  /// Finds the pictures. A class without any is an error: its folder was hardly meant to be empty.
  public init(_ folder: String, appliesOrientation: Bool = true) throws(StrataError) {
    classNames = try DataFile.names(in: folder).filter { DataFile.isFolder(DataFile.joined(folder, $0)) }
    guard !classNames.isEmpty else {
      throw StrataError(.file, "\(folder): a folder for each class is expected in it, and there is none")
    }
    var samples: [(path: String, label: Int)] = []
    for (label, name) in classNames.enumerated() {
      let paths = try Self.pictures(in: DataFile.joined(folder, name))
      guard !paths.isEmpty else {
        throw StrataError(
          .file, "\(DataFile.joined(folder, name)): no file in this class ends with .jpg, .jpeg or .png")
      }
      samples += paths.map { ($0, label) }
    }
    self.samples = samples
    self.appliesOrientation = appliesOrientation
  }

  /// The number of pictures.
  public var count: Int { samples.count }
  /// The label of a number.
  public func label(at index: Int) throws(StrataError) -> Int { samples[index].label }

  /// The picture of a number, decoded now.
  public func item(at index: Int) throws(StrataError) -> Example {
    let (path, label) = samples[index]
    return Example(
      .image(try Image(contentsOf: path, appliesOrientation: appliesOrientation)), label: label)
  }

  /// As `sorted(os.walk(folder))` goes: folder by folder in the order of their paths, in each by name.
  private static func pictures(in folder: String) throws(StrataError) -> [String] {
    var folders = [(path: folder, above: [DataFile.Identity]())]
    var found: [String: [String]] = [:]
    while let (path, above) = folders.popLast() {
      let here = try DataFile.Identity(path)
      guard !above.contains(here) else {
        throw StrataError(.file, "\(path): this folder links to one that it lies in")
      }
      var names: [String] = []
      for name in try DataFile.names(in: path) {
        let inner = DataFile.joined(path, name)
        if DataFile.isFolder(inner) {
          folders.append((inner, above + [here]))
        } else if ImageFiles.hasPictureName(name), DataFile.isFile(inner) {
          names.append(inner)
        }
      }
      found[path] = names
    }
    return DataFile.sorted(Array(found.keys)).flatMap { found[$0] ?? [] }
  }
}
