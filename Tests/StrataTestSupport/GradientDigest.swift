import Strata

/// What `Reference` stores of a gradient: its norm, its largest magnitude, its product with a probe, and elements
/// spread evenly.
public struct GradientDigest {
  private let norm: Double
  private let largest: Double
  private let product: Double
  private let samples: [Double]

  /// Reads a stored digest.
  public init(_ stored: HostTensor) { self.init(stored.scalars(as: Double.self)) }

  /// Reads a stored digest's numbers; samples may be filled up with zeros.
  public init(_ numbers: [Double]) {
    (norm, largest, product, samples) = (numbers[0], numbers[1], numbers[2], Array(numbers.dropFirst(3)))
  }

  /// Says how a gradient differs from the stored one, or nil where it agrees.
  ///
  /// - Parameters:
  ///   - gradient: The gradient.
  ///   - relative: The tolerance of an element in units of the largest, and of the norm.
  ///   - absolute: Differences that never count, where a gradient is zero but for rounding.
  public func difference(from gradient: HostTensor, relative: Double, absolute: Double = 0) -> String? {
    let elements = gradient.scalars(as: Double.self)
    let probe = Formula.tensor("probe", gradient.shape, -1, 1).scalars(as: Double.self)
    let foundNorm = elements.reduce(0) { $0 + $1 * $1 }.squareRoot()
    func differs(_ a: Double, _ b: Double, _ scale: Double) -> Bool {
      !((a - b).magnitude <= relative * scale + absolute)
    }
    if differs(foundNorm, norm, norm) { return "norm \(foundNorm), expected \(norm)" }
    // In a direction that has nothing to do with it, an error is about as large as its own norm.
    let foundProduct = zip(elements, probe).reduce(0) { $0 + $1.0 * $1.1 }
    if differs(foundProduct, product, norm) {
      return "product with the probe \(foundProduct), expected \(product)"
    }
    let count = min(samples.count, elements.count)
    for (index, expected) in samples.prefix(count).enumerated() {
      let place = index * elements.count / count
      if differs(elements[place], expected, largest) {
        return "element \(place) is \(elements[place]), expected \(expected); the largest is \(largest)"
      }
    }
    return nil
  }
}
