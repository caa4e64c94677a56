import Foundation
import StrataCore
import StrataFormats
import Testing

@Suite("Safetensors") struct SafetensorsTests {
  @Test("all types, names, shapes, values and remarks survive writing and reading") func roundTrip() throws {
    let folder = try TemporaryFolder()
    let archive = sampleArchive()
    try Safetensors.write(archive, to: folder.path("a.safetensors"))
    let read = try Safetensors.read(folder.path("a.safetensors"))
    #expect(read.names == archive.names)
    #expect(read.metadata == archive.metadata)
    for (name, tensor) in archive {
      let copy = try #require(read[name])
      #expect(copy.dtype == tensor.dtype)
      #expect(copy.shape == tensor.shape)
      #expect(copy.scalars(as: Double.self) == tensor.scalars(as: Double.self))
      #expect(UInt(bitPattern: copy.pointer) % UInt(copy.dtype.byteCount) == 0)
    }
    #expect(folder.names == ["a.safetensors"])
  }

  @Test("a file of PyTorch's is read without copying") func readsFixture() throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../Fixtures/layers.safetensors").path
    let archive = try Safetensors.read(path)
    #expect(archive.count > 10)
    let owners = Set(archive.map { ObjectIdentifier($0.tensor.buffer) })
    #expect(owners.count == 1)
  }

  @Test("an empty archive is a file") func emptyArchive() throws {
    let folder = try TemporaryFolder()
    try Safetensors.write(TensorArchive(), to: folder.path("a"))
    #expect(try Safetensors.read(folder.path("a")).isEmpty)
    #expect(try decode("{}").isEmpty)
  }

  @Test("the elements begin on a cache line and the header is padded with spaces") func layout() throws {
    let bytes = try sampleBytes()
    let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    #expect((length + 8) % 64 == 0)
    #expect(bytes[8] == UInt8(ascii: "{"))
    #expect(bytes[7 + length] == UInt8(ascii: " ") || bytes[7 + length] == UInt8(ascii: "}"))
  }

  @Test("a file cut short at any byte is refused") func truncations() throws {
    let bytes = try sampleBytes()
    let accepted = bytes.indices.filter { length in
      message { _ = try Safetensors.decode(Buffer(bytes.prefix(length)), name: "x") } == "no error"
    }
    #expect(accepted == [])
    #expect(throws: StrataError.self) { try Safetensors.decode(Buffer(bytes + [0]), name: "x") }
  }

  @Test("no change of a byte leads to a crash") func mutations() throws {
    let bytes = try sampleBytes()
    for index in 0..<3000 {
      let words = RandomKey(seed: 8).words(UInt64(index))
      var changed = bytes
      changed[Int(words.x) % (index % 3 == 0 ? bytes.count : 400)] = UInt8(words.y & 0xff)
      guard let archive = try? Safetensors.decode(Buffer(changed), name: "x") else { continue }
      for (_, tensor) in archive { _ = tensor.description }
    }
  }

  @Test("tensors at odd addresses are copied to even ones") func misaligned() throws {
    let header =
      #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"#
      + #""b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}"#
    let archive = try decode(header, data: [7, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40])
    #expect(archive["b"]?.scalars(as: Float.self) == [1, 2])
    #expect(archive["a"]?.scalars(as: Int.self) == [7])
  }

  @Test("lengths that lie are refused without an allocation") func lyingLengths() {
    for length in [UInt64.max, 1 << 63, 1 << 40, 100] {
      let bytes = withUnsafeBytes(of: length.littleEndian, Array.init) + Array("{}".utf8)
      #expect(
        message { _ = try Safetensors.decode(Buffer(bytes), name: "x") }
          == "x: the header is said to have \(length) bytes, and the file has 2 after its length")
    }
  }

  @Test("each broken rule has its sentence", arguments: brokenFiles)
  fileprivate func brokenRules(_ file: BrokenFile) {
    #expect(message { _ = try decode(file.header, data: file.data) } == "x: " + file.sentence)
  }

  @Test("a name that the format keeps for itself is refused when writing") func reservedName() throws {
    let folder = try TemporaryFolder()
    let archive = TensorArchive([("__metadata__", HostTensor([1]))])
    #expect(throws: StrataError.self) { try Safetensors.write(archive, to: folder.path("a")) }
    #expect(folder.names == [])
  }

  private func decode(_ header: String, data: [UInt8] = []) throws -> TensorArchive {
    let length = UInt64(header.utf8.count)
    let bytes = withUnsafeBytes(of: length.littleEndian, Array.init) + Array(header.utf8) + data
    return try Safetensors.decode(Buffer(bytes), name: "x")
  }

  private func sampleBytes() throws -> [UInt8] {
    let folder = try TemporaryFolder()
    try Safetensors.write(sampleArchive(), to: folder.path("a"))
    return try FileSystem.read(folder.path("a"))
  }
}

