import StrataCore

extension Tensor {
  /// Creates a tensor without axes (`torch.tensor`).
  ///
  /// As of Python's numbers, `Int` gives int64 and `Double` float32, unless `dtype` says otherwise;
  /// other types are kept.
  public init<Scalar: TensorScalar>(_ value: Scalar, dtype: DType? = nil) {
    self.init(HostTensor([value], shape: []), of: Scalar.self, dtype)
  }

  /// Creates a tensor of one axis (`torch.tensor`).
  ///
  /// As of Python's numbers, `Int` gives int64 and `Double` float32, unless `dtype` says otherwise;
  /// other types are kept.
  public init<Scalar: TensorScalar>(_ elements: [Scalar], dtype: DType? = nil) {
    self.init(HostTensor(elements), of: Scalar.self, dtype)
  }

  /// Creates a matrix from its rows, which must be of one length (`torch.tensor`).
  public init<Scalar: TensorScalar>(_ rows: [[Scalar]], dtype: DType? = nil) {
    self.init(of: Scalar.self, dtype) { () throws(StrataError) in try HostTensor(nested: rows) }
  }

  /// Creates a tensor of three axes from matrices of one shape (`torch.tensor`).
  public init<Scalar: TensorScalar>(_ matrices: [[[Scalar]]], dtype: DType? = nil) {
    self.init(of: Scalar.self, dtype) { () throws(StrataError) in try HostTensor(nested: matrices) }
  }

  /// Creates a tensor of four axes, such as a batch of images (`torch.tensor`).
  public init<Scalar: TensorScalar>(_ blocks: [[[[Scalar]]]], dtype: DType? = nil) {
    self.init(of: Scalar.self, dtype) { () throws(StrataError) in try HostTensor(nested: blocks) }
  }

  private init<Scalar: TensorScalar>(_ value: HostTensor, of type: Scalar.Type, _ dtype: DType?) {
    self.init(value.converted(to: dtype ?? (Scalar.self == Double.self ? .float32 : Scalar.dtype)))
  }

  private init<Scalar: TensorScalar>(
    of type: Scalar.Type, _ dtype: DType?, make: () throws(StrataError) -> HostTensor
  ) {
    do throws(StrataError) {
      self.init(try make(), of: type, dtype)
    } catch {
      self = .mistake(error.message)
    }
  }
}

// Constants are nodes of the graph: no memory is taken before they are read, and passes see through them.
extension Tensor {
  /// One number everywhere (`torch.full`).
  public static func full(_ shape: Shape, _ value: Double, dtype: DType = .float32) -> Tensor {
    guard shape.checkedElementCount != nil else { return .mistake("\(shape) has too many elements") }
    guard dtype.holds(value) else { return .mistake("\(value.brief) does not fit into \(dtype.rawValue)") }
    return apply(.full(shape, dtype, value), [])
  }

  /// Zeros (`torch.zeros`).
  public static func zeros(_ shape: Shape, dtype: DType = .float32) -> Tensor { full(shape, 0, dtype: dtype) }
  /// Ones (`torch.ones`).
  public static func ones(_ shape: Shape, dtype: DType = .float32) -> Tensor { full(shape, 1, dtype: dtype) }

  /// One number everywhere, in the shape and element type of another tensor (`torch.full_like`).
  public static func fullLike(_ other: Tensor, _ value: Double, dtype: DType? = nil) -> Tensor {
    other.error == nil ? full(other.shape, value, dtype: dtype ?? other.dtype) : other
  }
  /// Zeros in the shape and element type of another tensor (`torch.zeros_like`).
  public static func zerosLike(_ other: Tensor, dtype: DType? = nil) -> Tensor {
    fullLike(other, 0, dtype: dtype)
  }
  /// Ones in the shape and element type of another tensor (`torch.ones_like`).
  public static func onesLike(_ other: Tensor, dtype: DType? = nil) -> Tensor {
    fullLike(other, 1, dtype: dtype)
  }
}

extension Tensor {
  /// The numbers from 0 up to but not including `end` (`torch.arange`).
  public static func arange(_ end: Double, dtype: DType? = nil) -> Tensor { arange(0, end, dtype: dtype) }

  /// The numbers from `start` up to but not including `end`, `step` apart (`torch.arange`).
  ///
  /// Whole numbers give int64, others float32, unless `dtype` says otherwise.
  public static func arange(
    _ start: Double, _ end: Double, step: Double = 1, dtype: DType? = nil
  ) -> Tensor {
    let span = (end - start) / step
    guard step != 0, span.isFinite, span >= 0, span < 0x1p62 else {
      return .mistake("arange cannot go from \(start.brief) to \(end.brief) in steps of \(step.brief)")
    }
    let areWhole = [start, end, step].allSatisfy { $0 == $0.rounded() }
    return Tensor(
      HostTensor.arange(start: start, end: end, step: step, dtype: dtype ?? (areWhole ? .int64 : .float32)))
  }

  /// A matrix with ones on its main diagonal and zeros elsewhere; square unless `columns` is given (`torch.eye`).
  public static func eye(_ rows: Int, _ columns: Int? = nil, dtype: DType = .float32) -> Tensor {
    guard rows >= 0, columns ?? 0 >= 0, !rows.multipliedReportingOverflow(by: columns ?? rows).overflow else {
      return .mistake("a matrix cannot have \(rows) rows and \(columns ?? rows) columns")
    }
    return Tensor(HostTensor.eye(rows, columns, dtype: dtype))
  }
}

// Numbers are drawn at once, in the order of the calls, so that a seed gives the same ones
// no matter when, and whether, they are read.
extension Tensor {
  /// Numbers spread evenly from 0 up to but not including 1 (`torch.rand`).
  ///
  /// Without a seed of its own, the tensor continues the sequence that `manualSeed` begins.
  public static func rand(_ shape: Shape, seed: UInt64? = nil, dtype: DType = .float32) -> Tensor {
    guard dtype.isFloatingPoint else {
      return .mistake("rand makes no \(dtype.rawValue) numbers; use randint")
    }
    return random(shape, seed, dtype) { HostTensor.uniform(shape: shape, key: $0) }
  }

  /// Numbers of the standard normal distribution (`torch.randn`).
  ///
  /// Without a seed of its own, the tensor continues the sequence that `manualSeed` begins.
  public static func randn(_ shape: Shape, seed: UInt64? = nil, dtype: DType = .float32) -> Tensor {
    guard dtype.isFloatingPoint else {
      return .mistake("randn makes no \(dtype.rawValue) numbers; use randint")
    }
    return random(shape, seed, dtype) { HostTensor.normal(shape: shape, key: $0) }
  }

  /// Integers from `low` up to but not including `high` (`torch.randint`).
  ///
  /// Without a seed of its own, the tensor continues the sequence that `manualSeed` begins.
  public static func randint(
    low: Int = 0, high: Int, shape: Shape, seed: UInt64? = nil, dtype: DType = .int64
  ) -> Tensor {
    guard low < high else {
      return .mistake("there is no integer from \(low) up to but not including \(high)")
    }
    return random(shape, seed, dtype) { HostTensor.randomIntegers(low..<high, shape: shape, key: $0) }
  }

  private static func random(
    _ shape: Shape, _ seed: UInt64?, _ dtype: DType, _ make: (RandomKey) -> HostTensor
  ) -> Tensor {
    guard let count = shape.checkedElementCount, count < Int.max / 8 else {
      return .mistake("\(shape) has too many elements")
    }
    return Tensor(make(seed.map { RandomKey(seed: $0) } ?? .next()).converted(to: dtype))
  }
}
