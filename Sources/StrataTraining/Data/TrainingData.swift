import StrataCore
import StrataData
import StrataFormats

/// Examples to learn from and others to be examined with.
public struct TrainingData: Sendable {
  /// What a network learns from.
  public let training: any Dataset
  /// What it is examined with.
  public let validation: any Dataset
  /// The channels that the pictures have by themselves: 1 for greys, 3 for colours.
  public let channels: Int
  /// The side of the pictures, where all are squares of one size.
  public let side: Int?
  /// What the data is, in a few words.
  public let title: String

  /// Puts data sets together; both must have the same classes.
  public init(
    training: any Dataset, validation: any Dataset, channels: Int = 3, side: Int? = nil,
    title: String = "data"
  ) throws(StrataError) {
    guard training.classNames == validation.classNames else {
      let (mine, other) = (Set(training.classNames), Set(validation.classNames))
      let odd = mine.symmetricDifference(other).sorted().prefix(5).joined(separator: ", ")
      throw StrataError(
        .argument,
        "\(title): training and validation data have different classes"
          + (odd.isEmpty ? ", in another order" : ": \(odd)"))
    }
    (self.training, self.validation) = (training, validation)
    (self.channels, self.side, self.title) = (channels, side, title)
  }

  /// The names of the classes.
  public var classNames: [String] { training.classNames }

  /// Finds data by what lies at a place, or draws it:
  ///
  /// - a folder with `train` and `val` (or `test`) and a folder a class in each, or just a folder a class, of
  ///   which every fifth picture is then held out;
  /// - a folder with MNIST's, CIFAR-10's, CIFAR-100's or the 8 × 8 digits' files;
  /// - a `.csv` table of paths and labels, of which every fifth line is held out;
  /// - `shapes` or `shapes:count=3000,size=32,classes=heart+arrow,seed=1`: pictures drawn as they are needed.
  ///
  /// - Parameters:
  ///   - place: The place.
  ///   - format: What lies there, where its contents do not tell.
  ///   - validation: Where validation data lies, if not with the rest: a folder a class, or a table.
  public init(
    _ place: String, format: DataFormat? = nil, validation: String? = nil
  ) throws(StrataError) {
    let known: DataFormat
    if let format { known = format } else { known = try DataFormat(of: place) }
    if let validation {
      try self.init(training: place, validation: validation, known)
      return
    }
    switch known {
    case .folder: try self.init(folder: place)
    case .csv: try self.init(split: CSVDataset(place), place)
    case .mnist: try self.init(idx: MNIST.init(folder:train:), place)
    case .fashion: try self.init(idx: MNIST.fashion(folder:train:), place)
    case .digits:
      let digits = try MNIST.digits(folder: place)
      try self.init(split: digits, channels: 1, side: Self.side(of: digits), place)
    case .cifar10: try self.init(cifar: CIFAR.ten(folder:train:), place)
    case .cifar100: try self.init(cifar: CIFAR.hundred(folder:train:), place)
    case .shapes: try self.init(shapes: place)
    }
  }

  private init(training: String, validation: String, _ format: DataFormat) throws(StrataError) {
    switch format {
    case .folder:
      try self.init(
        training: ImageFolder(training), validation: ImageFolder(validation), title: training)
    case .csv:
      try self.init(training: CSVDataset(training), validation: CSVDataset(validation), title: training)
    default:
      throw StrataError(
        .argument, "--val goes with folders and tables; \(format.rawValue) has validation data of its own")
    }
  }

  private init(
    split dataset: any Dataset, channels: Int = 3, side: Int? = nil, _ title: String
  ) throws(StrataError) {
    let parts = try dataset.split(every: 5)
    guard parts.heldOut.count > 0 else {
      throw StrataError(
        .argument, "\(title): of every five examples one is held out, and there are only \(dataset.count)")
    }
    try self.init(
      training: parts.training, validation: parts.heldOut, channels: channels, side: side, title: title)
  }

  private init(folder: String) throws(StrataError) {
    let names = try DataFormat.names(in: folder)
    guard names.contains("train") else {
      try self.init(split: ImageFolder(folder), folder)
      return
    }
    guard let held = ["val", "valid", "validation", "test"].first(where: names.contains) else {
      throw StrataError(.file, "\(folder): beside train a folder val is expected, and there is none")
    }
    try self.init(
      training: ImageFolder("\(folder)/train"), validation: ImageFolder("\(folder)/\(held)"), title: folder)
  }

