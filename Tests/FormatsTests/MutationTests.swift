import Foundation
import Strata
import Testing

/// Changes to a file as damage and malice make them, all of them from a seed.
private struct Mutator {
  private let key: RandomKey
  private var count: UInt64 = 0

  init(seed: UInt64) { key = RandomKey(seed: seed) }

  private mutating func random(_ bound: Int) -> Int {
    count += 1
    return bound > 0 ? Int(key.words(count).x) % bound : 0
  }

  mutating func mutated(_ bytes: [UInt8], _ others: [[UInt8]]) -> [UInt8] {
    var bytes = bytes
    for _ in 0...random(3) where !bytes.isEmpty { change(&bytes, others) }
    return bytes
  }

  private mutating func change(_ bytes: inout [UInt8], _ others: [[UInt8]]) {
    let place = random(bytes.count)
    switch random(9) {
    case 0: bytes[place] ^= 1 << random(8)
    case 1: bytes[place] = UInt8(random(256))
    case 2: bytes[place] = [0, 1, 0x7f, 0x80, 0xff, 0x2e, 0x28, 0x7b][random(8)]
    case 3:
      overwrite(
        &bytes, place, [0, 1, -1, .max, .min, 1 << 31, 1 << 32, 1 << 62][random(8)], [2, 4, 8][random(3)])
    case 4: overwrite(&bytes, place, random(2 * bytes.count), [1, 2, 4, 8][random(4)])
    case 5: bytes.removeLast(bytes.count - place)
    case 6: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random(16)))
    case 7:
      bytes.insert(
        contentsOf: Array(bytes[place..<min(bytes.count, place + 1 + random(64))]), at: random(bytes.count))
    default:
      let other = others[random(others.count)]
      let start = random(other.count)
      let part = other[start..<min(other.count, start + 1 + random(64))]
      bytes.replaceSubrange(place..<min(bytes.count, place + part.count), with: part)
    }
  }

  private func overwrite(_ bytes: inout [UInt8], _ place: Int, _ value: Int, _ width: Int) {
    for index in 0..<width where place + index < bytes.count {
      bytes[place + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
    }
  }
}

/// A reader with the files that its mutations start from.
struct MutatedReader: Sendable, CustomStringConvertible {
  let description: String
  let files: [String]
  let read: @Sendable (Buffer) throws -> Void

  init(_ name: String, _ files: [String], _ read: @escaping @Sendable (Buffer) throws -> TensorArchive) {
    description = name
    self.files = files
    self.read = { buffer in
      var sum: UInt8 = 0
      for (_, tensor) in try read(buffer) {
        for byte in tensor.bytes { sum ^= byte }
        withExtendedLifetime(tensor) {}
      }
    }
  }

  init(_ name: String, _ files: [String], reading read: @escaping @Sendable (Buffer) throws -> Void) {
    description = name
    self.files = files
    self.read = read
  }

  static let all = [
    MutatedReader(
      "pth", ["kinds.pth", "tensor.pth", "kinds_protocol4.pth", "whole.pth", "network_deflated.pth"]
    ) {
      try PyTorchCheckpoint.decode($0, name: "x").stateDict()
    },
    MutatedReader("legacy pth", ["kinds_legacy.pth", "hostile_eval.pth"]) {
      try PyTorchCheckpoint.decode($0, name: "x").stateDict()
    },
    MutatedReader("npz", ["arrays.npz", "arrays_compressed.npz", "reversed.npz"]) {
      try NumPyArchive.decode($0, name: "x")
    },
    MutatedReader("npy", ["single.npy"]) { TensorArchive([("x", try NumPy.decode($0, name: "x"))]) },
    MutatedReader("safetensors", ["kinds.expected.safetensors", "network.expected.safetensors"]) {
      try Safetensors.decode($0, name: "x")
    },
    MutatedReader(
      "json", ["sharded/model.safetensors.index.json"],
      reading: { buffer in
        _ = try JSONValue.parse(
          UnsafeRawBufferPointer(start: buffer.pointer, count: buffer.byteCount), name: "x")
      }),
    MutatedReader(
      "onnx", ["residual.onnx", "residual_plain.onnx", "block.onnx", "block_plain.onnx"],
      reading: { buffer in
        let graph = try ONNXGraph(try ONNX.decode(buffer, name: "x"), name: "x")
        var given: [String: Tensor] = [:]
        for input in graph.inputs {
          let sizes = (input.shape ?? []).map {
            if case .size(let size) = $0, size < 100 { max(size, 0) } else { 2 }
          }
          given[input.name] = .placeholder(Shape(sizes), dtype: input.dtype ?? .float32)
        }
        for output in try graph(given) { if let error = output.error { throw error } }
        let network = try ONNXNetwork(graph, name: "x")
        _ = network.description
        if let only = given.values.first, let error = network(only).error { throw error }
      }),
    MutatedReader(
      "any", ["kinds.pth", "kinds_legacy.pth", "arrays.npz", "single.npy", "network.expected.safetensors"]
    ) { try Weights.decode($0, name: "x") },
  ]
}

@Suite("Mutations") struct MutationTests {
  /// The one reader to test, if not all.
  private static let only = ProcessInfo.processInfo.environment["STRATA_FUZZ_READER"]
  /// Seconds for each reader; without the variable, a number of files that takes a moment.
  private static let seconds = ProcessInfo.processInfo.environment["STRATA_FUZZ_SECONDS"].flatMap(Double.init)

  @Test(
    "no change to a file leads to more than a sentence",
    arguments: MutatedReader.all.filter { only == nil || $0.description == only })
  func mutations(reader: MutatedReader) throws {
    let files = try reader.files.map(fixture)
    let end = Self.seconds.map { Date().addingTimeInterval($0) }
    let seed = end == nil ? 7 : UInt64.random(in: 0 ... .max)
    var mutator = Mutator(seed: seed)
    var (index, refused) = (0, 0)
    while end.map({ Date() < $0 }) ?? (index < 2000) {
      let bytes = mutator.mutated(files[index % files.count], files)
      do { try reader.read(Buffer(bytes)) } catch {
        refused += 1
        if !(error is StrataError) { Issue.record("\(reader), seed \(seed), file \(index): \(error)") }
      }
      index += 1
    }
    if end != nil { print("\(reader): \(index) files, \(refused) refused, seed \(seed)") }
    #expect(refused > index / 10)
  }
}
