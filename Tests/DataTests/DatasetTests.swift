import Foundation
import StrataCore
import StrataData
import Testing

@Suite("Data sets from files")
struct DatasetTests {
  private static func png(_ seed: Int) throws -> [UInt8] { try noise(4, 3, seed: seed).encodedPNG() }

  /// An IDX file of bytes.
  private static func idx(_ sizes: [Int], _ bytes: [UInt8]) -> [UInt8] {
    [0, 0, 8, UInt8(sizes.count)]
      + sizes.flatMap { size in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: size >> $0) } } + bytes
  }

  private static func gzip(_ place: Place, _ name: String) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["gzip", place.path(name)]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  @Test("A folder a class: classes by name, pictures by path, however deep")
  func imageFolder() throws {
    let place = try Place()
    for (seed, name) in [
      "b/2.png", "b/10.PNG", "b/inner/1.png", "b/in-ner/3.png", "a/x.jpg", "C/y.png", "b/notes.txt",
      ".git/z.png",
      "a/.x.png", "file.png",
    ].enumerated() {
      try place.write(name, try Self.png(seed))
    }
    let set = try ImageFolder(place.path(""))
    #expect(set.classNames == ["C", "a", "b"])
    #expect(
      set.samples.map { String($0.path.dropFirst(place.path("").count + 1)) } == [
        "C/y.png", "a/x.jpg", "b/10.PNG", "b/2.png", "b/in-ner/3.png", "b/inner/1.png",
      ])
    #expect(try (0..<set.count).map { try set.label(at: $0) } == [0, 1, 2, 2, 2, 2])
    let example = try set.item(at: 3)
    #expect(
      try example.sample.tensor.scalars() == Sample.image(noise(4, 3, seed: 0)).tensor.scalars(as: Float.self)
    )
    #expect(example.label == 2)
  }

  @Test("A folder without classes, a class without pictures and a loop of links are told apart")
  func imageFolderMistakes() throws {
    let place = try Place()
    #expect(
      failure { _ = try ImageFolder(place.path("none")) }?.message
        == "\(place.path("none")): there is no such folder")
    #expect(
      failure { _ = try ImageFolder(place.path("")) }?.message.contains("a folder for each class") == true)
    try place.write("cats/readme.txt", "none")
    #expect(
      failure { _ = try ImageFolder(place.path("")) }?.message.contains("no file in this class") == true)
    #expect(
      failure { _ = try ImageFolder(place.path("cats/readme.txt")) }?.message.contains("this is a file")
        == true)
    try place.write("cats/1.png", try Self.png(1))
    #expect(try ImageFolder(place.path("")).count == 1)
    try FileManager.default.createSymbolicLink(
      atPath: place.path("cats/loop"), withDestinationPath: place.path("cats"))
    #expect(
      failure { _ = try ImageFolder(place.path("")) }?.message
        == "\(place.path("cats/loop")): this folder links to one that it lies in")
  }

  @Test("A picture that cannot be read is named, and the rest can be")
  func unreadable() throws {
    let place = try Place()
    for index in 0..<6 { try place.write("a/\(index).png", try Self.png(index)) }
    try place.write("a/3.png", Array(try Self.png(3).prefix(40)))
    try place.write("a/4.png", "no picture")
    let loader = try DataLoader(ImageFolder(place.path("")), batchSize: 2)
    #expect(try loader.next()?.inputs.shape == [2, 3, 3, 4])
    #expect(failure { _ = try loader.next() }?.message.hasPrefix("\(place.path("a/3.png")): ") == true)
    try place.write("a/3.png", try Self.png(3))
    #expect(try loader.next()?.count == 2)
    #expect(
      failure { _ = try loader.next() }?.message
        == "\(place.path("a/4.png")): this is no picture; JPEG and PNG are read")
    try FileManager.default.removeItem(atPath: place.path("a/4.png"))
    #expect(
      failure { _ = try loader.next() }?.message == "\(place.path("a/4.png")): there is no such file")
  }

  @Test("A table names pictures and labels")
  func table() throws {
    let place = try Place()
    for (index, name) in ["x.png", "deep/y, \"z\".png", "w.png"].enumerated() {
      try place.write(name, try Self.png(index))
    }
    try place.write(
      "names.csv",
      "\u{FEFF}id,path,label\r\n1,x.png,dog\r\n\r\n2,\"deep/y, \"\"z\"\".png\",\"cat\"\r\n3,w.png,dog")
    let set = try CSVDataset(place.path("names.csv"))
    #expect(set.classNames == ["cat", "dog"] && set.samples.map(\.label) == [1, 0, 1])
    #expect(set.samples[1].path == place.path("deep/y, \"z\".png"))
    #expect(try set.item(at: 2).sample.tensor.shape == [3, 3, 4])
    try place.write("sub/numbers.csv", "file,class\n../x.png,2\n\(place.path("w.png")),10\n")
    let numbers = try CSVDataset(place.path("sub/numbers.csv"), pathColumn: "file", labelColumn: "class")
    #expect(numbers.samples.map(\.label) == [2, 10] && numbers.classCount == 11)
  }

  @Test(
    "A table that could be read in two ways, or not at all, is refused with its line",
    arguments: [
      ("", "the table is empty"), ("path,label\n", "no line but the first"),
      ("path\nx.png\n", "a column label is expected in the first line, which has path"),
      ("path,label\nx.png\n", "line 2 has 1 fields, the first line 2"),
      ("path,label\nx.png,a,\n", "line 2 has 3 fields"), ("path,label\nx.png,\n", "line 2 has no label"),
      ("path,label\nx.png,a\nnone.png,a\n", "line 3 names"), ("path,label\n,a\n", "line 2 names"),
      ("path,label\n\"x.png,a\n", "line 2: a quote is not closed"),
      ("path,label\n\"x.png\"a,a\n", "line 2: text follows a closing quote"),
      ("path,label\nx\".png,a\n", "line 2: a quote stands within a field"),
      ("path,label\rx.png,a\r", "line 1: a carriage return stands without a line feed"),
      ("path,label\nx.png,-1\n", "one is -1"), ("path,label\nx.png,99999999\n", "one is 99999999"),
      ("path,label\n\0,a\n", "line 2: the text is not UTF-8"),
    ])
  func tableMistakes(text: String, reason: String) throws {
    let place = try Place()
    try place.write("x.png", try Self.png(0))
    try place.write("t.csv", text)
    let message = try #require(failure { _ = try CSVDataset(place.path("t.csv")) }?.message)
    #expect(message.hasPrefix(place.path("t.csv")) && message.contains(reason), "\(message)")
  }

  @Test("Bytes that are no text, and quotes over several lines, are counted right")
  func tableLines() throws {
    let place = try Place()
    try place.write("t.csv", Array("path,label\n\"a\nb\",x\n".utf8) + [0xff, 0x2c, 0x61])
    #expect(failure { _ = try CSVDataset(place.path("t.csv")) }?.message.contains("line 4: ") == true)
  }

  @Test("The digits are scikit-learn's: 1,797 of them, and a fifth held out")
  func digits() throws {
    let folder = Pictures.folder.deletingLastPathComponent().appending(path: "digits").path
    let set = try MNIST.digits(folder: folder)
    #expect(set.count == 1797 && set.width == 8 && set.height == 8)
    var counts = [Int](repeating: 0, count: 10)
    for index in 0..<set.count { counts[try set.label(at: index)] += 1 }
    #expect(counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    let first = try set.item(at: 0)
    #expect(first.label == 0 && first.sample.tensor.shape == [1, 8, 8])
    // The first row of the first digit as scikit-learn prints it: 0 0 5 13 9 1 0 0.
    let row = first.sample.tensor.scalars(as: Float.self)[..<8].map { ($0 * 16).rounded() }
    #expect(row == [0, 0, 5, 13, 9, 1, 0, 0])
    let parts = try set.split()
    #expect(parts.training.count == 1438 && parts.heldOut.count == 359)
    #expect(parts.heldOut.indices[..<3] == [4, 9, 14])
    let loader = try DataLoader(parts.training, batchSize: 64, sampling: .shuffled)
    #expect(try loader.next()?.inputs.shape == [64, 1, 8, 8])
  }

  @Test("MNIST's files are read plain or packed, by the names of its author or of torchvision's folders")
  func mnist() throws {
    let place = try Place()
    let pixels = (0..<24).map { UInt8($0 * 10) }
    for (name, sizes, bytes) in [
      ("train-images-idx3-ubyte", [2, 3, 4], pixels), ("train-labels-idx1-ubyte", [2], [7, 3]),
    ] {
      try place.write("plain/\(name)", Self.idx(sizes, bytes))
      try place.write("packed/MNIST/raw/\(name)", Self.idx(sizes, bytes))
      try place.write("fashion/FashionMNIST/raw/\(name)", Self.idx(sizes, bytes))
      try Self.gzip(place, "packed/MNIST/raw/\(name)")
    }
    for folder in ["plain", "packed"] {
      let set = try MNIST(folder: place.path(folder), train: true)
      #expect(set.count == 2 && set.width == 4 && set.height == 3)
      let example = try set.item(at: 1)
      #expect(example.label == 3)
      #expect(example.sample.tensor.scalars() == pixels[12...].map { Float($0) / 255 })
    }
    let fashion = try MNIST.fashion(folder: place.path("fashion"), train: true)
    #expect(fashion.classNames[7] == "Sneaker" && fashion.classCount == 10)
    let missing = failure { _ = try MNIST(folder: place.path("plain"), train: false) }
    #expect(missing?.message == "\(place.path("plain")): the folder has no file t10k-images-idx3-ubyte")
    #expect(
      failure { _ = try MNIST(folder: place.path("none"), train: true) }?.message.contains("no such") == true)
  }

  @Test("IDX files that are damaged are refused wherever they are cut, and never read beyond their end")
  func idxMistakes() throws {
    let place = try Place()
    try place.write("labels", Self.idx([2], [7, 3]))
    let whole = Self.idx([2, 3, 4], [UInt8](repeating: 9, count: 24))
    func message(_ images: [UInt8]) throws -> String {
      try place.write("images", images)
      let error = failure { _ = try MNIST(images: place.path("images"), labels: place.path("labels")) }
      return try #require(error?.message)
    }
    for count in 0..<whole.count {
      #expect(try message(Array(whole[..<count])).hasPrefix(place.path("images")))
    }
    #expect(try message(whole + [0]).contains("the header tells of 2 × 3 × 4 bytes, and 25 follow"))
    #expect(try message([1] + whole.dropFirst()).contains("begins with 0 0 8 3, this with 1 0 8 3"))
    #expect(try message(Self.idx([2, 12], [UInt8](repeating: 0, count: 24))).contains("begins with"))
    let huge = [0xffff_ffff, 0xffff_ffff, 0xffff_ffff]
    #expect(try message(Self.idx(huge, [])).contains("and 0 follow"))
    #expect(try message(Self.idx([2, 0, 4], [])).contains("the pictures have no pixels"))
    #expect(
      try message(Self.idx([3, 2, 4], [UInt8](repeating: 0, count: 24))).contains("2 labels do not fit 3"))
    try place.write("labels", Self.idx([2], [7, 10]))
    #expect(try message(whole).contains("labels are 0 to 9, and one is 10"))
  }

  @Test("A gzip file that is damaged or cut is refused, and one of several members is read to its end")
  func gzip() throws {
    let place = try Place()
    let labels = Self.idx([2000], (0..<2000).map { UInt8($0 % 7) })
    try place.write("labels", labels)
    try place.write("half", Array(labels[..<900]))
    try place.write("rest", Array(labels[900...]))
    try place.write("images", Self.idx([2000, 1, 1], [UInt8](repeating: 1, count: 2000)))
    for name in ["labels", "half", "rest"] { try Self.gzip(place, name) }
    let packed = [UInt8](try Data(contentsOf: URL(filePath: place.path("labels.gz"))))
    func read(_ bytes: [UInt8]) throws -> MNIST {
      try place.write("packed", bytes)
      return try MNIST(images: place.path("images"), labels: place.path("packed"))
    }
    #expect(try read(packed).label(at: 13) == 6)
    let halves = try ["half.gz", "rest.gz"].flatMap {
      [UInt8](try Data(contentsOf: URL(filePath: place.path($0))))
    }
    #expect(try read(halves).label(at: 1999) == 4)
    for count in stride(from: 2, to: packed.count, by: 7) {
      #expect(
        failure { _ = try read(Array(packed[..<count])) }?.message.hasPrefix(place.path("packed")) == true)
    }
    // Before lies the header with the name, which nothing protects.
    for index in stride(from: 20, to: packed.count, by: 5) {
      var damaged = packed
      damaged[index] ^= 0x55
      #expect(failure { _ = try read(damaged) } != nil, "byte \(index)")
    }
    #expect(failure { _ = try read(packed + [1, 2, 3]) } != nil)
  }

  @Test("CIFAR's files are read with their names of classes")
  func cifar() throws {
    let place = try Place()
    func record(_ labels: [UInt8], _ seed: Int) -> [UInt8] {
      labels + (0..<3072).map { UInt8(truncatingIfNeeded: $0 / 1024 * 50 + $0 % 32 + seed) }
    }
    for index in 1...5 { try place.write("ten/data_batch_\(index).bin", record([UInt8(index)], index)) }
    try place.write("ten/test_batch.bin", record([9], 0) + record([0], 1))
    let train = try CIFAR.ten(folder: place.path("ten"), train: true)
    #expect(train.count == 5 && train.classNames[9] == "9")
    let example = try train.item(at: 2)
    #expect(example.label == 3)
    guard case .image(let image) = example.sample else {
      Issue.record("no picture")
      return
    }
    #expect(image.width == 32 && image[5, 7] == [8, 58, 108])
    try place.write("ten/batches.meta.txt", (0..<10).map { "class \($0)\n" }.joined() + "\n")
    #expect(try CIFAR.ten(folder: place.path("ten"), train: false).classNames[3] == "class 3")
    try place.write("all/cifar-100-binary/test.bin", record([19, 99], 0))
    let hundred = try CIFAR.hundred(folder: place.path("all"), train: false)
    #expect(try hundred.count == 1 && hundred.label(at: 0) == 99 && hundred.classCount == 100)
    try place.write("ten/data_batch_4.bin", Array(record([4], 0).dropLast()))
    #expect(
      failure { _ = try CIFAR.ten(folder: place.path("ten"), train: true) }?.message.contains("3073") == true)
    try place.write("ten/data_batch_4.bin", record([10], 0))
    #expect(
      failure { _ = try CIFAR.ten(folder: place.path("ten"), train: true) }?.message.contains("one is 10")
        == true)
    try place.write("ten/data_batch_4.bin", "")
    #expect(failure { _ = try CIFAR.ten(folder: place.path("ten"), train: true) } != nil)
    try place.write("ten/batches.meta.txt", "one\n")
    #expect(failure { _ = try CIFAR.ten(folder: place.path("ten"), train: false) }?.kind == .format)
    #expect(failure { _ = try CIFAR.hundred(folder: place.path("ten"), train: true) }?.kind == .file)
  }

  @Test("Any collection is a data set, and parts of one are")
  func collections() throws {
    let set = CollectionDataset(10..<30, classNames: ["even", "odd"]) { number in
      Example(.tensor(HostTensor([Float(number)])), label: number % 2)
    }
    #expect(set.count == 20)
    #expect(try set.item(at: 3).sample.tensor.scalars(as: Float.self) == [13] && set.label(at: 3) == 1)
    let part = try set.subset([19, 0])
    #expect(
      try part.item(at: 0).sample.tensor.scalars(as: Float.self) == [29]
        && part.classNames == ["even", "odd"])
    let examples = sequence(first: 1) { $0 < 4 ? $0 + 1 : nil }.lazy.map {
      Example(.tensor(.zeros([1])), label: $0)
    }
    #expect(CollectionDataset(examples, classNames: []).count == 4)
    #expect(failure { _ = try set.subset([20]) } != nil)
    #expect(failure { _ = try set.split(every: 1) } != nil)
    #expect(failure { _ = try TensorDataset(inputs: .zeros([3, 2]), labels: [0, 1]) } != nil)
    #expect(failure { _ = try TensorDataset(inputs: .zeros([1, 2]), labels: [-1]) } != nil)
    #expect(failure { _ = try TensorDataset(inputs: .zeros([1]), labels: [2], classNames: ["a"]) } != nil)
    #expect(try TensorDataset(inputs: .zeros([2, 1], dtype: .uint8), labels: [0, 4]).classCount == 5)
  }
}
