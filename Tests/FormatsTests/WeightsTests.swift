import Foundation
import StrataCore
import StrataFormats
import Testing

@Suite("Weights") struct WeightsTests {
  @Test("archives of NumPy are read", arguments: ["arrays", "arrays_compressed", "reversed"])
  func arrays(name: String) throws {
    try expectSame(try NumPyArchive.read("\(formatsFolder)/\(name).npz"), as: "arrays")
  }

  @Test("an archive of NumPy's kind is written") func writesArrays() throws {
    let folder = try TemporaryFolder()
    var archive = sampleArchive()
    for name in archive.names where archive[name]?.dtype == .bfloat16 { archive[name] = nil }
    try NumPyArchive.write(archive, to: folder.path("a.npz"))
    let copy = try NumPyArchive.read(folder.path("a.npz"))
    #expect(copy.names == archive.names)
    for (name, tensor) in archive { expectSame(copy[name], tensor, name) }
    let path = folder.path("b.npz")
    #expect(
      message { try NumPyArchive.write(sampleArchive(), to: path) }.hasSuffix(
        "NumPy has no bfloat16; convert to float32 first"))
    #expect(folder.names == ["a.npz"])
  }

  @Test("an index leads to its shards") func shards() throws {
    let archive = try Safetensors.readIndex("\(formatsFolder)/sharded/model.safetensors.index.json")
    try expectSame(archive, as: "network")
    #expect(archive.metadata == ["format": "pt"])
    #expect(archive.names.first == "conv.weight")
  }

  @Test("large archives are cut into shards with an index") func writesShards() throws {
    let folder = try TemporaryFolder()
    let archive = try Safetensors.read("\(formatsFolder)/kinds.expected.safetensors")
    let whole = try Safetensors.write(archive, to: folder.path("m.safetensors"), maximumShardSize: 1 << 20)
    #expect(whole == folder.path("m.safetensors"))
    #expect(folder.names == ["m.safetensors"])
    let index = try Safetensors.write(archive, to: folder.path("n.safetensors"), maximumShardSize: 500)
    #expect(index == folder.path("n.safetensors.index.json"))
    #expect(folder.names.contains("n-00001-of-00003.safetensors"))
    let copy = try Weights.read(index)
    #expect(copy.names == archive.names)
    for (name, tensor) in archive { expectSame(copy[name], tensor, name) }
    for file in folder.names where file.hasPrefix("n-") {
      let shard = try Safetensors.read(folder.path(file))
      #expect(shard.count == 1 || shard.reduce(0) { $0 + $1.tensor.byteCount } <= 500)
    }
    let error = message {
      try Safetensors.write(archive, to: folder.path("z.safetensors"), maximumShardSize: 0)
    }
    #expect(error == "a shard of 0 bytes cannot hold anything")
  }

  @Test("an index that leads astray is refused") func strayIndex() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("i.json")
    func refusal(_ text: String) throws -> String {
      try FileSystem.write(Array(text.utf8), to: path)
      return message { _ = try Weights.read(path) }
    }
    #expect(
      try refusal(#"{"weight_map": {"a": "../b.safetensors"}}"#)
        == "\(path): the index names \"../b.safetensors\", which is no safetensors file in its folder")
    #expect(
      try refusal(#"{"weight_map": {"a": 1}}"#)
        == "\(path): the index has a number for the tensor \"a\", not a file")
    #expect(try refusal("{}") == "\(path): an index of shards has a weight_map, and this file has none")
    let missing = folder.path("b.safetensors")
    #expect(
      try refusal(#"{"weight_map": {"a": "b.safetensors"}}"#) == "\(missing): there is no such file")
    try Safetensors.write(TensorArchive([("x", HostTensor([Float(1)]))]), to: missing)
    #expect(
      try refusal(#"{"weight_map": {"a": "b.safetensors"}}"#)
        == "\(path): \"b.safetensors\" lacks the tensor \"a\" that the index lists")
  }

  @Test("the contents tell the format, whatever the file is called") func formats() throws {
    let folder = try TemporaryFolder()
    for (file, expected) in [
      ("network.pth", "network"), ("network_deflated.pth", "network"), ("kinds_legacy.pth", "kinds"),
      ("arrays.npz", "arrays"), ("network.expected.safetensors", "network"), ("whole.pth", "network"),
    ] {
      try FileSystem.write(try fixture(file), to: folder.path("weights.bin"))
      try expectSame(try Weights.read(folder.path("weights.bin")), as: expected)
    }
    #expect(try Weights.read("\(formatsFolder)/single.npy")["tensor"]?.shape == [4, 6])
    try expectSame(
      try Weights.read("\(formatsFolder)/sharded/model.safetensors.index.json"), as: "network")
  }

  @Test("other files are told by what they are") func otherFiles() throws {
    func sentence(_ bytes: [UInt8]) -> String {
      message { _ = try Weights.decode(Buffer(bytes), name: "x") }
    }
    #expect(sentence([]) == "x: the file is empty")
    #expect(sentence(Array("<!DOCTYPE html>".utf8)).hasPrefix("x: this is a web page"))
    #expect(sentence(Array("version https://git-lfs.github.com/spec/v1\n".utf8)).contains("git lfs pull"))
    #expect(sentence([0x89, 0x48, 0x44, 0x46, 13, 10, 26, 10]).contains("Keras"))
    #expect(sentence([0x1f, 0x8b, 8, 0]).contains("gzip"))
    #expect(sentence(Array("hello".utf8)).contains("no file of weights"))
    #expect(sentence([0x50, 0x4b, 5, 6] + [UInt8](repeating: 0, count: 18)).contains("neither"))
  }

  @Test(
    "the extension chooses the format to write", arguments: ["safetensors", "pth", "pt", "npz", "npy", "PTH"])
  func writes(type: String) throws {
    let folder = try TemporaryFolder()
    let tensor = HostTensor([Float(1), 2, 3, 4], shape: [2, 2])
    try Weights.write(TensorArchive([("tensor", tensor)]), to: folder.path("a.b.\(type)"))
    expectSame(try Weights.read(folder.path("a.b.\(type)"))["tensor"], tensor)
  }

  @Test("unknown extensions are refused before anything is written") func unknownExtension() throws {
    let folder = try TemporaryFolder()
    let archive = sampleArchive()
    let (plain, other, single) = (folder.path("a"), folder.path("a.bin"), folder.path("a.npy"))
    let formats = "weights are written as .safetensors, .pth, .npz or .npy"
    #expect(
      message { try Weights.write(archive, to: plain) } == "\(plain): the name has no extension; \(formats)")
    #expect(
      message { try Weights.write(archive, to: other) } == "\(other): \".bin\" is unknown; \(formats)")
    #expect(
      message { try Weights.write(archive, to: single) }
        == "\(single): an .npy file holds one tensor, and these are 11")
    #expect(folder.names == [])
  }
}
