import StrataCore

/// NumPy's file format for one array, `.npy`.
public enum NumPy {
  /// Element types by NumPy's kind and size.
  static let types: [(name: String, type: DType)] = [
    ("f8", .float64), ("f4", .float32), ("f2", .float16), ("i8", .int64), ("i4", .int32), ("u1", .uint8),
    ("b1", .bool),
  ]

  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  /// Reads a file. In the usual case, little-endian and row by row, the tensor is a view of the mapped file.
  public static func read(_ path: String) throws(StrataError) -> HostTensor {
    try decode(try FileSystem.map(path), name: path)
  }

  /// Reads a file that is already in memory; `name` is what messages call it.
  public static func decode(_ buffer: Buffer, name: String) throws(StrataError) -> HostTensor {
    let reader = NumPyReader(buffer: buffer, name: name)
    return try withExtendedLifetime(buffer) { () throws(StrataError) in try reader.tensor() }
  }

  /// Writes a file of version 1, row by row; bfloat16, which NumPy does not have, is refused.
  public static func write(_ tensor: HostTensor, to path: String) throws(StrataError) {
    let header = try header(tensor, name: path)
    try FileSystem.write(path) { writer throws(StrataError) in
      try writer.write(header)
      try writer.write(tensor)
    }
  }

  /// What precedes the elements in a file of version 1.
  package static func header(_ tensor: HostTensor, name: String) throws(StrataError) -> [UInt8] {
    guard let type = types.first(where: { $0.type == tensor.dtype })?.name else {
      throw StrataError(.argument, "\(name): NumPy has no \(tensor.dtype.rawValue); convert to float32 first")
    }
    let order = tensor.dtype.byteCount == 1 ? "|" : "<"
    let shape = tensor.shape.tupleText
    var text = Array("{'descr': '\(order)\(type)', 'fortran_order': False, 'shape': \(shape), }".utf8)
    // With magic, version, length and line end the elements begin on a cache line.
    text += [UInt8](repeating: UInt8(ascii: " "), count: (117 - text.count % 64) % 64)
    text.append(UInt8(ascii: "\n"))
    guard text.count <= UInt16.max else {
      throw StrataError(.argument, "\(name): \(tensor.shape.rank) axes are too many for the format")
    }
    return magic + [1, 0, UInt8(text.count & 0xff), UInt8(text.count >> 8)] + text
  }
}

/// The checks between a file's bytes and its array, each with its sentence.
private struct NumPyReader {
  let buffer: Buffer
  let name: String

  private var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: buffer.pointer, count: buffer.byteCount)
  }

  private func error(_ message: String) -> StrataError { StrataError(.format, "\(name): \(message)") }

  func tensor() throws(StrataError) -> HostTensor {
    let text = try headerRange()
    let header = try NumPyHeader(bytes[text], name: name)
    let (type, isSwapped) = try elementType(header.type)
    let shape = Shape(header.sizes)
    let size = shape.checkedElementCount.map { $0.multipliedReportingOverflow(by: type.byteCount) }
    let available = buffer.byteCount - text.upperBound
    guard let size, !size.overflow, size.partialValue == available else {
      let needed = size.flatMap { $0.overflow ? nil : "\($0.partialValue)" } ?? "more than 2⁶³"
      throw error("\(shape) of \(header.type) takes \(needed) bytes but the file has \(available)")
    }
    if type == .bool, let wrong = bytes[text.upperBound...].first(where: { $0 > 1 }) {
      throw error("the array has a truth value of \(wrong), which is neither 0 nor 1")
    }
    // The order of axes tells nothing apart where at most one of them is longer than 1.
    let isTransposed = header.isFortran && shape.count { $0 != 1 } > 1
    guard isSwapped || isTransposed else {
      return HostTensor(mapped: buffer, at: text.upperBound, dtype: type, shape: shape)
    }
    let order = ElementOrder(shape: shape, isTransposed: isTransposed, isSwapped: isSwapped)
    return order.tensor(type, from: buffer.pointer + text.upperBound)
  }

  private func headerRange() throws(StrataError) -> Range<Int> {
    guard bytes.starts(with: NumPy.magic) else {
      throw error("an .npy file begins with \\x93NUMPY, and this one does not")
    }
    guard bytes.count >= 10 else { throw error("the file ends within its header") }
    let version = (bytes[6], bytes[7])
    let start = version.0 == 1 ? 10 : 12
    guard (1...3).contains(version.0), version.1 == 0 else {
      throw error(
        "the file has version \(version.0).\(version.1) of the format; 1.0, 2.0 and 3.0 can be read")
    }
    guard bytes.count >= start else { throw error("the file ends within its header") }
    let length = (8..<start).reversed().reduce(0) { $0 << 8 | Int(bytes[$1]) }
    guard length <= bytes.count - start else {
      throw error(
        "the header is said to have \(length) bytes, and the file has \(bytes.count - start) after its length"
      )
    }
    return start..<start + length
  }

  private func elementType(_ name: String) throws(StrataError) -> (type: DType, isSwapped: Bool) {
    let order = name.first.flatMap { "<>|=".contains($0) ? $0 : nil }
    let kind = order == nil ? name[...] : name.dropFirst()
    guard let type = NumPy.types.first(where: { $0.name == kind })?.type, order != "|" || type.byteCount == 1
    else {
      let known = NumPy.types.map(\.name).joined(separator: ", ")
      throw error("the array has elements of type '\(name)'; those that can be read are \(known)")
    }
    return (type, order == ">" && type.byteCount > 1)
  }
}

/// How elements lie in a file that does not hold them as a tensor does.
private struct ElementOrder {
  let shape: Shape
  let isTransposed: Bool
  let isSwapped: Bool

  func tensor(_ type: DType, from source: UnsafeRawPointer) -> HostTensor {
    let buffer = Buffer(byteCount: shape.elementCount * type.byteCount)
    switch type.byteCount {
    case 1: copy(UInt8.self, source, buffer.pointer)
    case 2: copy(UInt16.self, source, buffer.pointer)
    case 4: copy(UInt32.self, source, buffer.pointer)
    default: copy(UInt64.self, source, buffer.pointer)
    }
    return HostTensor(dtype: type, shape: shape, buffer: buffer)
  }

  private func copy<Bits: FixedWidthInteger & BitwiseCopyable>(
    _ type: Bits.Type, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer
  ) {
    let size = MemoryLayout<Bits>.stride
    let steps = isTransposed ? Array(Shape(shape.reversed()).strides.reversed()) : shape.strides
    var place = [Int](repeating: 0, count: shape.rank)
    var index = 0
    for element in 0..<shape.elementCount {
      let bits = source.loadUnaligned(fromByteOffset: index * size, as: type)
      target.storeBytes(of: isSwapped ? bits.byteSwapped : bits, toByteOffset: element * size, as: type)
      // The next element row by row: the last axis that is not at its end moves on.
      var axis = shape.rank - 1
      while axis >= 0 {
        place[axis] += 1
        index += steps[axis]
        if place[axis] < shape[axis] { break }
        index -= steps[axis] * shape[axis]
        place[axis] = 0
        axis -= 1
      }
    }
  }
}
