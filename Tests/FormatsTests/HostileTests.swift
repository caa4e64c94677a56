import Foundation
import StrataCore
import StrataFormats
import Testing

/// A pickle by its instructions.
private struct Pickle {
  var bytes: [UInt8] = [0x80, 2]

  init(_ text: String = "") { add(text) }

  mutating func add(_ text: String) { bytes += Array(text.utf8) }

  /// The object within the older format, where it lies bare.
  func legacy(keys: [UInt8] = [0x80, 2, 0x5d, 0x2e], data: [UInt8] = []) -> Buffer {
    let magic: [UInt8] = [
      0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
    ]
    let version: [UInt8] = [0x80, 2, 0x4d, 0xe9, 3, 0x2e]
    let machine: [UInt8] = [0x80, 2, 0x7d, 0x2e]
    return Buffer(magic + version + machine + bytes + [0x2e] + keys + data)
  }
}

@Suite("Hostile files") struct HostileTests {
  private func refusal(_ pickle: Pickle) -> String {
    message { _ = try PyTorchCheckpoint.decode(pickle.legacy(), name: "x.pth") }
  }

  @Test("pickles that call anything are refused by its name") func calls() throws {
    func sentence(_ name: String) throws -> String {
      let buffer = Buffer(try fixture(name))
      return message { _ = try PyTorchCheckpoint.decode(buffer, name: "x.pth") }
    }
    func refuses(_ name: String) -> String {
      "x.pth: refuses to load \"\(name)\": only tensors and plain containers are read"
    }
    #expect(try sentence("hostile_system.pth") == refuses("posix.system"))
    #expect(try sentence("hostile_eval.pth") == refuses("__builtin__.eval"))
    #expect(try sentence("hostile_module.pth") == refuses("torch.nn.modules.linear.Linear"))
    #expect(try sentence("hostile_numpy.pth").contains("refuses to load \"numpy"))
    #expect(
      try sentence("hostile_script.pt")
        == "x.pth: this is a TorchScript program; save the model's state_dict() and load that")
    for (text, name) in [
      ("cos\nsystem\n(X\u{4}\0\0\0harmtR", "os.system"), ("(ios\nsystem\n", "os.system"),
      ("cbuiltins\neval\n", "builtins.eval"), ("ctorch\nload\n", "torch.load"),
      ("cos\nsys\u{1b}[2Jtem\n", "os.sys\u{fffd}[2Jtem"),
      ("cnumpy.core\nmultiarray\n", "numpy.core.multiarray"),
    ] {
      #expect(refusal(Pickle(text)) == refuses(name))
    }
    // Names put together from texts, as protocol 4 does it.
    var stacked = Pickle()
    stacked.bytes += [0x8c, 2] + Array("os".utf8) + [0x8c, 6] + Array("system".utf8) + [0x93]
    #expect(refusal(stacked) == refuses("os.system"))
  }

  @Test("a function is no value, and a type is not called") func functions() {
    #expect(refusal(Pickle("ctorch._utils\n_rebuild_tensor_v2\n")).contains("a function as a value"))
    #expect(refusal(Pickle("ctorch\nFloatStorage\n)R")).contains("called as if it were a function"))
    #expect(refusal(Pickle("N)R")).contains("something is called that cannot be"))
    #expect(refusal(Pickle("ctorch._utils\n_rebuild_tensor_v2\n)R")).contains("these 0 arguments"))
  }

  @Test("deep, cyclic and unfolding pickles are refused") func shapes() {
    let depth = 200_000
    #expect(
      refusal(Pickle(String(repeating: "]", count: depth) + String(repeating: "a", count: depth - 1)))
        == "x.pth: the pickle is nested deeper than 100 levels")
    #expect(refusal(Pickle(String(repeating: "(", count: depth) + "tt")).contains("is nothing") == false)
    // A list that holds itself.
    #expect(refusal(Pickle("]q\u{0}h\u{0}a")) == "x.pth: the pickle is nested deeper than 100 levels")
    // Forty pairs, each of the one before: 2⁴⁰ values from 200 bytes.
    var laughs = Pickle("N")
    for _ in 0..<40 { laughs.bytes += [0x32, 0x86] }
    #expect(refusal(laughs).contains("unfolds to more than"))
  }

  @Test("instructions that lack what they need are refused") func instructions() {
    for text in [
      "a", "e", "s", "u", "t", "l", "d", "0", "1", "2", "R", "b", "Q", "q\u{0}", "h\u{0}", "g9\n", "gx\n",
      "p1\n",
      "(NNNd", "Na", "]Ns", "NNs", "}(Nu", "c", "cos", "cos\n", "X\u{9}\0\0\0abc", "I\n", "Ix\n", "F\n",
      "Lx\n",
      "K", "M\u{1}", "J", "G", "T\u{9}\0\0\0", "U\u{9}", "B\u{9}\0\0\0", "NQ", ")Q", "(X\u{1}\0\0\0xtQ",
    ] {
      #expect(refusal(Pickle(text)).hasPrefix("x.pth: invalid pickle at byte "), "\(text)")
    }
    var long = Pickle()
    long.bytes += [0x8b, 0xff, 0xff, 0xff, 0xff]
    #expect(refusal(long).contains("-1 bytes are announced"))
    long.bytes = [0x80, 2, 0x8d] + [UInt8](repeating: 0xff, count: 8)
    #expect(refusal(long).contains("18446744073709551615 bytes are announced"))
    long.bytes = [0x80, 6, 0x4e]
    #expect(refusal(long).contains("it has protocol 6; up to 5 can be read"))
  }

  /// A tensor of the storage "0" of `count` floats.
  private func tensor(_ fields: String, type: String = "Float", count: UInt8 = 4) -> Buffer {
    var pickle = Pickle("ctorch._utils\n_rebuild_tensor_v2\n((X\u{7}\0\0\0storagectorch\n\(type)Storage\n")
    pickle.add("X\u{1}\0\0\0")
    pickle.add("0X\u{3}\0\0\0cpuK")
    pickle.bytes.append(count)
    pickle.add("NtQ\(fields)tR")
    let keys = Pickle("]X\u{1}\0\0\0").bytes + Array("0a.".utf8)
    return pickle.legacy(
      keys: keys, data: [4, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 1, count: 16))
  }

  @Test("tensors do not reach beyond their storages") func views() throws {
    func sentence(_ fields: String, type: String = "Float", count: UInt8 = 4) -> String {
      message { _ = try PyTorchCheckpoint.decode(tensor(fields, type: type, count: count), name: "x") }
    }
    #expect(sentence("K\0(K\u{4}t(K\u{1}tNN") == "no error")
    #expect(sentence("K\u{1}(K\u{3}t(K\u{1}tNN") == "no error")
    #expect(sentence("K\u{1}(K\u{4}t(K\u{1}tNN").contains("reaches beyond its 4 elements"))
    #expect(sentence("K\0(K\u{2}t(K\u{4}tNN").contains("reaches beyond its 4 elements"))
    #expect(sentence("K\0(K\u{2}t(J\0\0\0\u{7f}tNN").contains("reaches beyond"))
    #expect(sentence("K\0(K\u{4}t)NN").contains("1 sizes and 0 strides"))
    #expect(sentence("K\0(I-1\nt(K\u{1}tNN").contains("no natural number"))
    #expect(sentence("I-1\n(K\u{1}t(K\u{1}tNN").contains("these 6 arguments"))
    #expect(
      sentence("K\0(K\u{4}t(K\u{1}tNN", count: 5).contains("is said to have 5 elements and has 16 bytes"))
    // A thousand million elements out of one, and as many in each of two dimensions.
    #expect(sentence("K\0(I1000000000\nt(K\0tNN").contains("may unfold to"))
    let huge = "I4000000000\n"
    #expect(sentence("K\0(\(huge)\(huge)\(huge)t(K\0K\0K\0tNN").contains("impossible shape"))
    #expect(sentence("K\0(K\0\(huge)\(huge)\(huge)t(K\0K\0K\0K\0tNN").contains("impossible shape"))
    #expect(sentence("K\0(K\0I7\nt(K\u{9}K\u{9}tNN") == "no error")
    #expect(sentence("K\0(K\u{2}t(I9223372036854775807\ntNN").contains("reaches beyond"))
    #expect(sentence("I9223372036854775807\n(K\u{2}t(K\u{1}tNN").contains("reaches beyond"))
    #expect(sentence("K\0(K\u{4}t(K\u{1}tNN", type: "Bool") == "no error")
    #expect(
      sentence("K\0(K\u{4}t(K\u{1}tNN", type: "QInt8").contains("refuses to load \"torch.QInt8Storage\""))
  }

  @Test(
    "a checkpoint cut short at any byte is refused",
    arguments: ["tensor.pth", "kinds_legacy.pth", "network_deflated.pth", "hostile_eval.pth"])
  func truncations(name: String) throws {
    let bytes = try fixture(name)
    for length in bytes.indices {
      let found = message { _ = try Weights.decode(Buffer(bytes.prefix(length)), name: "x") }
      #expect(found.hasPrefix("x: "), "\(length): \(found)")
    }
  }

  @Test(
    "an archive of NumPy's cut short at any byte is refused",
    arguments: ["arrays.npz", "arrays_compressed.npz"])
  func truncatedArrays(name: String) throws {
    let bytes = try fixture(name)
    for length in bytes.indices {
      let found = message { _ = try NumPyArchive.decode(Buffer(bytes.prefix(length)), name: "x") }
      #expect(found.hasPrefix("x: "), "\(length): \(found)")
    }
  }

  @Test("an archive that claims more entries than fit is refused before memory is taken") func falseCounts()
    throws
  {
    let folder = try TemporaryFolder()
    let path = folder.path("a.npz")
    try FileSystem.write(path) { writer throws(StrataError) in
      var zip = ZipWriter(limit: 1)
      try zip.add("a.npy", [1, 2, 3], to: &writer)
      try zip.finish(&writer)
    }
    var bytes = try FileSystem.read(path)
    let end = bytes.count - 22 - 20 - 56
    #expect(Array(bytes[end..<end + 4]) == [0x50, 0x4b, 6, 6])
    for field in [24, 32] {
      bytes.replaceSubrange(end + field..<end + field + 8, with: [0, 0, 0, 0, 1, 0, 0, 0])
    }
    #expect(
      message { _ = try NumPyArchive.decode(Buffer(bytes), name: "x") }
        == "x: the archive claims 4294967296 entries, which do not fit into its file")
  }

  @Test("sizes that lie are refused before memory is taken") func falseSizes() throws {
    for name in ["arrays.npz", "arrays_compressed.npz"] {
      var bytes = try fixture(name)
      // The directory's entries: their sizes lie 20 and 24 bytes behind the signature.
      let directory = bytes.indices.filter { bytes[$0...].starts(with: [0x50, 0x4b, 1, 2]) }
      for place in directory {
        bytes.replaceSubrange(place + 24..<place + 28, with: [0xff, 0xff, 0xff, 0x7f])
      }
      let sentence = message { _ = try NumPyArchive.decode(Buffer(bytes), name: "x") }
      #expect(
        sentence.contains("which cannot be") || sentence.contains("but the file has")
          || sentence.contains("invalid zip") || sentence.contains("cannot be opened"), "\(name): \(sentence)"
      )
    }
  }
}
