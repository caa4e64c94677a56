extension HostTensor: CustomStringConvertible {
  /// The text that PyTorch prints for the same tensor.
  public var description: String { formatted() }

  /// The text that PyTorch prints, with further remarks such as `requires_grad=True` before the last bracket.
  public func formatted(options: PrintOptions = PrintOptions(), suffixes: [String] = []) -> String {
    let prefix = "tensor("
    var remarks: [String] = []
    let body: String
    if elementCount == 0 {
      body = "[]"
      if shape.rank != 1 { remarks.append("size=\(shape.tupleText)") }
      if dtype != .float32 { remarks.append("dtype=\(dtype)") }
    } else {
      body = TensorText(self, options, indent: prefix.count).text
      if ![.float32, .int64, .bool].contains(dtype) { remarks.append("dtype=\(dtype)") }
    }
    return Self.join(prefix + body, remarks + suffixes, indent: prefix.count, width: options.lineWidth) + ")"
  }

  /// Appends remarks, each on a line of its own where the last line has no room for it.
  private static func join(_ text: String, _ remarks: [String], indent: Int, width: Int) -> String {
    // PyTorch counts two characters too many here, which decides where lines break.
    let lastLine = text.utf8.reversed().prefix { $0 != UInt8(ascii: "\n") }.count
    var used = lastLine + 2
    var result = text
    for remark in remarks {
      if used + remark.utf8.count + 2 > width {
        result += ",\n" + String(repeating: " ", count: indent) + remark
        used = indent + remark.utf8.count
      } else {
        result += ", " + remark
        used += remark.utf8.count + 2
      }
    }
    return result
  }
}

extension Shape {
  /// The sizes as Python prints a tuple: `(2, 0, 3)`, `(5,)`, `()`.
  public var tupleText: String {
    "(" + sizes.map(String.init).joined(separator: ", ") + (rank == 1 ? ",)" : ")")
  }
}

/// The bracketed numbers of a tensor.
private struct TensorText {
  let tensor: HostTensor
  let options: PrintOptions
  let strides: [Int]
  let indent: Int
  var style: NumberStyle = .boolean
  var width = 1

  init(_ tensor: HostTensor, _ options: PrintOptions, indent: Int) {
    self.tensor = tensor
    self.options = options
    self.strides = tensor.shape.strides
    self.indent = indent
    // What is left out has no say in how the rest looks.
    let elements = shownElements(axis: 0, from: 0)
    if tensor.dtype.isFloatingPoint {
      let deciding = elements.map(real).filter { $0.isFinite && $0 != 0 }
      style = NumberStyle(for: deciding, options)
      let widths = deciding.map { style.text($0).utf8.count }
      width = max(1, widths.max() ?? 1)
    } else {
      style = tensor.dtype == .bool ? .boolean : .integer
      width = max(1, elements.map { elementText($0).utf8.count }.max() ?? 1)
    }
  }

  var text: String { tensor.shape.rank == 0 ? padded(0) : text(axis: 0, from: 0) }

  /// The positions along an axis that are shown; nil stands for an ellipsis.
  private func positions(_ axis: Int) -> [Int?] {
    let size = tensor.shape[axis]
    let edge = options.edgeItems
    guard tensor.elementCount > options.threshold, size > 2 * edge else { return Array(0..<size) }
    return Array(0..<edge) + [nil] + Array(size - edge..<size)
  }

  private func shownElements(axis: Int, from start: Int) -> [Int] {
    guard axis < tensor.shape.rank else { return [start] }
    return positions(axis).flatMap { position in
      position.map { shownElements(axis: axis + 1, from: start + $0 * strides[axis]) } ?? []
    }
  }

  private func text(axis: Int, from start: Int) -> String {
    let isRow = axis == tensor.shape.rank - 1
    let parts = positions(axis).map { position in
      guard let position else { return isRow ? " ..." : "..." }
      let first = start + position * strides[axis]
      return isRow ? padded(first) : text(axis: axis + 1, from: first)
    }
    let margin = String(repeating: " ", count: indent + axis + 1)
    guard isRow else {
      let breaks = String(repeating: "\n", count: tensor.shape.rank - axis - 1)
      return "[" + parts.joined(separator: "," + breaks + margin) + "]"
    }
    let perLine = max(1, (options.lineWidth - indent - axis) / (width + 2))
    let lines = stride(from: 0, to: parts.count, by: perLine).map { first in
      parts[first..<min(first + perLine, parts.count)].joined(separator: ", ")
    }
    return "[" + lines.joined(separator: ",\n" + margin) + "]"
  }

  private func padded(_ element: Int) -> String {
    let text = elementText(element)
    return String(repeating: " ", count: max(0, width - text.utf8.count)) + text
  }

  private func elementText(_ element: Int) -> String {
    switch style {
    case .integer: String(integer(element))
    case .boolean: integer(element) != 0 ? "True" : "False"
    case .whole, .fixed, .scientific: style.text(real(element))
    }
  }

  private func real(_ element: Int) -> Double {
    let type = tensor.dtype.scalarType
    return tensor.buffer.withLoaded(type, at: tensor.byteOffset, index: element) { $0.real }
  }

  private func integer(_ element: Int) -> Int64 {
    // A byte other than 0 and 1 may come from a file, and no `Bool` may have it.
    let type: any TensorScalar.Type = tensor.dtype == .bool ? UInt8.self : tensor.dtype.scalarType
    return tensor.buffer.withLoaded(type, at: tensor.byteOffset, index: element) { $0.integer }
  }
}

extension Buffer {
  /// Passes on one element.
  fileprivate func withLoaded<Scalar: TensorScalar, Result>(
    _ type: Scalar.Type, at offset: Int, index: Int, _ body: (any TensorScalar) -> Result
  ) -> Result {
    body(pointer.loadUnaligned(fromByteOffset: offset + index * MemoryLayout<Scalar>.stride, as: type))
  }
}

/// How all numbers of one tensor are written.
private enum NumberStyle {
  case boolean
  case integer
  /// Real numbers without a fraction: `3.`
  case whole
  case fixed(digits: Int)
  case scientific(digits: Int)

  /// The style for real numbers, of which those that are finite and not zero decide.
  init(for numbers: [Double], _ options: PrintOptions) {
    let sizes = numbers.map(\.magnitude)
    guard let least = sizes.min(), let most = sizes.max() else {
      self = .whole
      return
    }
    if options.scientific ?? (most / least > 1000 || most > 1e8 || least < 1e-4) {
      self = .scientific(digits: options.precision)
    } else if numbers.allSatisfy({ $0 == $0.rounded(.up) }) {
      self = .whole
    } else {
      self = .fixed(digits: options.precision)
    }
  }

  func text(_ number: Double) -> String {
    switch self {
    case .boolean, .integer: String(number)
    case .whole: DecimalText.fixed(number, digits: 0) + (number.isFinite ? "." : "")
    case .fixed(let digits): DecimalText.fixed(number, digits: digits)
    case .scientific(let digits): DecimalText.scientific(number, digits: digits)
    }
  }
}
