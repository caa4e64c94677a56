/// Numbers in memory: an element type, a shape and contiguous row-major storage. Immutable once made.
public struct HostTensor: Sendable {
  /// The type of the elements.
  public let dtype: DType
  /// The sizes of the axes.
  public let shape: Shape
  /// The memory that holds the elements.
  public private(set) var buffer: Buffer
  /// Where the first element lies in `buffer`.
  public let byteOffset: Int

  /// Wraps elements that already lie in memory.
  public init(dtype: DType, shape: Shape, buffer: Buffer, byteOffset: Int = 0) {
    precondition(
      byteOffset >= 0 && byteOffset + shape.elementCount * dtype.byteCount <= buffer.byteCount,
      "\(shape) of \(dtype) does not fit into \(buffer.byteCount) bytes")
    self.dtype = dtype
    self.shape = shape
    self.buffer = buffer
    self.byteOffset = byteOffset
  }

  /// Creates a tensor whose elements `body` writes; every one must be written.
  public init<Scalar: TensorScalar>(
    shape: Shape, initializing body: (UnsafeMutableBufferPointer<Scalar>) -> Void
  ) {
    let buffer = Buffer(byteCount: shape.elementCount * Scalar.dtype.byteCount)
    let elements = buffer.pointer.bindMemory(to: Scalar.self, capacity: shape.elementCount)
    body(UnsafeMutableBufferPointer(start: elements, count: shape.elementCount))
    self.init(dtype: Scalar.dtype, shape: shape, buffer: buffer)
  }

  /// Creates a tensor from its elements in row-major order.
  public init<Scalar: TensorScalar>(_ elements: [Scalar], shape: Shape? = nil) {
    let shape = shape ?? [elements.count]
    precondition(elements.count == shape.elementCount, "\(elements.count) elements do not fill \(shape)")
    self.init(shape: shape) { (target: UnsafeMutableBufferPointer<Scalar>) in
      _ = target.initialize(from: elements)
    }
  }

  /// The number of elements.
  public var elementCount: Int { shape.elementCount }
  /// The size of the elements in bytes.
  public var byteCount: Int { elementCount * dtype.byteCount }
  /// The first element.
  public var pointer: UnsafeMutableRawPointer { buffer.pointer + byteOffset }

  /// Calls `body` with the elements; `Scalar` must be the type that is stored.
  public func withElements<Scalar: TensorScalar, Result>(
    as type: Scalar.Type = Scalar.self, _ body: (UnsafeBufferPointer<Scalar>) throws -> Result
  ) rethrows -> Result {
    precondition(Scalar.dtype == dtype, "elements are \(dtype), not \(Scalar.dtype)")
    let start = UnsafeRawPointer(pointer).assumingMemoryBound(to: Scalar.self)
    return try withExtendedLifetime(buffer) {
      try body(UnsafeBufferPointer(start: start, count: elementCount))
    }
  }

  /// Whether nothing else refers to the memory, and it may be written.
  package mutating func isUniquelyReferenced() -> Bool {
    buffer.isWritable && isKnownUniquelyReferenced(&buffer)
  }

  /// Gives up the pages of a file that hold the elements; they come again when they are touched.
  package func dropPages() { buffer.dropPages(from: byteOffset, byteCount) }

  /// Rows along the first axis, in the same memory.
  package func rows(_ range: Range<Int>) -> HostTensor {
    HostTensor(
      dtype: dtype, shape: Shape([range.count] + shape.dropFirst()), buffer: buffer,
      byteOffset: byteOffset + byteCount / max(shape[0], 1) * range.lowerBound)
  }

  /// The same elements under another shape of the same count.
  public func reshaped(_ shape: Shape) -> HostTensor {
    precondition(shape.elementCount == elementCount, "\(self.shape) cannot be read as \(shape)")
    return HostTensor(dtype: dtype, shape: shape, buffer: buffer, byteOffset: byteOffset)
  }
}
