import StrataCore
import StrataGraph

/// Whole numbers that are known during a call: shapes and what models compute from them.
private struct Integers {
  var sizes: [Int]
  var values: [Int]

  /// More than any shape has, and less than weights have.
  static let greatestCount = 65_536

  init(_ sizes: [Int], _ values: [Int]) {
    self.sizes = sizes
    self.values = values
  }

  init?(_ tensor: HostTensor?) {
    guard let tensor, !tensor.dtype.isFloatingPoint, tensor.elementCount <= Self.greatestCount else {
      return nil
    }
    self.init(tensor.shape.sizes, tensor.scalars(as: Int.self))
  }

  /// The numbers at the sums of one distance for each axis.
  func taken(_ distances: [[Int]]) -> Integers {
    var places = [0]
    for axis in distances { places = places.flatMap { place in axis.map { place + $0 } } }
    return Integers(distances.map(\.count), places.map { values[$0] })
  }

  func tensor(_ dtype: DType = .int64) -> HostTensor {
    HostTensor(values, shape: Shape(sizes)).converted(to: dtype)
  }
}

// Exporters write how a shape follows from another: Shape, Gather, Unsqueeze, Concat, Reshape. Shapes are known
// when a model is called, so all of that is computed at once and no tensor waits for it.
extension ONNXCall {
  /// The result, where it is whole numbers that are known already or a stored value; else nil.
  func folded() throws(StrataError) -> HostTensor? {
    switch node.op {
    case "Constant": return try stored()
    case "Shape":
      let shape = try tensor(0).shape
      let (start, end) = ONNXOperators.sliceBounds(
        try integer("start", 0), try integer("end", shape.rank), shape.rank)
      return HostTensor(Array(shape.sizes[start..<max(start, end)]))
    case "Size": return HostTensor([try tensor(0).shape.elementCount], shape: [])
    case "Identity": return known(0)
    case "Range": return try range()
    case "ConstantOfShape":
      guard case .tensor(let value)? = node.attributes["value"], let number = Integers(value)?.values.first,
        let sizes = Integers(known(0))?.values, sizes.allSatisfy({ $0 >= 0 }),
        let count = Shape(sizes).checkedElementCount, count <= Integers.greatestCount
      else { return nil }
      return Integers(sizes, [Int](repeating: number, count: count)).tensor(value.dtype)
    default: break
    }
    var known: [Integers] = []
    for index in operands.indices {
      guard let value = Integers(self.known(index)) else { return nil }
      known.append(value)
    }
    guard let first = known.first else { return nil }
    return try folded(first, known)
  }

  private func stored() throws(StrataError) -> HostTensor {
    for (name, attribute) in node.attributes {
      switch (name, attribute) {
      case ("value", .tensor(let tensor)): return tensor
      case ("value_int", .integer(let value)): return HostTensor([value], shape: [])
      case ("value_ints", .integers(let values)): return HostTensor(values)
      case ("value_float", .float(let value)): return HostTensor([value], shape: [])
      case ("value_floats", .floats(let values)): return HostTensor(values)
      default: continue
      }
    }
    throw error("has no value that can be read")
  }

  private func range() throws(StrataError) -> HostTensor? {
    guard let start = Integers(known(0))?.values.first, let end = Integers(known(1))?.values.first,
      let step = Integers(known(2))?.values.first
    else { return nil }
    let (distance, isFar) = end.subtractingReportingOverflow(start)
    let (count, isWrong) = distance.dividedReportingOverflow(by: step)
    guard !isFar, !isWrong, count.magnitude < Integers.greatestCount else {
      throw error("has too many numbers")
    }
    return HostTensor(Array(stride(from: start, to: end, by: step)))
  }

