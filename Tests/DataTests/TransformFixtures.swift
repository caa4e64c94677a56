import Foundation
import StrataCore
import StrataData

/// What torchvision makes of pictures, by `Reference/transforms_make.py`.
enum TransformFixtures {
  static let all: Index = {
    let path = Pictures.folder.deletingLastPathComponent().appending(path: "transforms.json")
    do { return try JSONDecoder().decode(Index.self, from: Data(contentsOf: path)) } catch {
      preconditionFailure("\(error)")
    }
  }()

  struct Index: Decodable {
    let pictures: [Case]
    let middles: [Middle]
    let mixtures: [Mixture]
  }

  struct Case: Decodable {
    let op: String
    let size: [Int]
    let seed: Int
    let smooth: Bool
    let result: [Int]
    let hash: String
    let factor: Double?
    let angle: Double?
    let expand: Bool?
    let fill: UInt8?
    let mode: String?
    let box: [Int]?
    let side: [Int]?
    let name: String?
    let bins: Int?
    let magnitude: Int?
    let negative: Bool?

    /// The picture that is changed.
    func picture() throws -> Image {
      let image = try noise(size[0], size[1], seed: seed)
      guard smooth else { return image }
      return try Image(width: size[0], height: size[1], pixels: image.pixels.map { $0 / 5 + 60 })
    }
  }

  struct Middle: Decodable {
    let size: [Int]
    let box: [Int]
  }

  struct Mixture: Decodable {
    let kind: String
    let share: Double
    let x: Int?
    let y: Int?
    let shape: [Int]
    let inputs: [Float]
    let labels: [Int64]
    let classes: Int
    let result: [Float]
    let soft: [Float]

    var batch: Batch {
      Batch(
        inputs: HostTensor(inputs, shape: Shape(shape)), labels: HostTensor(labels),
        indices: Array(labels.indices))
    }
  }
}
