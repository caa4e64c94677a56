extension HostTensor {
  /// Creates a tensor whose elements are all `value`.
  public static func filled(_ value: Double, shape: Shape, dtype: DType = .float32) -> HostTensor {
    filled(value, shape, as: dtype.scalarType)
  }

  private static func filled<Scalar: TensorScalar>(
    _ value: Double, _ shape: Shape, as type: Scalar.Type
  ) -> HostTensor {
    HostTensor(shape: shape) { (elements: UnsafeMutableBufferPointer<Scalar>) in
      elements.initialize(repeating: Scalar(real: value))
    }
  }

  /// Creates a tensor of zeros.
  public static func zeros(_ shape: Shape, dtype: DType = .float32) -> HostTensor {
    let buffer = Buffer(byteCount: shape.elementCount * dtype.byteCount)
    // Zero is all bits clear in every element type.
    buffer.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: buffer.byteCount)
    return HostTensor(dtype: dtype, shape: shape, buffer: buffer)
  }

  /// Creates a tensor of ones.
  public static func ones(_ shape: Shape, dtype: DType = .float32) -> HostTensor {
    filled(1, shape: shape, dtype: dtype)
  }

  /// Creates the integers from `start` up to but not including `end`, `step` apart.
  public static func arange(
    start: Int = 0, end: Int, step: Int = 1, dtype: DType = .int64
  ) -> HostTensor {
    precondition(step != 0, "the step of arange is 0")
    precondition(
      step > 0 ? end >= start : end <= start, "arange cannot go from \(start) to \(end) in steps of \(step)")
    let values = [Int](stride(from: start, to: end, by: step))
    return HostTensor(values).converted(to: dtype)
  }

  /// Creates the numbers from `start` up to but not including `end`, `step` apart: ⌈(end − start) / step⌉ of them.
  ///
  /// Each is computed as start + index × step in double precision, so that errors do not add up.
  public static func arange(
    start: Double = 0, end: Double, step: Double = 1, dtype: DType = .float32
  ) -> HostTensor {
    let span = (end - start) / step
    precondition(
      step != 0 && span.isFinite && span >= 0,
      "arange cannot go from \(start) to \(end) in steps of \(step)")
    let count = Int(span.rounded(.up))
    let values = HostTensor(shape: [count]) { (elements: UnsafeMutableBufferPointer<Double>) in
      for index in 0..<count { elements.initializeElement(at: index, to: start + Double(index) * step) }
    }
    return values.converted(to: dtype)
  }

  /// Creates a matrix with ones on its main diagonal and zeros elsewhere; square unless `columns` is given.
  public static func eye(_ rows: Int, _ columns: Int? = nil, dtype: DType = .float32) -> HostTensor {
    let columns = columns ?? rows
    let result = HostTensor(shape: [rows, columns]) { (elements: UnsafeMutableBufferPointer<UInt8>) in
      elements.initialize(repeating: 0)
      for index in 0..<min(rows, columns) { elements[index * columns + index] = 1 }
    }
    return result.converted(to: dtype)
  }

  /// Creates a tensor of one axis.
  public init<Scalar: TensorScalar>(nested elements: [Scalar]) {
    self.init(elements)
  }

  /// Creates a matrix from its rows, which must be of one length.
  public init<Scalar: TensorScalar>(nested rows: [[Scalar]]) throws(StrataError) {
    let inner = try Self.commonShape(of: rows.map { [$0.count] })
    self.init(rows.flatMap { $0 }, shape: Shape([rows.count] + inner))
  }

  /// Creates a tensor of three axes from matrices of one shape.
  public init<Scalar: TensorScalar>(nested matrices: [[[Scalar]]]) throws(StrataError) {
    let parts = try matrices.map { rows throws(StrataError) in try HostTensor(nested: rows) }
    try self.init(parts: parts, of: Scalar.self)
  }

  /// Creates a tensor of four axes from tensors of three axes of one shape.
  public init<Scalar: TensorScalar>(nested blocks: [[[[Scalar]]]]) throws(StrataError) {
    let parts = try blocks.map { matrices throws(StrataError) in try HostTensor(nested: matrices) }
    try self.init(parts: parts, of: Scalar.self)
  }

  private init<Scalar: TensorScalar>(parts: [HostTensor], of type: Scalar.Type) throws(StrataError) {
    let inner = try Self.commonShape(of: parts.map(\.shape.sizes))
    self.init(parts.flatMap { $0.scalars(as: type) }, shape: Shape([parts.count] + inner))
  }

  /// The shape that all parts have; an empty list counts as one axis of no elements, as in PyTorch.
  private static func commonShape(of shapes: [[Int]]) throws(StrataError) -> [Int] {
    guard let first = shapes.first else { return [] }
    for (index, shape) in shapes.enumerated() where shape != first {
      throw StrataError(
        .shape, "nested arrays are ragged: element 0 has shape \(first), element \(index) has \(shape)")
    }
    return first
  }
}
