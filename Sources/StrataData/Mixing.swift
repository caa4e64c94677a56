import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Blends each example of a batch with the one before it, torchvision's `MixUp`, of Zhang and others (2017).
public struct Mixup: BatchTransform {
  private let classCount: Int
  private let alpha: Double

  /// Creates a transform; the share of each example follows Beta(alpha, alpha).
  public init(classCount: Int, alpha: Double = 1) throws(StrataError) {
    try Mixing.check("Mixup", classCount, alpha)
    (self.classCount, self.alpha) = (classCount, alpha)
  }

  /// The blended batch, with the share of each class.
  public func apply(_ batch: Batch, key: RandomKey) throws(StrataError) -> Batch {
    var draws = RandomDraws(key)
    return try mix(batch, share: draws.beta(alpha))
  }

  /// The batch in which each example keeps a share of itself.
  package func mix(_ batch: Batch, share: Double) throws(StrataError) -> Batch {
    var batch = batch
    batch.softLabels = try Mixing.labels(batch, classCount, share: share)
    batch.inputs = Mixing.blend(batch.inputs, share: share)
    return batch
  }
}

/// Puts a part of the example before into each example of a batch, torchvision's `CutMix`, of Yun and others
/// (2019).
public struct CutMix: BatchTransform {
  private let classCount: Int
  private let alpha: Double

  /// Creates a transform; the part's size follows Beta(alpha, alpha).
  public init(classCount: Int, alpha: Double = 1) throws(StrataError) {
    try Mixing.check("CutMix", classCount, alpha)
    (self.classCount, self.alpha) = (classCount, alpha)
  }

  /// The batch of two pictures each, with the share of each class.
  public func apply(_ batch: Batch, key: RandomKey) throws(StrataError) -> Batch {
    var draws = RandomDraws(key)
    guard batch.inputs.shape.rank == 4, batch.inputs.elementCount > 0 else {
      throw StrataError(.shape, "CutMix expects [N, channels, height, width], got \(batch.inputs.shape)")
    }
    let (height, width) = (batch.inputs.shape[2], batch.inputs.shape[3])
    let share = draws.beta(alpha)
    let x = draws.integer(below: width)
    return try mix(batch, Self.box(width, height, x, draws.integer(below: height), share: share))
  }

  /// The part around a pixel that leaves a share of the picture, where it does not reach beyond it.
  package static func box(_ width: Int, _ height: Int, _ x: Int, _ y: Int, share: Double) -> Box {
    let side = 0.5 * (1 - share).squareRoot()
    let (across, down) = (Int(side * Double(width)), Int(side * Double(height)))
    let (left, top) = (max(x - across, 0), max(y - down, 0))
    return Box(
      left: left, top: top, width: min(x + across, width) - left, height: min(y + down, height) - top)
  }

  /// The batch in which a part of each example is that of the one before.
  package func mix(_ batch: Batch, _ box: Box) throws(StrataError) -> Batch {
    let shape = batch.inputs.shape
    let (count, channels, height, width) = (shape[0], shape[1], shape[2], shape[3])
    var batch = batch
    let share = 1 - Double(box.width * box.height) / Double(width * height)
    batch.softLabels = try Mixing.labels(batch, classCount, share: share)
    let source = batch.inputs
    batch.inputs = HostTensor(shape: shape) { (target: UnsafeMutableBufferPointer<Float>) in
      source.withElements(as: Float.self) { source in
        _ = target.initialize(from: source)
        for example in 0..<count {
          let other = (example + count - 1) % count
          for channel in 0..<channels {
            for row in box.top..<box.top + box.height {
              let line = (channel * height + row) * width
              for index in line + box.left..<line + box.left + box.width {
                let size = channels * height * width
                target[example * size + index] = source[other * size + index]
              }
            }
          }
        }
      }
    }
    return batch
  }
}

/// One of several transforms of a batch, each time another one: torchvision's `RandomChoice`.
public struct RandomBatchChoice: BatchTransform {
  private let transforms: [any BatchTransform]

  /// Creates a choice, which must not be empty.
  public init(_ transforms: [any BatchTransform]) throws(StrataError) {
    guard !transforms.isEmpty else { throw StrataError(.argument, "there is nothing to choose from") }
    self.transforms = transforms
  }

  /// The batch after one of the transforms.
  public func apply(_ batch: Batch, key: RandomKey) throws(StrataError) -> Batch {
    var draws = RandomDraws(key)
    let choice = draws.integer(below: transforms.count)
    return try transforms[choice].apply(batch, key: key.child(choice))
  }
}

/// What both ways of mixing share.
private enum Mixing {
  static func check(_ transform: StaticString, _ classCount: Int, _ alpha: Double) throws(StrataError) {
    guard classCount > 0, alpha > 0, alpha.isFinite else {
      throw StrataError(
        .argument,
        "\(transform) takes a number of classes and a positive alpha, not \(classCount) and \(alpha)")
    }
  }

  /// Each row with a share of itself and the rest of the row before: rounded as PyTorch's `mul` and `add`.
  static func blend(_ rows: HostTensor, share: Double) -> HostTensor {
    let count = rows.shape[0]
    let size = count == 0 ? 0 : rows.elementCount / count
    let (own, others) = (Float(share), Float(1 - share))
    return HostTensor(shape: rows.shape) { (target: UnsafeMutableBufferPointer<Float>) in
      rows.withElements(as: Float.self) { source in
        for row in 0..<count {
          let other = (row + count - 1) % count * size
          for index in 0..<size {
            let mixed = source[other + index] * others + source[row * size + index] * own
            target.initializeElement(at: row * size + index, to: mixed)
          }
        }
      }
    }
  }

  static func labels(_ batch: Batch, _ classCount: Int, share: Double) throws(StrataError) -> HostTensor {
    if let soft = batch.softLabels { return blend(soft, share: share) }
    let labels = batch.labels.scalars(as: Int64.self)
    var rows = [Float](repeating: 0, count: labels.count * classCount)
    for (row, label) in labels.enumerated() {
      guard (0..<Int64(classCount)).contains(label) else {
        throw StrataError(.argument, "label \(label) is none of \(classCount) classes")
      }
      rows[row * classCount + Int(label)] = 1
    }
    return blend(HostTensor(rows, shape: [labels.count, classCount]), share: share)
  }
}

extension RandomDraws {
  /// A number of the distribution Beta(alpha, alpha).
  mutating func beta(_ alpha: Double) -> Double {
    if alpha == 1 { return uniform() }
    let (first, second) = (gamma(alpha), gamma(alpha))
    // Tiny alphas make numbers too small to be told from 0: then one of the two takes all.
    guard first + second > 0 else { return chance(0.5) ? 1 : 0 }
    return first / (first + second)
  }

  /// A number of a gamma distribution, by Marsaglia and Tsang (2000).
  private mutating func gamma(_ shape: Double) -> Double {
    if shape < 1 { return gamma(shape + 1) * pow(1 - uniform(), 1 / shape) }
    let d = shape - 1.0 / 3
    let c = 1 / (9 * d).squareRoot()
    while true {
      let radius = (-2 * log(1 - uniform())).squareRoot()
      let normal = radius * cos(2 * .pi * uniform())
      let v = pow(1 + c * normal, 3)
      if v > 0, log(1 - uniform()) < 0.5 * normal * normal + d * (1 - v + log(v)) { return d * v }
    }
  }
}
