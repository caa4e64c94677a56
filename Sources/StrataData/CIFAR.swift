import StrataCore

/// Alex Krizhevsky's pictures of 32 × 32 pixels in their binary files, torchvision's `CIFAR10` and `CIFAR100`.
public struct CIFAR: Dataset {
  /// The names of the classes.
  public let classNames: [String]
  private let records: [UInt8]
  private let labelBytes: Int

  private static let side = 32
  private static let pixelBytes = 3 * side * side

  /// Reads ten classes from a folder with `data_batch_1.bin` and so on, or from the one above it.
  public static func ten(folder: String, train: Bool) throws(StrataError) -> CIFAR {
    try CIFAR(
      folder: folder, place: "cifar-10-batches-bin",
      files: train ? (1...5).map { "data_batch_\($0).bin" } : ["test_batch.bin"], labelBytes: 1, classes: 10,
      namesFile: "batches.meta.txt")
  }

  /// Reads a hundred classes from a folder with `train.bin` and `test.bin`, or from the one above it.
  public static func hundred(folder: String, train: Bool) throws(StrataError) -> CIFAR {
    try CIFAR(
      folder: folder, place: "cifar-100-binary", files: [train ? "train.bin" : "test.bin"], labelBytes: 2,
      classes: 100, namesFile: "fine_label_names.txt")
  }

  private init(
    folder: String, place: String, files: [String], labelBytes: Int, classes: Int, namesFile: String
  ) throws(StrataError) {
    self.labelBytes = labelBytes
    let recordBytes = labelBytes + Self.pixelBytes
    var records: [UInt8] = []
    for name in files {
      let places = [name, name + ".gz", "\(place)/\(name)", "\(place)/\(name).gz"]
      let path = try DataFile.find(places, in: folder)
      let bytes = try DataFile.read(path)
      guard !bytes.isEmpty, bytes.count % recordBytes == 0 else {
        throw StrataError(
          .format, "\(path): pictures of \(recordBytes) bytes do not fill a file of \(bytes.count)")
      }
      // Of CIFAR-100's two labels the second is the finer one.
      let labels = stride(from: labelBytes - 1, to: bytes.count, by: recordBytes).map { bytes[$0] }
      if let wrong = labels.first(where: { $0 >= classes }) {
        throw StrataError(.format, "\(path): labels are 0 to \(classes - 1), and one is \(wrong)")
      }
      records += bytes
    }
    self.records = records
    classNames = try Self.names(namesFile, place, folder, classes)
  }

  /// The names that come with the pictures, or numbers where they were left out.
  private static func names(
    _ file: String, _ place: String, _ folder: String, _ count: Int
  ) throws(StrataError) -> [String] {
    guard let path = try? DataFile.find([file, "\(place)/\(file)"], in: folder) else {
      return Labels.numbered(count)
    }
    let text = String(decoding: try DataFile.read(path), as: UTF8.self)
    let names = text.split(whereSeparator: \.isNewline).map(String.init)
    guard names.count == count else {
      throw StrataError(
        .format, "\(path): \(count) names of classes are expected, and there are \(names.count)")
    }
    return names
  }

  private var recordBytes: Int { labelBytes + Self.pixelBytes }

  /// The number of pictures.
  public var count: Int { records.count / recordBytes }

  /// The label of a number.
  public func label(at index: Int) throws(StrataError) -> Int {
    Int(records[index * recordBytes + labelBytes - 1])
  }

  /// The picture of a number.
  public func item(at index: Int) throws(StrataError) -> Example {
    let (side, start) = (Self.side, index * recordBytes + labelBytes)
    let image = records.withUnsafeBufferPointer { records in
      Image(width: side, height: side) { target in
        for pixel in 0..<side * side {
          for channel in 0..<3 {
            (target + pixel * 3 + channel).initialize(to: records[start + channel * side * side + pixel])
          }
        }
      }
    }
    return Example(.image(image), label: try label(at: index))
  }
}
