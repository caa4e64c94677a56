import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Blanks out a part of a tensor, torchvision's `RandomErasing`, of Zhong and others (2017).
public struct RandomErasing: Transform {
  private let p: Double
  private let scale: ClosedRange<Double>
  private let ratio: ClosedRange<Double>
  private let value: Value

  /// What takes the part's place.
  public enum Value: Sendable, Hashable {
    /// A number.
    case constant(Float)
    /// A number for each channel.
    case channels([Float])
    /// Normal random numbers.
    case random
  }

  /// Creates a transform.
  ///
  /// - Parameters:
  ///   - p: how often something is erased.
  ///   - scale: the part's share of the picture.
  ///   - ratio: its height for a width of 1.
  public init(
    p: Double = 0.5, scale: ClosedRange<Double> = 0.02...0.33, ratio: ClosedRange<Double> = 0.3...3.3,
    value: Value = .constant(0)
  ) throws(StrataError) {
    try Parameter.check("RandomErasing", probability: p)
    try Parameter.checkPositive("RandomErasing", scale: scale, ratio: ratio)
    (self.p, self.scale, self.ratio, self.value) = (p, scale, ratio, value)
  }

  /// The tensor, with a part erased or not.
  public func apply(_ sample: Sample, key: RandomKey) throws(StrataError) -> Sample {
    guard case .tensor(let tensor) = sample else {
      throw StrataError(.argument, "RandomErasing works on tensors: put it behind ToTensor")
    }
    let (width, height) = try sample.size("RandomErasing")
    if case .channels(let values) = value, values.count != tensor.shape[0] {
      throw StrataError(
        .shape, "RandomErasing has \(values.count) values for the channels of \(tensor.shape)")
    }
    var draws = RandomDraws(key)
    guard draws.chance(p), let box = box(width, height, &draws) else { return sample }
    return .tensor(erase(tensor, box, key.child(0)))
  }

  /// The part that is drawn; none after ten that do not fit.
  private func box(_ width: Int, _ height: Int, _ draws: inout RandomDraws) -> Box? {
    let logarithms = log(ratio.lowerBound)...log(ratio.upperBound)
    for _ in 0..<10 {
      let area = Double(width * height) * draws.uniform(scale)
      let form = exp(draws.uniform(logarithms))
      let (h, w) = RandomResizedCrop.size(area: area, form: form)
      guard h < height, w < width else { continue }
      let top = draws.integer(below: height - h + 1)
      return Box(left: draws.integer(below: width - w + 1), top: top, width: w, height: h)
    }
    return nil
  }

  /// The tensor without a part.
  package func erase(_ tensor: HostTensor, _ box: Box, _ key: RandomKey) -> HostTensor {
    let (channels, height, width) = (tensor.shape[0], tensor.shape[1], tensor.shape[2])
    let source = tensor.converted(to: .float32)
    let noise = HostTensor.normal(shape: [value == .random ? channels * box.width * box.height : 0], key: key)
    return HostTensor(shape: tensor.shape) { (target: UnsafeMutableBufferPointer<Float>) in
      source.withElements(as: Float.self) { _ = target.initialize(from: $0) }
      noise.withElements(as: Float.self) { noise in
        var next = 0
        for channel in 0..<channels {
          for row in box.top..<box.top + box.height {
            for column in box.left..<box.left + box.width {
              let index = (channel * height + row) * width + column
              switch value {
              case .constant(let number): target[index] = number
              case .channels(let numbers): target[index] = numbers[channel]
              case .random: target[index] = noise[next]
              }
              next += 1
            }
          }
        }
      }
    }
  }
}
