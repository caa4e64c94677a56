import Foundation
import StrataCore
import StrataData
import Testing

@Suite("The toy set of shapes")
struct ShapesTests {
  @Test("A picture follows from seed and number, whatever the size of the set")
  func reproducible() throws {
    let set = try ShapesDataset(count: 20, size: 16, seed: 4)
    let larger = try ShapesDataset(count: 200, size: 16, seed: 4)
    let other = try ShapesDataset(count: 20, size: 16, seed: 5)
    for index in 0..<20 {
      #expect(set.image(index).pixels == larger.image(index).pixels)
      #expect(set.image(index).pixels != other.image(index).pixels)
      #expect(try set.item(at: index).label == set.label(at: index))
    }
    #expect(Set((0..<200).map { fnv(larger.image($0).pixels) }).count == 200)
    // The pictures of a seed are the same on every machine and in every version.
    #expect(fnv(set.image(0).pixels) == "09a885e97e0bc5ef")
    let seventh = try ShapesDataset(size: 32, shapes: ToyShape.allCases).image(7)
    #expect(fnv(seventh.pixels) == "1a06b7b1e383fb32")
  }

  @Test("All labels come as often in both parts", arguments: 1...10)
  func balance(classes: Int) throws {
    let set = try ShapesDataset(count: 1000, shapes: Array(ToyShape.allCases.prefix(classes)))
    let parts = try set.split()
    #expect(parts.training.count == 800 && parts.heldOut.count == 200)
    for part in [parts.training, parts.heldOut] {
      var counts = [Int](repeating: 0, count: classes)
      for index in 0..<part.count { counts[try part.label(at: index)] += 1 }
      let mean = Double(part.count) / Double(classes)
      #expect(counts.allSatisfy { abs(Double($0) - mean) <= 0.1 * mean + 1 }, "\(counts)")
    }
  }

  @Test("Shape and ground differ, and every shape is its own")
  func shapes() throws {
    let set = try ShapesDataset(count: 100, size: 32, shapes: ToyShape.allCases)
    for index in 0..<100 {
      let pixels = set.image(index).pixels.map(Double.init)
      let spread = (0..<3).map { channel -> Double in
        let values = stride(from: channel, to: pixels.count, by: 3).map { pixels[$0] }
        let mean = values.reduce(0, +) / Double(values.count)
        return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
      }
      #expect(spread.reduce(0, +) > 500, "\(index)")
    }
  }

  @Test("On disk it is a folder of pictures a class, the same as in memory")
  func folder() throws {
    let place = try Place()
    let set = try ShapesDataset(count: 30, size: 16, shapes: [.ring, .heart, .arrow], seed: 9)
    let path = place.path("new/shapes/")
    try set.write(to: path)
    let (train, val) = (try ImageFolder(path + "train"), try ImageFolder(path + "val"))
    #expect(train.count == 24 && val.count == 6)
    #expect(train.classNames == ["arrow", "heart", "ring"])
    for sample in train.samples + val.samples {
      let name = try #require(sample.path.split(separator: "/").last).dropLast(4)
      let index = try #require(Int(name))
      #expect(try Image(contentsOf: sample.path).pixels == set.image(index).pixels)
      #expect(train.classNames[sample.label] == set.classNames[try set.label(at: index)])
      #expect(sample.path.contains("/val/") == (index % 5 == 4))
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path("new")) == ["shapes"])
    let note = try String(contentsOfFile: path + "shapes.json", encoding: .utf8)
    #expect(note == #"{"count": 30, "size": 16, "classes": ["ring", "heart", "arrow"], "seed": 9}"# + "\n")
  }

  @Test("A folder that is not empty stays, unless it holds such a set and is to be replaced")
  func replacing() throws {
    let place = try Place()
    let set = try ShapesDataset(count: 5, size: 8)
    let path = place.path("set")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try set.write(to: path)
    let error = failure { try set.write(to: path) }
    #expect(error?.kind == .file)
    #expect(error?.message == "\(path): the folder is not empty, and is replaced only on request (--force)")
    try ShapesDataset(count: 10, size: 8).write(to: path, replacing: true)
    #expect(try ImageFolder(path + "/train").count == 8)
    try place.write("set/mine.txt", "keep me")
    #expect(failure { try set.write(to: path, replacing: true) }?.message.contains("holds more") == true)
    #expect(try ImageFolder(path + "/train").count == 8)
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path("")) == ["set"])
    try place.write("file", "text")
    #expect(failure { try set.write(to: place.path("file")) }?.message.contains("this is a file") == true)
    #expect(failure { try set.write(to: "") } != nil)
    #expect(failure { try set.write(to: "/proc/none/set") }?.kind == .file)
  }

  @Test("Sets that cannot be are refused")
  func mistakes() {
    #expect(failure { _ = try ShapesDataset(count: 0) } != nil)
    #expect(failure { _ = try ShapesDataset(size: 7) } != nil)
    #expect(failure { _ = try ShapesDataset(shapes: []) } != nil)
    #expect(failure { _ = try ShapesDataset(shapes: [.star, .star]) } != nil)
  }
}
