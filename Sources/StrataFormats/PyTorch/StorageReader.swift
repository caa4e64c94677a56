import StrataCore

/// The storages of a checkpoint, and tensors as views of them.
struct StorageReader {
  /// The bytes of storages by key.
  private let find: (String) throws(StrataError) -> Buffer?
  private let name: String
  private var known: [String: Buffer] = [:]
  /// Bytes that may still be copied: views that lie across rows, or whose types are widened, take memory of
  /// their own, and a pickle of a few bytes can ask for the same one over and over.
  private var budget: Int

  init(fileSize: Int, name: String, find: @escaping (String) throws(StrataError) -> Buffer?) {
    self.name = name
    self.find = find
    budget = max(1 << 26, fileSize.multipliedReportingOverflow(by: 8).partialValue)
  }

  private func error(_ message: String) -> StrataError { StrataError(.format, "\(name): \(message)") }

  private mutating func storage(_ key: String) throws(StrataError) -> Buffer {
    if let buffer = known[key] { return buffer }
    guard let buffer = try find(key) else { throw error("storage \(quoted(key)) is missing") }
    known[key] = buffer
    return buffer
  }

  /// The elements that a pickle describes.
  mutating func tensor(_ tensor: PickleTensor) throws(StrataError) -> HostTensor {
    let storage = tensor.storage
    let label = "a tensor of storage \(quoted(storage.key))"
    let buffer = try self.storage(storage.key)
    let size = storage.type.byteCount
    guard storage.offset <= buffer.byteCount / size, storage.count <= buffer.byteCount / size - storage.offset
    else {
      throw error(
        "storage \(quoted(storage.key)) is said to have \(storage.count) elements and has \(buffer.byteCount) bytes"
      )
    }
    let bytes = storage.offset * size..<(storage.offset + storage.count) * size
    let shape = Shape(tensor.sizes)
    guard let count = shape.checkedElementCount else {
      throw error("\(label) has the impossible shape \(shape)")
    }
    if count == 0 { return HostTensor(dtype: tensor.type.dtype, shape: shape, buffer: Buffer(byteCount: 0)) }
    let available = bytes.count / tensor.type.byteCount
    guard let last = Self.lastElement(tensor), last < available else {
      throw error("\(label) reaches beyond its \(available) elements")
    }
    let start = bytes.lowerBound + tensor.offset * tensor.type.byteCount
    let isDense = Self.isDense(shape, tensor.strides)
    if isDense, tensor.type.byteCount == tensor.type.dtype.byteCount {
      return try checked(
        HostTensor(mapped: buffer, at: start, dtype: tensor.type.dtype, shape: shape), tensor.type, label)
    }
    let (needed, overflow) = count.multipliedReportingOverflow(by: tensor.type.dtype.byteCount)
    guard !overflow, needed <= budget else {
      throw error("\(label) has \(count) elements, more than a file of this size may unfold to")
    }
    budget -= needed
    let view = StridedView(source: buffer.pointer + start, sizes: tensor.sizes, strides: tensor.strides)
    let result = withExtendedLifetime(buffer) { view.copied(tensor.type, shape: shape) }
    return try checked(result, tensor.type, label)
  }

  /// The place of the last element in the storage, or nil where that is no number.
  private static func lastElement(_ tensor: PickleTensor) -> Int? {
    var last = tensor.offset
    for (size, stride) in zip(tensor.sizes, tensor.strides) {
      let (reach, isHuge) = stride.multipliedReportingOverflow(by: size - 1)
      let (sum, isTooFar) = last.addingReportingOverflow(reach)
      guard !isHuge, !isTooFar else { return nil }
      last = sum
    }
    return last
  }

  private static func isDense(_ shape: Shape, _ strides: [Int]) -> Bool {
    zip(shape.strides, strides).enumerated().allSatisfy {
      shape[$0.offset] == 1 || $0.element.0 == $0.element.1
    }
  }

  private func checked(_ tensor: HostTensor, _ type: TorchType, _ label: String) throws(StrataError)
    -> HostTensor
  {
    if type == .bool, let wrong = withExtendedLifetime(tensor, { tensor.bytes.first { $0 > 1 } }) {
      throw error("\(label) has a truth value of \(wrong), which is neither 0 nor 1")
    }
    return tensor
  }
}

/// Elements that do not lie side by side.
private struct StridedView {
  let source: UnsafeRawPointer
  let sizes: [Int]
  let strides: [Int]

  func copied(_ type: TorchType, shape: Shape) -> HostTensor {
    let buffer = Buffer(byteCount: shape.elementCount * type.dtype.byteCount)
    switch type {
    case .float64, .int64: copy(UInt64.self, to: buffer.pointer) { $0 }
    case .float32, .int32: copy(UInt32.self, to: buffer.pointer) { $0 }
    case .float16, .bfloat16: copy(UInt16.self, to: buffer.pointer) { $0 }
    case .uint8, .bool: copy(UInt8.self, to: buffer.pointer) { $0 }
    case .int16: copy(Int16.self, to: buffer.pointer) { Int32($0) }
    case .int8: copy(Int8.self, to: buffer.pointer) { Int32($0) }
    }
    return HostTensor(dtype: type.dtype, shape: shape, buffer: buffer)
  }

  private func copy<Stored: BitwiseCopyable, Element: BitwiseCopyable>(
    _ type: Stored.Type, to target: UnsafeMutableRawPointer, _ convert: (Stored) -> Element
  ) {
    let (inner, innerStride) = (sizes.last ?? 1, (strides.last ?? 1) * MemoryLayout<Stored>.size)
    var place = [Int](repeating: 0, count: sizes.count)
    var (offset, written) = (0, 0)
    let count = sizes.reduce(1, *)
    while written < count {
      for index in 0..<inner {
        let element = source.loadUnaligned(
          fromByteOffset: offset * MemoryLayout<Stored>.size + index * innerStride, as: type)
        target.storeBytes(
          of: convert(element), toByteOffset: written * MemoryLayout<Element>.size, as: Element.self)
        written += 1
      }
      // The next row: the innermost axis but the last that is not at its end moves on.
      var axis = sizes.count - 2
      while axis >= 0 {
        place[axis] += 1
        offset += strides[axis]
        if place[axis] < sizes[axis] { break }
        offset -= strides[axis] * sizes[axis]
        place[axis] = 0
        axis -= 1
      }
    }
  }
}
