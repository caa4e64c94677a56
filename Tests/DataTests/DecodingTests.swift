import StrataCore
import StrataData
import Testing

@Suite("Pictures are decoded to Pillow's pixels")
struct DecodingTests {
  @Test("PNG to the byte, JPEG within 2 of 255", arguments: Pictures.index.pictures)
  func pixels(_ picture: Pictures.Picture) throws {
    let image = try picture.image()
    #expect([image.width, image.height] == picture.size)
    let found = sampled(image, picture.step)
    #expect(found.count == picture.expected.count)
    let distances = zip(found, picture.expected).map { abs(Int($0) - Int($1)) }
    #expect(try #require(distances.max()) <= (picture.isJPEG ? 2 : 0))
  }

  @Test("Without turning, the pixels stay as they lie in the file", arguments: Pictures.index.pictures)
  func plain(_ picture: Pictures.Picture) throws {
    guard picture.file.hasPrefix("orientation") else { return }
    let image = try Image(contentsOf: Pictures.path(picture.file), appliesOrientation: false)
    #expect([image.width, image.height] == picture.plain)
  }

  @Test("The eight orientations of one picture are the eight symmetries")
  func orientations() throws {
    let plain = try Image(contentsOf: Pictures.path("orientation-1.jpg"))
    let (right, bottom) = (plain.width - 1, plain.height - 1)
    for number in 1...8 {
      let turned = try Image(contentsOf: Pictures.path("orientation-\(number).jpg"))
      for (x, y) in [(0, 0), (5, 2), (right, 0), (0, bottom), (20, 11)] {
        let (column, row) = [
          (x, y), (right - x, y), (right - x, bottom - y), (x, bottom - y),
          (y, x), (bottom - y, x), (bottom - y, right - x), (y, right - x),
        ][number - 1]
        #expect(turned[column, row] == plain[x, y], "orientation \(number)")
      }
    }
  }

  @Test("A picture's tensor has its bytes, a plane for each colour")
  func tensor() throws {
    let image = try Image(width: 2, height: 1, pixels: [1, 2, 3, 4, 5, 6])
    #expect(image.tensor().shape == [3, 1, 2])
    #expect(image.tensor().scalars(as: UInt8.self) == [1, 4, 2, 5, 3, 6])
  }

  @Test("Pixels that do not fill the picture are refused")
  func wrongCount() {
    let short = failure { _ = try Image(width: 2, height: 2, pixels: [1, 2, 3]) }
    #expect(short?.message == "a picture of 2 × 2 pixels takes 12 bytes, 3 were given")
    for (width, height) in [(0, 1), (-1, -1), (Int.max, 2), (1 << 40, 1 << 22)] {
      #expect(failure { _ = try Image(width: width, height: height, pixels: []) }?.kind == .argument)
    }
  }
}

@Suite("Pictures are written")
struct EncodingTests {
  @Test("A PNG gives its pixels back", arguments: [(1, 1), (3, 200), (61, 43)])
  func png(_ width: Int, _ height: Int) throws {
    let image = try noise(width, height, seed: 5)
    let copy = try Image(decoding: image.encodedPNG())
    #expect([copy.width, copy.height] == [width, height])
    #expect(copy.pixels == image.pixels)
  }

  @Test("A JPEG gives something close back")
  func jpeg() throws {
    let image = try Image(contentsOf: Pictures.path("pillow-rgb.png"))
    let copy = try Image(decoding: image.encodedJPEG(quality: 95))
    let total = zip(copy.pixels, image.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
    #expect(total / image.pixels.count < 10)
    #expect(try image.encodedJPEG(quality: 20).count < image.encodedJPEG(quality: 95).count)
    let wrong = failure { _ = try image.encodedJPEG(quality: 0) }
    #expect(wrong?.message == "the quality of a JPEG is 1 to 100, not 0")
  }
}
