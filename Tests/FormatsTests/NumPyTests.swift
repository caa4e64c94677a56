import Foundation
import StrataCore
import StrataFormats
import Testing

@Suite("NumPy files") struct NumPyTests {
  @Test("each type survives writing and reading", arguments: DType.allCases.filter { $0 != .bfloat16 })
  func roundTrip(type: DType) throws {
    let folder = try TemporaryFolder()
    for shape in [[6], [2, 3], [1, 2, 3], [0, 2]] as [Shape] {
      let numbers = [0, 1, 2.5, 3, 100, 5].prefix(shape.elementCount)
      let tensor = HostTensor(Array(numbers), shape: shape).converted(to: type)
      try NumPy.write(tensor, to: folder.path("a.npy"))
      let copy = try NumPy.read(folder.path("a.npy"))
      #expect(copy.dtype == type)
      #expect(copy.shape == shape)
      #expect(copy.scalars(as: Double.self) == tensor.scalars(as: Double.self))
    }
    try NumPy.write(HostTensor.ones([], dtype: type), to: folder.path("a.npy"))
    #expect(try NumPy.read(folder.path("a.npy")).shape == [])
  }

  @Test("the header is NumPy's own, byte for byte") func headerBytes() throws {
    let header = try NumPy.header(HostTensor([Float](repeating: 0, count: 6), shape: [2, 3]), name: "x")
    let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
    let padding = String(repeating: " ", count: 118 - text.utf8.count - 1) + "\n"
    #expect(header == [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array((text + padding).utf8))
    #expect(header.count == 128)
    #expect(
      String(decoding: try NumPy.header(HostTensor([true]), name: "x"), as: UTF8.self).contains("'|b1'"))
  }

  @Test("bfloat16, which NumPy lacks, is refused") func bfloat16() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("a.npy")
    #expect(
      message { try NumPy.write(.ones([1], dtype: .bfloat16), to: path) }
        == "\(path): NumPy has no bfloat16; convert to float32 first")
    #expect(folder.names == [])
  }

  @Test("versions 1, 2 and 3 are read", arguments: [1, 2, 3] as [UInt8]) func versions(version: UInt8) throws
  {
    let tensor = try decode(
      "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }", [1, 0, 0, 0, 2, 0, 0, 0], version: version)
    #expect(tensor.scalars(as: Int.self) == [1, 2])
  }

  @Test("the other byte order is turned", arguments: [">i4", ">f8", ">f2", ">u1"]) func bigEndian(
    type: String
  ) throws {
    let bytes: [String: [UInt8]] = [
      ">i4": [0, 0, 1, 2], ">f8": [0x3f, 0xf8, 0, 0, 0, 0, 0, 0], ">f2": [0x3e, 0], ">u1": [7],
    ]
    let values: [String: Double] = [">i4": 258, ">f8": 1.5, ">f2": 1.5, ">u1": 7]
    let tensor = try decode("{'descr': '\(type)', 'fortran_order': False, 'shape': (1,)}", bytes[type] ?? [])
    #expect(tensor.scalars(as: Double.self) == [values[type]])
  }

  @Test("an array column by column becomes one row by row") func fortranOrder() throws {
    let matrix = try decode("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}", [1, 4, 2, 5, 3, 6])
    #expect(matrix.shape == [2, 3])
    #expect(matrix.scalars(as: Int.self) == [1, 2, 3, 4, 5, 6])
    let values = (0..<24).map { UInt8($0) }
    let cube = try decode("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4)}", values)
    let expected = (0..<24).map { index in index / 12 + index / 4 % 3 * 2 + index % 4 * 6 }
    #expect(cube.scalars(as: Int.self) == expected)
    let empty = try decode("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 0, 4)}", [])
    #expect(empty.shape == [2, 0, 4])
    let big = try decode(
      "{'descr': '>i4', 'fortran_order': True, 'shape': (2, 2)}",
      [0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 4])
    #expect(big.scalars(as: Int.self) == [1, 2, 3, 4])
  }

  @Test("other spellings of the header are read") func spellings() throws {
    #expect(try decode("{\"shape\":(2L,),\"fortran_order\":False,\"descr\":\"<u1\"}\n", [1, 2]).shape == [2])
    #expect(
      try decode("{ 'descr' : '=f4' , 'fortran_order' : False , 'shape' : ( ) } ", [0, 0, 0, 0]).shape == [])
  }

  @Test("a file cut short or prolonged at any byte is refused") func truncations() throws {
    let folder = try TemporaryFolder()
    try NumPy.write(HostTensor([1, 2, 3], shape: [3, 1]), to: folder.path("a"))
    let bytes = try FileSystem.read(folder.path("a"))
    let accepted = (0...bytes.count + 3).filter { length in
      let part = bytes.prefix(length) + [UInt8](repeating: 0, count: max(0, length - bytes.count))
      return message { _ = try NumPy.decode(Buffer(part), name: "x") } == "no error"
    }
    #expect(accepted == [bytes.count])
  }

  @Test("no change of a byte leads to a crash") func mutations() throws {
    let folder = try TemporaryFolder()
    try NumPy.write(HostTensor([1, 2, 3, 4], shape: [2, 2]), to: folder.path("a"))
    let bytes = try FileSystem.read(folder.path("a"))
    for index in 0..<3000 {
      let words = RandomKey(seed: 9).words(UInt64(index))
      var changed = bytes
      changed[Int(words.x) % (index % 3 == 0 ? bytes.count : 75)] = UInt8(words.y & 0xff)
      if index % 2 == 0 { changed[Int(words.z) % 75] = UInt8(words.w & 0xff) }
      _ = try? NumPy.decode(Buffer(changed), name: "x").description
    }
  }

  @Test("each broken rule has its sentence", arguments: brokenHeaders)
  fileprivate func brokenRules(_ file: BrokenHeader) {
    #expect(message { _ = try decode(file.header, file.data) } == "x: " + file.sentence)
  }

  @Test("what is no such file, and a length that lies, are told") func otherFiles() {
    #expect(
      message { _ = try NumPy.decode(Buffer(Array("hello, world".utf8)), name: "x") }
        == "x: an .npy file begins with \\x93NUMPY, and this one does not")
    let start = [0x93] + Array("NUMPY".utf8)
    #expect(
      message { _ = try NumPy.decode(Buffer(start + [9, 0, 0, 0]), name: "x") }
        == "x: the file has version 9.0 of the format; 1.0, 2.0 and 3.0 can be read")
    #expect(
      message { _ = try NumPy.decode(Buffer(start + [2, 0, 255, 255, 255, 255]), name: "x") }
        == "x: the header is said to have 4294967295 bytes, and the file has 0 after its length")
  }

  private func decode(_ header: String, _ data: [UInt8], version: UInt8 = 1) throws -> HostTensor {
    let count = header.utf8.count
    let length = [UInt8(count & 0xff), UInt8(count >> 8)] + (version == 1 ? [] : [0, 0])
    let bytes = [0x93] + Array("NUMPY".utf8) + [version, 0] + length + Array(header.utf8) + data
    return try NumPy.decode(Buffer(bytes), name: "x")
  }
}

