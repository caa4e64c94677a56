extension HostTensor {
  /// The elements in row-major order, converted where `Scalar` is not the type that is stored.
  public func scalars<Scalar: TensorScalar>(as type: Scalar.Type = Scalar.self) -> [Scalar] {
    guard Scalar.dtype == dtype else { return converted(to: Scalar.dtype).scalars(as: type) }
    return withElements(as: type) { Array($0) }
  }

  /// The same numbers as another element type, under the rules of PyTorch's `.to`.
  ///
  /// Real numbers become integers by truncation, wider integers keep their low bits, everything but zero is true,
  /// and 16-bit floating point is rounded to the nearest, ties to even.
  public func converted(to target: DType) -> HostTensor {
    guard target != dtype else { return self }
    let result = Buffer(byteCount: elementCount * target.byteCount)
    withExtendedLifetime(buffer) {
      let conversion = Conversion(from: dtype, at: pointer, to: target, at: result.pointer)
      Parallel.forEachRange(of: elementCount, grain: 1 << 18) { conversion.run($0) }
    }
    return HostTensor(dtype: target, shape: shape, buffer: result)
  }

  /// A copy whose elements start on a cache line and are kept alive by nothing else.
  public func copied() -> HostTensor {
    let result = Buffer(byteCount: byteCount)
    withExtendedLifetime(buffer) { result.pointer.copyMemory(from: pointer, byteCount: byteCount) }
    return HostTensor(dtype: dtype, shape: shape, buffer: result)
  }
}

/// Converts a run of elements by way of the widest type of the source's kind, which is exact:
/// sixteen short loops instead of one for each of the fifty-six pairs.
private struct Conversion: Sendable {
  let source: DType
  nonisolated(unsafe) let input: UnsafeRawPointer
  let target: DType
  nonisolated(unsafe) let output: UnsafeMutableRawPointer

  /// Elements held in between; they stay in the first-level cache.
  private static let stride = 1024

  init(
    from source: DType, at input: UnsafeRawPointer, to target: DType, at output: UnsafeMutableRawPointer
  ) {
    self.source = source
    self.input = input
    self.target = target
    self.output = output
  }

  func run(_ range: Range<Int>) {
    if source.isFloatingPoint {
      passing(range, through: Double.self, load: loadReals, store: storeReals)
    } else {
      passing(range, through: Int64.self, load: loadIntegers, store: storeIntegers)
    }
  }

  private func passing<Wide>(
    _ range: Range<Int>, through type: Wide.Type, load: (Range<Int>, UnsafeMutablePointer<Wide>) -> Void,
    store: (UnsafeMutablePointer<Wide>, Range<Int>) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: type, capacity: Self.stride) { wide in
      guard let start = wide.baseAddress else { return }
      var first = range.lowerBound
      while first < range.upperBound {
        let part = first..<min(range.upperBound, first + Self.stride)
        load(part, start)
        store(start, part)
        first = part.upperBound
      }
    }
  }

  private func loadReals(_ range: Range<Int>, _ wide: UnsafeMutablePointer<Double>) {
    switch source {
    case .float32: load(Float.self, range, wide) { Double($0) }
    case .float64: load(Double.self, range, wide) { $0 }
    case .float16: load(SoftFloat16.self, range, wide) { $0.real }
    case .bfloat16: load(BFloat16.self, range, wide) { $0.real }
    case .int64, .int32, .uint8, .bool: preconditionFailure("\(source) is no real number")
    }
  }

  private func loadIntegers(_ range: Range<Int>, _ wide: UnsafeMutablePointer<Int64>) {
    switch source {
    case .int64: load(Int64.self, range, wide) { $0 }
    case .int32: load(Int32.self, range, wide) { Int64($0) }
    case .uint8: load(UInt8.self, range, wide) { Int64($0) }
    // Read as a byte: a file may hold others than 0 and 1, which no `Bool` may have.
    case .bool: load(UInt8.self, range, wide) { $0 == 0 ? 0 : 1 }
    case .float32, .float64, .float16, .bfloat16: preconditionFailure("\(source) is no integer")
    }
  }

  private func storeReals(_ wide: UnsafeMutablePointer<Double>, _ range: Range<Int>) {
    switch target {
    case .float32: store(wide, range) { Float($0) }
    case .float64: store(wide, range) { $0 }
    case .float16: store(wide, range) { SoftFloat16(real: $0) }
    case .bfloat16: store(wide, range) { BFloat16(real: $0) }
    case .int64: store(wide, range) { Int64(real: $0) }
    case .int32: store(wide, range) { Int32(real: $0) }
    case .uint8: store(wide, range) { UInt8(real: $0) }
    case .bool: store(wide, range) { $0 != 0 }
    }
  }

  private func storeIntegers(_ wide: UnsafeMutablePointer<Int64>, _ range: Range<Int>) {
    switch target {
    case .float32: store(wide, range) { Float($0) }
    case .float64: store(wide, range) { Double($0) }
    case .float16: store(wide, range) { SoftFloat16(integer: $0) }
    case .bfloat16: store(wide, range) { BFloat16(integer: $0) }
    case .int64: store(wide, range) { $0 }
    case .int32: store(wide, range) { Int32(truncatingIfNeeded: $0) }
    case .uint8: store(wide, range) { UInt8(truncatingIfNeeded: $0) }
    case .bool: store(wide, range) { $0 != 0 }
    }
  }

  @inline(__always)
  private func load<Element, Wide>(
    _ type: Element.Type, _ range: Range<Int>, _ wide: UnsafeMutablePointer<Wide>,
    _ convert: (Element) -> Wide
  ) {
    let elements = input.assumingMemoryBound(to: type) + range.lowerBound
    for index in 0..<range.count { (wide + index).initialize(to: convert(elements[index])) }
  }

  @inline(__always)
  private func store<Element, Wide>(
    _ wide: UnsafeMutablePointer<Wide>, _ range: Range<Int>, _ convert: (Wide) -> Element
  ) {
    let elements = output.assumingMemoryBound(to: Element.self) + range.lowerBound
    for index in 0..<range.count { (elements + index).initialize(to: convert(wide[index])) }
  }
}
