import Foundation
import StrataCore
import StrataData
import Testing

@Suite("Broken and hostile pictures are refused with a sentence")
struct HostileTests {
  @Test(
    "Files cut at every byte",
    arguments: [
      "one.jpg", "orientation-6.jpg", "grey-progressive.jpg", "cmyk.jpg", "one.png", "one-bit.png",
      "palette-transparent.png", "orientation-late.png", "grey-16-interlaced.png",
    ])
  func truncated(_ name: String) throws {
    let bytes = Pictures.bytes(name)
    let whole = try Image(decoding: bytes).pixels
    for count in 0..<bytes.count {
      let part = Array(bytes.prefix(count))
      let turns = !name.hasSuffix("late.png")
      switch Result(catching: { () throws(StrataError) in
        try Image(decoding: part, name: name, appliesOrientation: turns)
      }) {
      case .success(let image):
        // What follows the last pixel of a PNG is missed by nobody, as in Pillow.
        #expect(name.hasSuffix("png") && count > bytes.count - 100, "\(count) bytes")
        #expect(image.pixels == whole || !turns)
      case .failure(let error):
        #expect(error.kind == .format)
        #expect(error.message.hasPrefix("\(name): ") && !error.message.contains("\n"), "\(error.message)")
      }
    }
  }

  @Test("Sizes beyond the limit are refused by the header alone")
  func bombs() {
    var jpeg = Pictures.bytes("one.jpg")
    for index in jpeg.indices.dropLast(9) where jpeg[index] == 0xff && jpeg[index + 1] == 0xc0 {
      jpeg.replaceSubrange(index + 5..<index + 9, with: [0xfd, 0xe8, 0xfd, 0xe8])
    }
    #expect(
      refusal(jpeg) == "x: 65000 × 65000 pixels are more than the 178956970 allowed")
    #expect(
      refusal(png(width: 60_000, height: 60_000))
        == "x: 60000 × 60000 pixels are more than the 178956970 allowed")
    #expect(refusal(png(width: 1 << 32 - 1, height: 1 << 32 - 1))?.contains("are more than") == true)
    #expect(
      refusal(png(width: 2_000_000, height: 2))
        == "x: the PNG cannot be decoded: 2000000 × 2 pixels: a side has at most 1000000")
    #expect(
      refusal(png(width: 0, height: 5)) == "x: the PNG cannot be decoded: it does not begin with a header")
    let own = Pictures.bytes("wide.png")
    #expect(refusal(own, limit: 299) == "x: 300 × 1 pixels are more than the 299 allowed")
    #expect(refusal(own, limit: 300) == nil)
    #expect(refusal(png(width: 9, height: 9), limit: .max) != nil)
  }

  @Test("Sizes within the limit that so few bytes cannot hold are refused")
  func lies() {
    var jpeg = Pictures.bytes("one.jpg")
    for index in jpeg.indices.dropLast(9) where jpeg[index] == 0xff && jpeg[index + 1] == 0xc0 {
      jpeg.replaceSubrange(index + 5..<index + 9, with: [0x30, 0, 0x30, 0])
    }
    let bytes = "\(jpeg.count) bytes cannot hold the 12288 × 12288 pixels that it announces"
    #expect(refusal(jpeg) == "x: the JPEG cannot be decoded: \(bytes)")
    #expect(refusal(png(width: 12_288, height: 12_288))?.hasSuffix("that it announces") == true)
    #expect(refusal(png(width: 30, height: 30))?.hasPrefix("x: the PNG cannot be decoded: ") == true)
    #expect(
      refusal(png(width: 1, height: 1, type: 5))?.hasSuffix("there is no colour type 5 of 8 bits") == true)
    #expect(refusal(png(width: 1, height: 1, type: 3))?.hasPrefix("x: the PNG cannot be decoded: ") == true)
  }

  @Test("Other kinds of file are named")
  func kinds() {
    let heads = [
      "": "the file is empty", "GIF89a": "this is a GIF", "RIFF1234WEBPVP8 ": "this is a WebP picture",
      "II*\0": "this is a TIFF", "BM123": "this is a BMP", "1234ftypheic": "this is a HEIF picture",
      "1234ftypavif": "this is an AVIF picture", "hello": "this is no picture",
    ]
    for (head, kind) in heads { #expect(refusal(Array(head.utf8)) == "x: \(kind); JPEG and PNG are read") }
    #expect(refusal([0xff, 0xd8]) == "x: this is no picture; JPEG and PNG are read")
    #expect(
      refusal([0xff, 0xd8, 0xff]) == "x: the JPEG is truncated: 3 bytes do not reach its end")
  }

  @Test("Files that cannot be read are named")
  func files() {
    let folder = Pictures.folder.path
    #expect(
      failure { _ = try Image(contentsOf: folder) }
        == StrataError(.file, "\(folder): a picture is expected, and this is a folder"))
    #expect(
      failure { _ = try Image(contentsOf: "/no/such.jpg") }
        == StrataError(.file, "/no/such.jpg: there is no such file"))
    #expect(failure { _ = try Image(contentsOf: "/dev/null") }?.kind == .file)
    #expect(failure { _ = try Image(contentsOf: Pictures.path("index.json")) }?.kind == .format)
  }

  @Test("Orientation blocks that make no sense leave the picture as it is")
  func orientation() throws {
    let plain = Pictures.bytes("orientation-1.jpg")
    let upright = try Image(decoding: plain).pixels
    let start = try #require(plain.indices.first { Array(plain[$0...].prefix(6)) == Array("Exif\0\0".utf8) })
    for offset in 0..<50 {
      for value: UInt8 in [0, 1, 2, 5, 0x7f, 0xff] {
        var bytes = plain
        bytes[start + 6 + offset] = value
        let image = try Image(decoding: bytes)
        #expect(image.pixels.count == upright.count)
        #expect(image.width == 29 || value == 5)
      }
    }
  }

  @Test("Thousands of damaged files neither trap nor run on", arguments: Mutation.Format.allCases)
  func mutations(_ format: Mutation.Format) throws {
    var mutation = Mutation(format)
    var decoded = 0
    let preset = ImagePreset(resize: 16, crop: 12)
    mutation.run { bytes in
      switch Result(catching: { () throws(StrataError) in
        try Image(decoding: bytes, name: "x", pixelLimit: 1 << 20)
      }) {
      case .success(let image):
        decoded += 1
        // All pixels are there to be read.
        #expect(preset.tensor(of: image).elementCount == 432)
      case .failure(let error):
        #expect(error.kind == .format && error.message.hasPrefix("x: "))
      }
    }
    if Mutation.seconds != nil {
      print("\(format): \(mutation.count) damaged files, \(decoded) decoded all the same")
    }
    #expect(decoded > 0)
  }

  private func refusal(_ bytes: [UInt8], limit: Int = Image.defaultPixelLimit) -> String? {
    failure { _ = try Image(decoding: bytes, name: "x", pixelLimit: limit) }?.message
  }

  /// A PNG with the data of one pixel and another size in its header.
  private func png(width: Int, height: Int, type: UInt8 = 2) -> [UInt8] {
    var bytes = Pictures.bytes("one.png")
    for index in 0..<4 {
      bytes[16 + index] = UInt8(truncatingIfNeeded: width >> (24 - 8 * index))
      bytes[20 + index] = UInt8(truncatingIfNeeded: height >> (24 - 8 * index))
    }
    bytes[25] = type
    Mutation.repairChecksums(&bytes)
    return bytes
  }
}
