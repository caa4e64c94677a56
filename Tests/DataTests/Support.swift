import Foundation
import StrataCore
import StrataData
import Testing

/// The pictures that `Reference/images_make.py` drew, and what Pillow and torchvision make of them.
///
/// A file that is missing or broken stops the tests: it belongs to the repository.
enum Pictures {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/images")
  static let index: Index = {
    do {
      let data = try Data(contentsOf: folder.appending(path: "index.json"))
      return try JSONDecoder().decode(Index.self, from: data)
    } catch { preconditionFailure("\(error)") }
  }()
  static let pixels = bytes("pixels.bin")
  static let tensors = bytes("tensors.bin").withUnsafeBytes { bytes in
    (0..<bytes.count / 4).map {
      Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self)))
    }
  }

  static func path(_ name: String) -> String { folder.appending(path: name).path }

  static func bytes(_ name: String) -> [UInt8] {
    do { return [UInt8](try Data(contentsOf: folder.appending(path: name))) } catch {
      preconditionFailure("\(error)")
    }
  }

  struct Index: Decodable {
    let presets: [Preset]
    let pictures: [Picture]
    let resizes: [Resize]
  }

  struct Preset: Decodable {
    let name: String
    let resize: Int
    let crop: Int
    let mode: Interpolation
    let step: Int

    var value: ImagePreset { ImagePreset(resize: resize, crop: crop, interpolation: mode) }
  }

  struct Picture: Decodable, CustomTestStringConvertible {
    let file: String
    let size: [Int]
    let plain: [Int]
    let step: Int
    let offset: Int
    let tensors: [String: Stored]

    var testDescription: String { file }
    var isJPEG: Bool { file.hasSuffix("jpg") || file == "named.png" }
    /// Every `step`th pixel of every `step`th row.
    var expected: ArraySlice<UInt8> {
      let count = size.reduce(3) { $0 * (($1 + step - 1) / step) }
      return Pictures.pixels[offset..<offset + count]
    }
    func image() throws -> Image { try Image(contentsOf: Pictures.path(file)) }
  }

  struct Stored: Decodable {
    let shape: [Int]
    let offset: Int

    var elements: ArraySlice<Float> {
      Pictures.tensors[offset / 4..<offset / 4 + shape.reduce(1, *)]
    }
  }

  struct Resize: Decodable, CustomTestStringConvertible {
    let from: [Int]
    let to: [Int]
    let crop: Int?
    let mode: Interpolation
    let hash: String

    var testDescription: String { "\(from) to \(to), \(mode)" }
  }
}

extension Interpolation: Decodable {}

/// Every `step`th pixel of every `step`th row.
func sampled(_ image: Image, _ step: Int) -> [UInt8] {
  stride(from: 0, to: image.height, by: step).flatMap { y in
    stride(from: 0, to: image.width, by: step).flatMap { x in
      let pixel = image[x, y]
      return [pixel.x, pixel.y, pixel.z]
    }
  }
}

/// Bytes by the formula of `noise` in `Reference/images_draw.py`.
func noise(_ width: Int, _ height: Int, seed: Int) throws -> Image {
  let bytes = (0..<width * height * 3).map { index in
    var hash = UInt32(truncatingIfNeeded: index) &* 2_654_435_761 &+ UInt32(seed)
    hash ^= hash >> 16
    hash &*= 0x7feb_352d
    hash ^= hash >> 15
    return UInt8(hash >> 24)
  }
  return try Image(width: width, height: height, pixels: bytes)
}

/// The 64-bit FNV-1a hash in hexadecimal.
func fnv(_ bytes: [UInt8]) -> String {
  let hash = bytes.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  let text = String(hash, radix: 16)
  return String(repeating: "0", count: 16 - text.count) + text
}

/// The error that `body` throws, or nil.
func failure(_ body: () throws -> Void) -> StrataError? {
  do { try body() } catch { return error as? StrataError }
  return nil
}

/// A folder that goes when nobody needs it any more.
final class Place {
  private let url = FileManager.default.temporaryDirectory.appending(path: "strata-\(UUID().uuidString)")

  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { name.isEmpty ? url.path : "\(url.path)/\(name)" }

  /// Writes a file, and the folders that it lies in.
  func write(_ name: String, _ bytes: [UInt8]) throws {
    let file = url.appending(path: name)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
  }

  func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }
}
