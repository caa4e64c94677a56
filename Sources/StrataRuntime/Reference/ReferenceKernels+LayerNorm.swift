import StrataCore
import StrataGraph

extension ReferenceKernels {
  /// Rows along the last axis, each with its own mean and biased variance.
  static func layerNorm(
    _ operands: [HostTensor], _ epsilon: Double, _ isAffine: Bool
  ) throws(StrataError) -> HostTensor {
    let x = operands[0].converted(to: .float64)
    let shape = x.shape
    if shape.elementCount == 0 { return x }
    let axis = shape.rank - 1
    let rows = Shape(shape.dropLast() + [1])
    let mean = reduce(.mean, x, [axis]).reshaped(rows)
    let centred = try binary(.subtract, x, mean, shape)
    let variance = reduce(.mean, unary(.square, centred), [axis]).reshaped(rows)
    let safe = try binary(.add, variance, HostTensor([epsilon]), rows)
    let normal = try binary(.multiply, centred, unary(.rsqrt, safe), shape)
    guard isAffine else { return normal }
    let (scale, shift) = (operands[1].converted(to: .float64), operands[2].converted(to: .float64))
    return try binary(.add, binary(.multiply, normal, scale, shape), shift, shape)
  }
}
