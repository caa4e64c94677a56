import StrataCore
import StrataData
import Testing

@Suite("Pictures become a network's input as torchvision has it")
struct PreprocessingTests {
  @Test("The input: exact for PNG, within 2 of 255 for JPEG", arguments: Pictures.index.pictures)
  func tensors(_ picture: Pictures.Picture) throws {
    let image = try picture.image()
    for preset in Pictures.index.presets {
      guard let stored = picture.tensors[preset.name] else { continue }
      let tensor = preset.value.tensor(of: image)
      #expect(tensor.shape == [3, preset.crop, preset.crop])
      let found = sampled(tensor, preset.step)
      #expect(found.count == stored.elements.count)
      var (worst, wide): (Float, Int) = (0, 0)
      for (index, (a, b)) in zip(found, stored.elements).enumerated() {
        // In units of a byte before normalisation.
        let distance = abs(a - b) * preset.value.std[index * 3 / found.count] * 255
        worst = max(worst, distance)
        wide += distance > 1.01 ? 1 : 0
      }
      #expect(worst <= (picture.isJPEG ? 2.01 : 0), "\(preset.name)")
      #expect(wide * 20 <= found.count, "\(preset.name)")
    }
  }

  @Test("Resizing is Pillow's to the byte", arguments: Pictures.index.resizes)
  func resizing(_ resize: Pictures.Resize) throws {
    let image = try noise(resize.from[0], resize.from[1], seed: resize.from[0])
    let result = try image.resized(width: resize.to[0], height: resize.to[1], interpolation: resize.mode)
    guard let crop = resize.crop else {
      #expect(fnv(result.pixels) == resize.hash)
      return
    }
    #expect(try fnv(result.centerCropped(width: crop, height: crop).pixels) == resize.hash)
    // The preset computes the middle alone.
    let preset = ImagePreset(resize: resize.to[1], crop: crop, interpolation: resize.mode)
    #expect(fnv(preset.image(of: image).pixels) == resize.hash)
  }

  @Test("A batch has its pictures one behind the other, of whatever size")
  func batch() throws {
    let images = try ["rgb-420.jpg", "wide.png", "one.png"].map { try Image(contentsOf: Pictures.path($0)) }
    let preset = ImagePreset(resize: 20, crop: 16)
    let batch = preset.batch(of: images)
    #expect(batch.shape == [3, 3, 16, 16])
    let parts = images.flatMap { preset.tensor(of: $0).scalars(as: Float.self) }
    #expect(batch.scalars(as: Float.self) == parts)
    #expect(preset.batch(of: []).shape == [0, 3, 16, 16])
  }

  @Test("The middle is rounded to the even pixel, and what is missing is black")
  func crop() throws {
    let line = try Image(width: 7, height: 1, pixels: (0..<21).map { UInt8($0 / 3 + 1) })
    #expect(try line.centerCropped(width: 4, height: 1)[0, 0].x == 3)  // 1.5 becomes 2
    #expect(try line.centerCropped(width: 6, height: 1)[0, 0].x == 1)  // 0.5 becomes 0
    let padded = try line.centerCropped(width: 10, height: 2)
    #expect([padded[0, 0].x, padded[1, 0].x, padded[7, 0].x, padded[8, 0].x] == [0, 1, 7, 0])
    #expect(padded[1, 1].x == 0)
  }

  @Test("The longer side is rounded down")
  func size() throws {
    let image = try noise(61, 43, seed: 1)
    let wide = try image.resized(shortSide: 100)
    #expect([wide.width, wide.height] == [141, 100])
    #expect(try image.resized(shortSide: 43).pixels == image.pixels)
  }

  @Test("A line of pixels, enlarged to billions of which few are wanted, takes no time")
  func line() throws {
    let image = try Image(width: 3_000_000, height: 1, pixels: [UInt8](repeating: 77, count: 9_000_000))
    for interpolation in Interpolation.allCases {
      let preset = ImagePreset(resize: 256, crop: 8, interpolation: interpolation, mean: .zero, std: .one)
      #expect(preset.tensor(of: image).scalars(as: Float.self).allSatisfy { $0 == 77.0 / 255 })
    }
    #expect(failure { _ = try image.resized(shortSide: 256) }?.kind == .argument)
  }

  @Test("Sizes that cannot be are refused")
  func sizes() throws {
    let image = try noise(4, 4, seed: 1)
    for size in [0, -1, Int.max] {
      #expect(failure { _ = try image.resized(width: size, height: 2) }?.kind == .argument)
      #expect(failure { _ = try image.resized(shortSide: size) }?.kind == .argument)
      #expect(failure { _ = try image.centerCropped(width: size, height: 1) }?.kind == .argument)
    }
  }

  private func sampled(_ tensor: HostTensor, _ step: Int) -> [Float] {
    let elements = tensor.scalars(as: Float.self)
    let side = tensor.shape[1]
    return (0..<3).flatMap { channel in
      stride(from: 0, to: side, by: step).flatMap { y in
        stride(from: 0, to: side, by: step).map { x in elements[(channel * side + y) * side + x] }
      }
    }
  }
}