/// A header that breaks one rule, the data behind it and the message that it must give.
private struct BrokenFile: CustomTestStringConvertible {
  let header: String
  var data = [UInt8](repeating: 2, count: 8)
  let sentence: String
  var testDescription: String { sentence }
}

private func tensor(_ type: String, _ shape: String, _ offsets: String, name: String = "a") -> String {
  "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
}

private let brokenFiles: [BrokenFile] = [
  BrokenFile(header: "", sentence: "the header does not begin with '{'"),
  BrokenFile(header: " {}", sentence: "the header does not begin with '{'"),
  BrokenFile(
    header: "{", sentence: "header: invalid JSON at byte 1: expected a member's name, found the end"),
  BrokenFile(
    header: "{\(tensor("U8", "[8]", "[0,8]")),\(tensor("U8", "[0]", "[8,8]"))}",
    sentence: "header: invalid JSON at byte 53: the name \"a\" occurs twice"),
  BrokenFile(header: "{\"a\":1}", sentence: "tensor \"a\" has no dtype"),
  BrokenFile(
    header: "{\"a\":{\"dtype\":\"U8\"}}", sentence: "tensor \"a\" has no shape of sizes that are not negative"
  ),
  BrokenFile(
    header: "{\(tensor("I16", "[4]", "[0,8]"))}",
    sentence: "tensor \"a\" has elements of type I16; "
      + "those that can be read are F64, F32, F16, BF16, I64, I32, U8, BOOL"),
  BrokenFile(
    header: "{\(tensor("U8", "[-8]", "[0,8]"))}",
    sentence: "tensor \"a\" has no shape of sizes that are not negative"),
  BrokenFile(
    header: "{\(tensor("U8", "[8.0]", "[0,8]"))}",
    sentence: "tensor \"a\" has no shape of sizes that are not negative"),
  BrokenFile(
    header: "{\(tensor("U8", "[8]", "[8,0]"))}",
    sentence: "tensor \"a\" has no data_offsets of two rising numbers"),
  BrokenFile(
    header: "{\(tensor("U8", "[8]", "[0,8,9]"))}",
    sentence: "tensor \"a\" has no data_offsets of two rising numbers"),
  BrokenFile(
    header: "{\(tensor("F32", "[1024]", "[0,4096]", name: "fc.weight"))}",
    sentence: "tensor \"fc.weight\" ends at byte 4096 of the data but the file has 8"),
  BrokenFile(
    header: "{\(tensor("F32", "[3]", "[0,8]"))}",
    sentence: "tensor \"a\" has 8 bytes, which do not make [3] of F32"),
  BrokenFile(
    header: "{\(tensor("F32", "[4611686018427387904,4]", "[0,8]"))}",
    sentence: "tensor \"a\" has 8 bytes, which do not make [4611686018427387904, 4] of F32"),
  BrokenFile(
    header: "{\(tensor("F64", "[2305843009213693953]", "[0,8]"))}",
    sentence: "tensor \"a\" has 8 bytes, which do not make [2305843009213693953] of F64"),
  BrokenFile(
    header:
      "{\(tensor("U8", "[0,4611686018427387904,4]", "[0,0]")),\(tensor("U8", "[8]", "[0,8]", name: "b"))}",
    sentence: "tensor \"a\" has 0 bytes, which do not make [0, 4611686018427387904, 4] of U8"),
  BrokenFile(
    header: "{\(tensor("U8", "[6]", "[0,6]")),\(tensor("U8", "[4]", "[4,8]", name: "b"))}",
    sentence: "tensor \"b\" begins at byte 4 of the data, within tensor \"a\""),
  BrokenFile(
    header: "{\(tensor("U8", "[2]", "[0,2]")),\(tensor("U8", "[4]", "[4,8]", name: "b"))}",
    sentence: "bytes 2 to 4 of the data, before tensor \"b\", belong to no tensor"),
  BrokenFile(
    header: "{\(tensor("U8", "[6]", "[2,8]"))}",
    sentence: "bytes 0 to 2 of the data, before tensor \"a\", belong to no tensor"),
  BrokenFile(
    header: "{\(tensor("U8", "[4]", "[0,4]"))}",
    sentence: "the tensors end at byte 4 of the data but the file has 8"),
  BrokenFile(
    header: "{\(tensor("BOOL", "[8]", "[0,8]"))}",
    sentence: "tensor \"a\" has a truth value of 2, which is neither 0 nor 1"),
  BrokenFile(header: "{\"__metadata__\":[]}", sentence: "__metadata__ is an array, not an object"),
  BrokenFile(
    header: "{\"__metadata__\":{\"k\":1}}", sentence: "__metadata__ has a number under \"k\", not a string"),
]
