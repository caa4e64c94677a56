import StrataCore
import StrataGraph

/// Every operation in plain loops: what other engines are tested against, and what stands in where
/// they have nothing.
///
/// Arithmetic runs in one of three types: element by element in `Float` or `Double`, sums in `Double`,
/// integers and truth values in `Int64`. The result is converted to the type that was asked for at the end,
/// which rounds 16-bit numbers once and lets narrow integers wrap.
package enum ReferenceKernels {
  /// Computes an operation whose operands fit it; `type` is what `Op.resultType` gives for them.
  package static func evaluate(
    _ op: Op, _ operands: [HostTensor], _ type: TensorType
  ) throws(StrataError) -> HostTensor {
    try value(op, operands, type.shape).converted(to: type.dtype).reshaped(type.shape)
  }

  /// The numbers of a result in row-major order, perhaps of a wider type and under another shape.
  private static func value(
    _ op: Op, _ operands: [HostTensor], _ shape: Shape
  ) throws(StrataError) -> HostTensor {
    switch op {
    case .input, .variable: throw StrataError(.engine, "\(op) is given, not computed")
    case .full(let shape, let dtype, let value): return .filled(value, shape: shape, dtype: dtype)
    case .unary(let function): return unary(function, operands[0])
    case .activation(let function): return try activation(function, operands[0])
    case .clamp(let low, let high): return try clamp(operands[0], low, high)
    case .binary(let function): return try binary(function, operands[0], operands[1], shape)
    case .select: return select(operands, shape)
    case .cast(let dtype): return operands[0].converted(to: dtype)
    case .reduce(let reduction, let axes, _): return reduce(reduction, operands[0], axes)
    case .argReduce(let extreme, let axis, _): return try argReduce(extreme, operands[0], axis)
    case .topK(let part, let count, let axis): return topK(part, operands[0], count, axis)
    case .softmax(let axis, let logarithm): return try softmax(operands[0], axis, logarithm)
    case .reshape: return operands[0]
    case .permute(let axes): return permute(operands[0], axes)
    case .broadcast: return broadcast(operands[0], shape)
    case .slice(let starts, _, let steps): return slice(operands[0], starts, steps, shape)
    case .concatenate(let axis): return concatenate(operands, axis, shape)
    case .pad(let before, let after, let value): return pad(operands[0], before, after, value, shape)
    case .indexSelect(let axis): return try indexSelect(operands[0], operands[1], axis, shape)
    case .unslice(let shape, let starts, let steps): return unslice(operands[0], shape, starts, steps)
    case .indexAdd(let axis, _): return try indexAdd(operands[0], operands[1], axis, shape)
    case .matmul: return try matmul(operands[0], operands[1])
    case .conv2d(let settings, let epilogue): return try convolution(settings, epilogue, operands, shape)
    case .linear(let hasBias, let epilogue): return try linear(hasBias, epilogue, operands, shape)
    case .maxPool2d(let pooling): return maxPool(operands[0], pooling, shape)
    case .averagePool2d(let pooling): return try averagePool(operands[0], pooling, shape)
    case .adaptiveAveragePool2d: return adaptiveAveragePool(operands[0], shape)
    case .batchNorm(let epsilon, let isAffine): return try batchNorm(operands, epsilon, isAffine)
    case .layerNorm(let epsilon, let isAffine): return try layerNorm(operands, epsilon, isAffine)
    case .batchMoments: return try batchMoments(operands[0])
    case .crossRank(let operation): return try crossRank(operation, operands[0], shape)
    case .dropout(let probability): return try dropout(operands[0], key: operands[1], probability)
    case .conv2dImageGradient(let settings, _):
      return convolutionImageGradient(settings, operands[0], operands[1], shape)
    case .conv2dWeightGradient(let settings, _):
      return convolutionWeightGradient(settings, operands[0], operands[1], shape)
    case .conv2dBiasGradient: return reduce(.sum, operands[1], [0, 2, 3])
    case .activationGradient(let function): return try activationGradient(function, operands[0], operands[1])
    case .maxPool2dGradient(let pooling): return maxPoolGradient(operands[0], operands[1], pooling)
    case .averagePool2dGradient(let pooling, _): return averagePoolGradient(operands[0], pooling, shape)
    case .adaptiveAveragePool2dGradient: return adaptiveAveragePoolGradient(operands[0], shape)
    case .batchNormGradient(let part, let epsilon, let isAffine):
      return batchNormGradient(part, operands, epsilon, isAffine)
    }
  }
}

extension ReferenceKernels {
  /// The operand in a type wide enough for arithmetic on single elements.
  static func widened(_ operand: HostTensor) -> HostTensor {
    switch operand.dtype {
    case .float32, .float16, .bfloat16: operand.converted(to: .float32)
    case .float64: operand
    case .int64, .int32, .uint8, .bool: operand.converted(to: .int64)
    }
  }

  /// The operand in a type wide enough for sums of many elements.
  static func summable(_ operand: HostTensor) -> HostTensor {
    operand.converted(to: operand.dtype.isFloatingPoint ? .float64 : .int64)
  }

  /// The first element; the caller keeps the tensor alive.
  static func start<Scalar: TensorScalar>(
    of tensor: HostTensor, as type: Scalar.Type = Scalar.self
  ) -> UnsafePointer<Scalar> {
    precondition(tensor.dtype == Scalar.dtype, "elements are \(tensor.dtype), not \(Scalar.dtype)")
    return UnsafeRawPointer(tensor.pointer).assumingMemoryBound(to: type)
  }

  /// Memory for a result.
  struct Target<Scalar: TensorScalar> {
    /// The elements, undefined at first.
    let elements: UnsafeMutablePointer<Scalar>
    /// The result, once all elements are written.
    let tensor: HostTensor

    init(_ shape: Shape) {
      let buffer = Buffer(byteCount: shape.elementCount * Scalar.dtype.byteCount)
      elements = buffer.pointer.bindMemory(to: Scalar.self, capacity: shape.elementCount)
      tensor = HostTensor(dtype: Scalar.dtype, shape: shape, buffer: buffer)
    }
  }
}
