import StrataCore
import StrataData
import Testing

@Suite("Transforms do what torchvision's do")
struct TransformTests {
  private static let key = RandomKey(seed: 5)

  @Test(
    "Given what torchvision drew, pictures are torchvision's to the last bit",
    arguments: Array(Set(TransformFixtures.all.pictures.map(\.op))).sorted())
  func pictures(op: String) throws {
    for fixture in TransformFixtures.all.pictures where fixture.op == op {
      let image = try Self.result(fixture, fixture.picture())
      #expect([image.width, image.height] == fixture.result, "\(fixture)")
      #expect(fnv(image.pixels) == fixture.hash, "\(fixture)")
    }
  }

  private static func result(_ fixture: TransformFixtures.Case, _ image: Image) throws -> Image {
    let factor = fixture.factor ?? 0
    switch fixture.op {
    case "rotate":
      return image.rotated(
        try #require(fixture.angle),
        interpolation: try #require(Interpolation(rawValue: fixture.mode ?? "")),
        expand: fixture.expand == true, fill: try #require(fixture.fill))
    case "brightness": return image.brightness(factor)
    case "contrast": return image.contrast(factor)
    case "saturation": return image.saturation(factor)
    case "sharpness": return image.sharpness(factor)
    case "hue": return image.hue(factor)
    case "posterize": return image.posterized(bits: Int(factor))
    case "solarize": return image.solarized(threshold: factor)
    case "autocontrast": return image.autocontrasted()
    case "equalize": return image.equalized()
    case "augment":
      let change = try #require(RandAugment.Change(rawValue: fixture.name ?? ""))
      return try RandAugment(
        magnitude: try #require(fixture.magnitude), numMagnitudeBins: try #require(fixture.bins)
      ).apply(change, to: image, isNegative: fixture.negative == true)
    case "pad":
      let box = try #require(fixture.box)
      let size = IntPair(image.height + box[1] + box[3], image.width + box[0] + box[2])
      let crop = try RandomCrop(
        size, padding: ImagePadding(left: box[0], top: box[1], right: box[2], bottom: box[3]),
        fill: try #require(fixture.fill),
        paddingMode: try #require(PaddingMode(rawValue: fixture.mode ?? "")))
      return try crop.apply(.image(image)) { bound in
        #expect(bound == 1)
        return 0
      }.image
    case "crop":
      let (box, side) = (try #require(fixture.box), try #require(fixture.side))
      return try RandomResizedCrop(IntPair(side[0], side[1])).crop(
        image, Box(left: box[0], top: box[1], width: box[2], height: box[3]))
    default: throw StrataError(.argument, fixture.op)
    }
  }

  @Test("Where nothing fits the middle is cut out")
  func middles() throws {
    let crop = try RandomResizedCrop(8)
    for fixture in TransformFixtures.all.middles {
      let box = crop.middle(fixture.size[0], fixture.size[1])
      #expect([box.left, box.top, box.width, box.height] == fixture.box, "\(fixture)")
    }
  }

  @Test("Mixup and CutMix blend pictures and labels as torchvision's do")
  func mixtures() throws {
    for fixture in TransformFixtures.all.mixtures {
      let batch: Batch
      if fixture.kind == "mixup" {
        batch = try Mixup(classCount: fixture.classes).mix(fixture.batch, share: fixture.share)
      } else {
        let box = CutMix.box(
          fixture.shape[3], fixture.shape[2], try #require(fixture.x), try #require(fixture.y),
          share: fixture.share)
        batch = try CutMix(classCount: fixture.classes).mix(fixture.batch, box)
      }
      #expect(batch.inputs.scalars(as: Float.self) == fixture.result, "\(fixture)")
      #expect(batch.softLabels?.scalars(as: Float.self) == fixture.soft, "\(fixture)")
      #expect(batch.softLabels?.shape == [3, 4])
    }
  }

  @Test("A crop anywhere has a share and a form within the ranges, and reaches every corner")
  func boxes() throws {
    let crop = try RandomResizedCrop(8)
    var draws = RandomDraws(Self.key)
    var corners: Set<[Bool]> = []
    var shares: [Double] = []
    for _ in 0..<2000 {
      let box = crop.box(200, 150, &draws)
      let share = Double(box.width * box.height) / 30_000
      let form = Double(box.width) / Double(box.height)
      #expect(share > 0.077 && share < 1.001)
      #expect(form > 0.73 && form < 1.37)
      #expect(box.left >= 0 && box.top >= 0 && box.left + box.width <= 200 && box.top + box.height <= 150)
      corners.insert([box.left < 50, box.top < 40])
      shares.append(share)
    }
    #expect(corners.count == 4)
    // Half of the draws lie below 0.54; of the larger ones some are too wide or too high and drawn again.
    #expect((0.4..<0.54).contains(shares.reduce(0, +) / 2000))
  }

  @Test("Flips come as often as they should and mirror pixels")
  func flips() throws {
    let image = try noise(5, 3, seed: 1)
    var count = 0
    for index in 0..<1000 {
      let flipped = try RandomHorizontalFlip(p: 0.3).apply(.image(image), key: Self.key.child(index)).image
      if flipped[0, 1] == image[4, 1], flipped[1, 2] == image[3, 2] { count += 1 }
    }
    #expect((250...350).contains(count))
    #expect(try RandomVerticalFlip(p: 1).apply(.image(image), key: Self.key).image[3, 0] == image[3, 2])
    #expect(try RandomVerticalFlip(p: 0).apply(.image(image), key: Self.key).image.pixels == image.pixels)
  }

  @Test("Tensors are cut and mirrored as pictures are")
  func tensors() throws {
    let image = try noise(9, 7, seed: 2)
    let transforms = try Compose([
      RandomCrop(6, padding: 2, paddingMode: .reflect), RandomHorizontalFlip(), RandomVerticalFlip(),
      CenterCrop(5),
    ])
    for index in 0..<20 {
      let key = Self.key.child(index)
      let first = try transforms.apply(.image(image), key: key).tensor
      let second = try transforms.apply(.tensor(Sample.image(image).tensor), key: key).tensor
      #expect(first.shape == [3, 5, 5])
      #expect(first.scalars(as: Float.self) == second.scalars(as: Float.self))
    }
  }

  @Test("Bytes become numbers from 0 to 1, and greys one channel, before they are normalised")
  func numbers() throws {
    let image = try Image(width: 2, height: 1, pixels: [0, 51, 255, 102, 204, 128])
    let tensor = try ToTensor().apply(.image(image), key: Self.key).tensor
    #expect(tensor.shape == [3, 1, 2])
    #expect(tensor.scalars(as: Float.self) == [0, 0.4, 0.2, 0.8, 1, 128 / 255])
    let grey = try Image(width: 2, height: 1, pixels: [7, 7, 7, 255, 255, 255])
    #expect(try ToTensor().apply(.grey(grey), key: Self.key).tensor.scalars(as: Float.self) == [7 / 255, 1])
    let normalized = try Normalize(mean: [0.5], std: [0.25]).apply(.grey(grey), key: Self.key).tensor
    #expect(normalized.scalars(as: Float.self) == [(7 / 255 - 0.5) / 0.25, 2])
    let preset = ImagePreset(resize: nil, crop: 2)
    #expect(
      try preset.apply(.image(image), key: Self.key).tensor.scalars(as: Float.self)
        == preset.tensor(of: image).scalars(as: Float.self))
  }

  @Test("Something is erased as often as it should be, within its share, and by normal numbers on request")
  func erasing() throws {
    let ones = HostTensor.ones([2, 20, 30])
    var erased: [Int] = []
    for index in 0..<400 {
      let tensor = try RandomErasing().apply(.tensor(ones), key: Self.key.child(index)).tensor
      let elements = tensor.scalars(as: Float.self)
      #expect(Array(elements[..<600]) == Array(elements[600...]))
      let count = elements[..<600].count { $0 == 0 }
      if count > 0 { erased.append(count) }
    }
    #expect((150...250).contains(erased.count))
    #expect(erased.allSatisfy { (5...215).contains($0) })
    let random = try RandomErasing(p: 1, scale: 0.2...0.3, value: .random)
      .apply(.tensor(ones), key: Self.key).tensor.scalars(as: Float.self).filter { $0 != 1 }
    #expect(Set(random).count == random.count && random.count >= 200)
    let channels = RandomErasing.Value.channels([3, 4])
    let two = try RandomErasing(p: 1, value: channels).apply(.tensor(ones), key: Self.key).tensor
    #expect(Set(two.scalars(as: Float.self)[..<600]) == [1, 3])
  }

  @Test("The same key gives the same sample, another one another")
  func keys() throws {
    let image = try noise(40, 30, seed: 3)
    let transforms = try Compose([
      RandomResizedCrop(24), RandAugment(),
      ColorJitter(brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.2),
      RandomRotation(20, interpolation: .bilinear), ToTensor(), Normalize.imageNet,
      RandomErasing(value: .random),
    ])
    let samples = try (0..<30).map { index in
      try transforms.apply(.image(image), key: Self.key.child(index % 15)).tensor.scalars(as: Float.self)
    }
    for index in 0..<15 {
      #expect(samples[index] == samples[index + 15])
      #expect(index == 0 || samples[index] != samples[0])
    }
  }

  @Test("Shares of mixtures follow their distribution", arguments: [0.2, 1.0, 4.0])
  func beta(alpha: Double) throws {
    let batch = Batch(
      inputs: HostTensor([Float(0), 1], shape: [2, 1, 1, 1]), labels: HostTensor([Int64(0), 1]),
      indices: [0, 1])
    let shares = try (0..<4000).map { index in
      try #require(try Mixup(classCount: 2, alpha: alpha).apply(batch, key: Self.key.child(index)).softLabels)
        .scalars(as: Float.self)[0]
    }
    let mean = shares.reduce(0, +) / 4000
    let variance = shares.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 4000
    #expect(abs(mean - 0.5) < 0.02)
    #expect(abs(variance - Float(1 / (4 * (2 * alpha + 1)))) < 0.008)
  }

  @Test("Parameters that make no sense are refused with a sentence")
  func mistakes() throws {
    let image = Sample.image(try noise(4, 4, seed: 1))
    let tensor = Sample.tensor(.ones([3, 4, 4]))
    let attempts: [() throws -> Void] = [
      { _ = try Resize(0) }, { _ = try Resize(IntPair(3, 1 << 21)) }, { _ = try CenterCrop(-1) },
      { _ = try RandomCrop(0) }, { _ = try RandomCrop(4, padding: -1) },
      { _ = try RandomResizedCrop(4, scale: 0.5...2) }, { _ = try RandomResizedCrop(4, ratio: 0...1) },
      { _ = try RandomHorizontalFlip(p: 1.5) }, { _ = try RandomVerticalFlip(p: .nan) },
      { _ = try RandomRotation(-1) }, { _ = try RandomRotation(.infinity) },
      { _ = try ColorJitter(brightness: -1) }, { _ = try ColorJitter(hue: 0.6) },
      { _ = try RandAugment(magnitude: 31) }, { _ = try RandAugment(numOps: -1) },
      { _ = try RandomErasing(p: 2) }, { _ = try Normalize(mean: [0, 0], std: [1]) },
      { _ = try Normalize(mean: [0], std: [0]) }, { _ = try Mixup(classCount: 0) },
      { _ = try CutMix(classCount: 3, alpha: 0) }, { _ = try RandomBatchChoice([]) },
      { _ = try RandomCrop(5).apply(image, key: Self.key) },
      { _ = try Resize(5).apply(tensor, key: Self.key) },
      { _ = try RandomErasing().apply(image, key: Self.key) },
      { _ = try Normalize(mean: [0, 0], std: [1, 1]).apply(tensor, key: Self.key) },
      { _ = try RandomHorizontalFlip().apply(.tensor(.ones([3])), key: Self.key) },
    ]
    for (index, attempt) in attempts.enumerated() {
      #expect(failure(attempt)?.message.isEmpty == false, "attempt \(index)")
    }
    #expect(
      failure { _ = try RandomCrop(5).apply(image, key: Self.key) }?.message
        == "RandomCrop cannot cut 5 × 5 pixels out of 4 × 4")
  }
}

extension Sample {
  /// The picture, which there must be.
  fileprivate var image: Image {
    get throws {
      switch self {
      case .image(let image), .grey(let image): return image
      case .tensor: throw StrataError(.argument, "no picture")
      }
    }
  }
}