  private func folded(_ first: Integers, _ known: [Integers]) throws(StrataError) -> HostTensor? {
    switch node.op {
    case "Cast":
      guard let dtype = ONNX.type(of: try integer("to", 0)), !dtype.isFloatingPoint else { return nil }
      return first.tensor(dtype)
    case "Add": return try combined(known) { $0.addingReportingOverflow($1) }
    case "Sub": return try combined(known) { $0.subtractingReportingOverflow($1) }
    case "Mul": return try combined(known) { $0.multipliedReportingOverflow(by: $1) }
    case "Div": return try combined(known) { $0.dividedReportingOverflow(by: $1) }
    case "Equal": return try combined(known, .bool) { ($0 == $1 ? 1 : 0, false) }
    case "Unsqueeze", "Squeeze", "Reshape", "Flatten": return try reshaped(first)
    case "Gather": return try gathered(first, known)
    case "Concat":
      guard known.allSatisfy({ $0.sizes.count == 1 }) else { return nil }
      let values = known.flatMap(\.values)
      guard values.count <= Integers.greatestCount else { throw error("has too many numbers") }
      return HostTensor(values)
    case "Slice": return try sliced(first)
    case "Transpose":
      let order = try axes(try list("perm") ?? (0..<first.sizes.count).reversed(), first.sizes.count)
      guard order.count == first.sizes.count else { throw error("has the order \(order)") }
      let strides = Shape(first.sizes).strides
      return first.taken(order.map { axis in (0..<first.sizes[axis]).map { $0 * strides[axis] } }).tensor()
    case "Where":
      guard known.count == 3 else { return nil }
      let chosen = try combined([known[0], known[1]]) { ($0 != 0 ? $1 : 0, false) }
      let other = try combined([known[0], known[2]]) { ($0 == 0 ? $1 : 0, false) }
      guard let a = Integers(chosen), let b = Integers(other) else { return nil }
      return try combined([a, b]) { ($0 | $1, false) }
    case "ReduceProd":
      guard try integer("keepdims", 1) == 0 || first.sizes.count == 1 else { return nil }
      var product = 1
      for value in first.values {
        let (next, overflow) = product.multipliedReportingOverflow(by: value)
        guard !overflow else { throw error("computes a number of more than 64 bits") }
        product = next
      }
      return HostTensor([product], shape: try integer("keepdims", 1) == 0 ? [] : [1])
    default: return nil
    }
  }

  /// Two lists of one length, or one of them a single number.
  private func combined(
    _ known: [Integers], _ dtype: DType = .int64, _ combine: (Int, Int) -> (Int, Bool)
  ) throws(StrataError) -> HostTensor? {
    guard known.count == 2, known[0].sizes.count <= 1, known[1].sizes.count <= 1 else { return nil }
    let (a, b) = (known[0].values, known[1].values)
    guard a.count == b.count || a.count == 1 || b.count == 1, !a.isEmpty, !b.isEmpty else { return nil }
    var values: [Int] = []
    for index in 0..<max(a.count, b.count) {
      let (value, overflow) = combine(a.count == 1 ? a[0] : a[index], b.count == 1 ? b[0] : b[index])
      guard !overflow else { throw error("computes a number of more than 64 bits") }
      values.append(value)
    }
    let isScalar = known[0].sizes.isEmpty && known[1].sizes.isEmpty
    return HostTensor(values, shape: isScalar ? [] : [values.count]).converted(to: dtype)
  }

  private func sliced(_ first: Integers) throws(StrataError) -> HostTensor? {
    guard let starts = try list("starts", orOperand: 1), let ends = try list("ends", orOperand: 2) else {
      return nil
    }
    let rank = first.sizes.count
    let axes = try axes(try list("axes", orOperand: 3) ?? Array(starts.indices), rank)
    let steps = try integers(4) ?? [Int](repeating: 1, count: starts.count)
    guard ends.count == starts.count, axes.count == starts.count, steps.count == starts.count,
      steps.allSatisfy({ $0 != 0 && $0 != .min })
    else { throw error("has \(starts.count) starts and \(ends.count) ends") }
    let strides = Shape(first.sizes).strides
    var places = (0..<rank).map { axis in (0..<first.sizes[axis]).map { $0 * strides[axis] } }
    for (index, axis) in axes.enumerated() {
      let (size, step) = (first.sizes[axis], steps[index])
      // Backward, the place in front of the first is a proper end.
      let low = step > 0 ? 0 : -1
      let bounds = [starts[index], ends[index]].map { position in
        min(max(position < 0 ? position + size : position, low), step > 0 ? size : size - 1)
      }
      places[axis] = stride(from: bounds[0], to: bounds[1], by: step).map { $0 * strides[axis] }
    }
    return first.taken(places).tensor()
  }

  /// A list with more or fewer axes of size 1.
  private func reshaped(_ first: Integers) throws(StrataError) -> HostTensor? {
    guard let function = ONNXOperators.all[node.op] else { return nil }
    // The shape of the result is the operator's business; the numbers stay what they are.
    guard let result = try function(self).first, result.error == nil,
      result.shape.elementCount == first.values.count
    else { return nil }
    return Integers(result.shape.sizes, first.values).tensor()
  }

  private func gathered(_ first: Integers, _ known: [Integers]) throws(StrataError) -> HostTensor? {
    guard first.sizes.count == 1, known.count == 2, try integer("axis", 0) == 0 else { return nil }
    var values: [Int] = []
    for index in known[1].values {
      let place = index < 0 ? index + first.values.count : index
      guard first.values.indices.contains(place) else {
        throw error("takes number \(index) of \(first.values.count)")
      }
      values.append(first.values[place])
    }
    return Integers(known[1].sizes, values).tensor()
  }
}
