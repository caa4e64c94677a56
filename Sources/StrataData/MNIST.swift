import StrataCore

/// Grey pictures of one size in two IDX files, plain or gzip, torchvision's `MNIST` and its kind.
public struct MNIST: Dataset {
  /// The names of the classes.
  public let classNames: [String]
  /// The pixels of a row.
  public let width: Int
  /// The rows.
  public let height: Int
  private let pixels: [UInt8]
  private let labels: [UInt8]

  /// Reads two files: pictures and their labels, which must be below the number of names.
  public init(
    images: String, labels: String, classNames: [String] = (0..<10).map(String.init)
  ) throws(StrataError) {
    let pictures = try IDXFile(images, rank: 3)
    let answers = try IDXFile(labels, rank: 1)
    guard pictures.sizes[0] == answers.sizes[0] else {
      throw StrataError(
        .format,
        "\(labels): \(answers.sizes[0]) labels do not fit \(pictures.sizes[0]) pictures in \(images)")
    }
    if let wrong = answers.bytes.first(where: { Int($0) >= classNames.count }) {
      throw StrataError(.format, "\(labels): labels are 0 to \(classNames.count - 1), and one is \(wrong)")
    }
    guard pictures.sizes[1] > 0, pictures.sizes[2] > 0 else {
      throw StrataError(.format, "\(images): the pictures have no pixels")
    }
    (height, width, pixels) = (pictures.sizes[1], pictures.sizes[2], Array(pictures.bytes))
    self.labels = Array(answers.bytes)
    self.classNames = classNames
  }

  /// Reads the handwritten digits that Yann LeCun, Corinna Cortes and Christopher Burges made of NIST's, from a
  /// folder with the files as they are distributed, or one that torchvision downloaded to.
  public init(folder: String, train: Bool) throws(StrataError) {
    try self.init(folder: folder, train: train, place: "MNIST", classNames: Labels.numbered(10))
  }

  private init(folder: String, train: Bool, place: String, classNames: [String]) throws(StrataError) {
    let part = train ? "train" : "t10k"
    func file(_ kind: String) throws(StrataError) -> String {
      // The second way is that of copies whose names were changed on the way.
      let (what, type) = (kind.dropLast(5), kind.suffix(4))
      let names = ["\(part)-\(kind)-ubyte", "\(part)-\(what).\(type)-ubyte"]
      return try DataFile.find(
        ["", "\(place)/raw/", "raw/"].flatMap { inner in names.flatMap { [inner + $0, inner + $0 + ".gz"] } },
        in: folder)
    }
    try self.init(
      images: try file("images-idx3"), labels: try file("labels-idx1"), classNames: classNames)
  }

  /// Reads Zalando's articles of clothing, torchvision's `FashionMNIST`.
  public static func fashion(folder: String, train: Bool) throws(StrataError) -> MNIST {
    try MNIST(
      folder: folder, train: train, place: "FashionMNIST",
      classNames: [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
        "Ankle boot",
      ])
  }

  /// Reads the 1,797 digits of 8 × 8 pixels that `Reference/digits.py` makes of scikit-learn's, from a folder.
  /// Of every five the last belongs to the test set: `split(every: 5)`.
  public static func digits(folder: String) throws(StrataError) -> MNIST {
    func file(_ name: String) throws(StrataError) -> String {
      try DataFile.find([name, name + ".gz"], in: folder)
    }
    return try MNIST(
      images: try file("digits-images-idx3-ubyte"), labels: try file("digits-labels-idx1-ubyte"))
  }

  /// The number of pictures.
  public var count: Int { labels.count }
  /// The label of a number.
  public func label(at index: Int) throws(StrataError) -> Int { Int(labels[index]) }

  /// The picture of a number, of greys.
  public func item(at index: Int) throws(StrataError) -> Example {
    let area = width * height
    let image = pixels.withUnsafeBufferPointer { pixels in
      Image(width: width, height: height) { target in
        for pixel in 0..<area {
          (target + pixel * 3).initialize(repeating: pixels[index * area + pixel], count: 3)
        }
      }
    }
    return Example(.grey(image), label: Int(labels[index]))
  }
}

/// Bytes of several axes in Yann LeCun's format: two zeros, the type, the rank, the sizes, the elements.
struct IDXFile {
  let sizes: [Int]
  let bytes: ArraySlice<UInt8>

  /// Reads a file of bytes of a rank.
  init(_ path: String, rank: Int) throws(StrataError) {
    let file = try DataFile.read(path)
    let header = 4 + 4 * rank
    guard file.count >= 4 else { throw StrataError(.format, "\(path): the file is too short to be IDX") }
    let magic = file[0..<4].map { String($0, radix: 16) }.joined(separator: " ")
    guard Array(file[0..<4]) == [0, 0, 8, UInt8(rank)] else {
      throw StrataError(
        .format,
        "\(path): an IDX file of bytes with \(rank) axes begins with 0 0 8 \(rank), this with \(magic)")
    }
    guard file.count >= header else { throw StrataError(.format, "\(path): the file ends in its header") }
    sizes = file.withUnsafeBytes { raw in
      (0..<rank).map { Bytes(raw: raw).uint32(at: 4 + 4 * $0) ?? 0 }
    }
    bytes = file[header...]
    guard let count = Shape(sizes).checkedElementCount, count == bytes.count else {
      let told = sizes.map(String.init).joined(separator: " × ")
      throw StrataError(
        .format, "\(path): the header tells of \(told) bytes, and \(bytes.count) follow")
    }
  }
}