  private init(
    idx: (String, Bool) throws(StrataError) -> MNIST, _ place: String
  ) throws(StrataError) {
    let training = try idx(place, true)
    try self.init(
      training: training, validation: idx(place, false), channels: 1, side: Self.side(of: training),
      title: place)
  }

  private init(
    cifar: (String, Bool) throws(StrataError) -> CIFAR, _ place: String
  ) throws(StrataError) {
    try self.init(training: cifar(place, true), validation: cifar(place, false), side: 32, title: place)
  }

  private static func side(of pictures: MNIST) -> Int? {
    pictures.width == pictures.height ? pictures.width : nil
  }

  private init(shapes text: String) throws(StrataError) {
    var (count, size, seed) = (2000, 32, UInt64(0))
    var shapes = Array(ToyShape.allCases.prefix(5))
    for part in text.split(separator: ":", maxSplits: 1).dropFirst().flatMap({ $0.split(separator: ",") }) {
      let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
      let mistake = StrataError(
        .argument, "shapes takes count=N, size=S, seed=N and classes=N or classes=heart+arrow, not \(part)")
      guard pair.count == 2 else { throw mistake }
      switch (pair[0], Int(pair[1])) {
      case ("count", let number?) where (5...100_000_000).contains(number): count = number
      case ("size", let number?) where (8...1024).contains(number): size = number
      case ("seed", let number?) where number >= 0: seed = UInt64(number)
      case ("classes", let number?) where (1...ToyShape.allCases.count).contains(number):
        shapes = Array(ToyShape.allCases.prefix(number))
      case ("classes", nil):
        shapes = []
        for name in pair[1].split(separator: "+") {
          guard let shape = ToyShape(rawValue: String(name)) else {
            let known = ToyShape.allCases.map(\.rawValue).joined(separator: ", ")
            throw StrataError(.argument, "there is no shape \(name); known are \(known)")
          }
          shapes.append(shape)
        }
      default: throw mistake
      }
    }
    try self.init(
      split: ShapesDataset(count: count, size: size, shapes: shapes, seed: seed), side: size, text)
  }

  /// The SHA-256 of the names of the classes, of all labels, and of examples of each part: all where there are fewer
  /// than 512, and 256 to 511 spread evenly over a larger one, enough to notice that it is another.
  public func fingerprint() throws(StrataError) -> String {
    var hash = SHA256()
    hash.update(Array(classNames.joined(separator: "\n").utf8))
    for part in [training, validation] {
      hash.update(Array("\(part.count)\n".utf8))
      var labels: [UInt8] = []
      for index in 0..<part.count {
        let label = try part.label(at: index)
        labels += (0..<4).map { UInt8(truncatingIfNeeded: label >> (8 * $0)) }
      }
      hash.update(labels)
      let step = max(1, part.count / 256)
      for index in stride(from: 0, to: part.count, by: step) {
        let tensor = try part.item(at: index).sample.tensor
        hash.update(Array("\(tensor.shape)".utf8))
        withExtendedLifetime(tensor.buffer) { hash.update(tensor.bytes) }
      }
    }
    return hash.hexadecimal
  }
}

extension DataFormat {
  /// What lies at a place.
  init(of place: String) throws(StrataError) {
    if place == "shapes" || place.hasPrefix("shapes:") {
      self = .shapes
      return
    }
    if place.lowercased().hasSuffix(".csv") {
      self = .csv
      return
    }
    let names = Set(try DataFormat.names(in: place).map { $0.hasSuffix(".gz") ? String($0.dropLast(3)) : $0 })
    func has(_ candidates: String...) -> Bool { !names.isDisjoint(with: candidates) }
    if has("digits-images-idx3-ubyte") {
      self = .digits
    } else if has("train-images-idx3-ubyte", "train-images.idx3-ubyte", "MNIST") {
      self = .mnist
    } else if has("FashionMNIST") {
      self = .fashion
    } else if has("data_batch_1.bin", "cifar-10-batches-bin") {
      self = .cifar10
    } else if has("train.bin", "cifar-100-binary") {
      self = .cifar100
    } else {
      self = .folder
    }
  }

  static func names(in folder: String) throws(StrataError) -> [String] { try DataFile.names(in: folder) }
}