/// A header that breaks one rule and the message that it must give.
private struct BrokenHeader: CustomTestStringConvertible {
  let header: String
  var data: [UInt8] = [2, 2, 2, 2]
  let sentence: String
  var testDescription: String { sentence }
}

private func header(_ type: String = "<f4", _ shape: String = "(1,)") -> String {
  "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }"
}

private let brokenHeaders: [BrokenHeader] = [
  BrokenHeader(
    header: header("<i2"),
    sentence: "the array has elements of type '<i2'; those that can be read are f8, f4, f2, i8, i4, u1, b1"),
  BrokenHeader(
    header: header("|f4"),
    sentence: "the array has elements of type '|f4'; those that can be read are f8, f4, f2, i8, i4, u1, b1"),
  BrokenHeader(
    header: header("|b1", "(4,)"), sentence: "the array has a truth value of 2, which is neither 0 nor 1"),
  BrokenHeader(header: header("<f4", "(2,)"), sentence: "[2] of <f4 takes 8 bytes but the file has 4"),
  BrokenHeader(
    header: header("<f4", "(4611686018427387904, 4)"),
    sentence: "[4611686018427387904, 4] of <f4 takes more than 2⁶³ bytes but the file has 4"),
  BrokenHeader(
    header: header("<f4", "(-1,)"), sentence: "invalid header: the shape has no size at '-1,), }'"),
  BrokenHeader(
    header: header("<f4", "(99999999999999999999,)"),
    sentence: "invalid header: the shape has no size at '9999999999'"),
  BrokenHeader(header: header("<f4", "[1]"), sentence: "invalid header: expected '(', found '[1], }'"),
  BrokenHeader(header: header("<f4", "(1 2)"), sentence: "invalid header: expected ')', found '2), }'"),
  BrokenHeader(
    header: "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
    sentence: "invalid header: the array has named fields, which cannot be read"),
  BrokenHeader(
    header: "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
    sentence: "invalid header: 'descr' is repeated or unknown"),
  BrokenHeader(
    header: "{'descr': '<f4', 'fortran_order': False}", sentence: "invalid header: 'shape' is missing"),
  BrokenHeader(header: header() + "x", sentence: "invalid header: text follows the closing brace"),
  BrokenHeader(header: "{'descr': '<f4", sentence: "invalid header: a string does not end"),
  BrokenHeader(header: "", sentence: "invalid header: expected '{', found the end"),
  BrokenHeader(
    header: "{'descr': '<f4', 'fortran_order': None}",
    sentence: "invalid header: expected 'False', found 'None}'"),
]
