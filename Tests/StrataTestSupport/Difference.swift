import Strata

/// What a relative tolerance is relative to.
public enum ToleranceScale: Sendable {
  /// Each expected element.
  case elementwise
  /// The largest magnitude among the expected elements: for sums, whose rounding errors do not shrink with
  /// a result that happens to cancel.
  case largestMagnitude
}

/// Says how two tensors differ, or nil where they agree to a tolerance.
///
/// Integers and truth values must agree exactly, NaN equals NaN, and infinities equal themselves.
public func difference(
  _ actual: HostTensor, _ expected: HostTensor, relative: Double = 0, absolute: Double = 0,
  scale: ToleranceScale = .elementwise
) -> String? {
  guard actual.shape == expected.shape else { return "shape \(actual.shape), expected \(expected.shape)" }
  guard actual.dtype == expected.dtype else { return "type \(actual.dtype), expected \(expected.dtype)" }
  guard actual.dtype.isFloatingPoint else { return exactDifference(actual, expected) }
  let (found, wanted) = (actual.scalars(as: Double.self), expected.scalars(as: Double.self))
  let largest = wanted.reduce(0) { $1.isFinite ? max($0, $1.magnitude) : $0 }
  var (count, worst, excess) = (0, 0, 0.0)
  for (index, (a, b)) in zip(found, wanted).enumerated() where a != b && !(a.isNaN && b.isNaN) {
    let allowed = absolute + relative * (scale == .elementwise ? b.magnitude : largest)
    let distance = (a - b).magnitude
    if distance <= allowed, b.isFinite { continue }
    count += 1
    // A NaN is as far away as anything can be.
    let share = distance.isNaN ? .infinity : distance / allowed
    if count == 1 || share > excess { (worst, excess) = (index, share) }
  }
  guard count > 0 else { return nil }
  let place = position(worst, expected.shape)
  return "\(count) of \(found.count) elements differ; the worst at \(place) is \(found[worst]), "
    + "expected \(wanted[worst])"
}

/// The largest difference of two floating-point tensors in units of the largest expected magnitude.
public func deviation(_ actual: HostTensor, _ expected: HostTensor) -> Double {
  let (found, wanted) = (actual.scalars(as: Double.self), expected.scalars(as: Double.self))
  let largest = wanted.reduce(0) { max($0, $1.magnitude) }
  return zip(found, wanted).reduce(0) { max($0, ($1.0 - $1.1).magnitude) }
    / max(largest, .leastNormalMagnitude)
}

private func exactDifference(_ actual: HostTensor, _ expected: HostTensor) -> String? {
  let (found, wanted) = (actual.scalars(as: Int64.self), expected.scalars(as: Int64.self))
  let wrong = found.indices.filter { found[$0] != wanted[$0] }
  guard let first = wrong.first else { return nil }
  return
    "\(wrong.count) of \(found.count) elements differ; the first at \(position(first, expected.shape)) is "
    + "\(found[first]), expected \(wanted[first])"
}

private func position(_ index: Int, _ shape: Shape) -> [Int] {
  zip(shape.sizes, shape.strides).map { size, stride in index / stride % size }
}
