import StrataCore
import StrataGraph

extension ONNXOperators {
  /// Operators that put elements into other places.
  static let movements: [String: Function] = [
    "Reshape": { call throws(StrataError) in [try reshaped(call)] },
    "Flatten": { call throws(StrataError) in
      let x = try call.tensor(0)
      let wanted = try call.integer("axis", 1)
      let axis = wanted == x.rank ? wanted : try call.axis(wanted, x.rank)
      return [x.reshape(x.shape[..<axis].reduce(1, *), x.shape[axis...].reduce(1, *))]
    },
    "Transpose": { call throws(StrataError) in
      let x = try call.tensor(0)
      return [x.permute(try call.list("perm") ?? (0..<x.rank).reversed())]
    },
    "Concat": { call throws(StrataError) in [.cat(try call.tensors(), dim: try call.integer("axis", 1))] },
    "Split": { call throws(StrataError) in try split(call) },
    "Slice": { call throws(StrataError) in [try sliced(call)] },
    "Pad": { call throws(StrataError) in [try padded(call)] },
    "Squeeze": { call throws(StrataError) in
      let x = try call.tensor(0)
      guard let axes = try call.list("axes", orOperand: 1) else { return [x.squeeze()] }
      let gone = try call.axes(axes, x.rank)
      guard gone.allSatisfy({ x.shape[$0] == 1 }) else {
        throw call.error("removes axes \(axes) of \(x.shape), which are not all of size 1")
      }
      return [x.reshape(x.shape.indices.filter { !gone.contains($0) }.map { x.shape[$0] })]
    },
    "Unsqueeze": { call throws(StrataError) in
      let x = try call.tensor(0)
      guard let axes = try call.list("axes", orOperand: 1) else { throw call.error("lacks its axes") }
      var sizes = x.shape.sizes
      for axis in try call.axes(axes, x.rank + axes.count).sorted() { sizes.insert(1, at: axis) }
      return [x.reshape(sizes)]
    },
    "Expand": { call throws(StrataError) in
      let x = try call.tensor(0)
      guard let sizes = try call.integers(1), sizes.allSatisfy({ $0 >= 0 }),
        Shape(sizes).checkedElementCount != nil, let shape = x.shape.broadcast(with: Shape(sizes)),
        shape.checkedElementCount != nil
      else { throw call.error("cannot expand \(x.shape)") }
      return [x.expand(shape)]
    },
    "Gather": { call throws(StrataError) in [try gathered(call)] },
    // These are folded unless what they need is no constant.
    "Shape": { call throws(StrataError) in throw call.error("needs a shape") },
    "Size": { call throws(StrataError) in throw call.error("needs a shape") },
    "Range": { call throws(StrataError) in throw call.error("needs constant operands") },
    "Constant": { call throws(StrataError) in throw call.error("has no value that can be read") },
    "ConstantOfShape": { call throws(StrataError) in
      guard let sizes = try call.integers(0), sizes.allSatisfy({ $0 >= 0 }),
        Shape(sizes).checkedElementCount != nil
      else { throw call.error("lacks a proper shape") }
      guard case .tensor(let value)? = call.node.attributes["value"] else { return [.zeros(Shape(sizes))] }
      guard let number = value.scalars(as: Double.self).first else { throw call.error("has an empty value") }
      return [.full(Shape(sizes), number, dtype: value.dtype)]
    },
  ]

  private static func reshaped(_ call: ONNXCall) throws(StrataError) -> Tensor {
    let x = try call.tensor(0)
    guard var sizes = try call.list("shape", orOperand: 1) else { throw call.error("lacks its shape") }
    if try call.integer("allowzero", 0) == 0 {
      for axis in sizes.indices where sizes[axis] == 0 {
        guard axis < x.rank else {
          throw call.error("keeps the size of axis \(axis), which \(x.shape) lacks")
        }
        sizes[axis] = x.shape[axis]
      }
    }
    guard sizes.allSatisfy({ $0 >= -1 }), Shape(sizes.map { max($0, 1) }).checkedElementCount != nil else {
      throw call.error("has no proper shape")
    }
    return x.reshape(sizes)
  }

  private static func split(_ call: ONNXCall) throws(StrataError) -> [Tensor] {
    let x = try call.tensor(0)
    let axis = try call.axis(try call.integer("axis", 0), x.rank)
    if let sizes = try call.list("split", orOperand: 1) { return x.split(sizes: sizes, dim: axis) }
    let count = call.node.outputs.count
    guard count > 0, x.rank > 0 else { throw call.error("has no results") }
    let size = (x.shape[axis] + count - 1) / count
    let sizes = (0..<count).map { max(0, min(size, x.shape[axis] - $0 * size)) }
    return x.split(sizes: sizes, dim: axis)
  }

  private static func sliced(_ call: ONNXCall) throws(StrataError) -> Tensor {
    let x = try call.tensor(0)
    guard let starts = try call.list("starts", orOperand: 1), let ends = try call.list("ends", orOperand: 2)
    else { throw call.error("lacks its ends") }
    let axes = try call.axes(try call.list("axes", orOperand: 3) ?? Array(starts.indices), x.rank)
    let steps = try call.integers(4) ?? [Int](repeating: 1, count: starts.count)
    guard ends.count == starts.count, axes.count == starts.count, steps.count == starts.count, x.rank > 0
    else {
      throw call.error("has \(starts.count) starts and \(ends.count) ends")
    }
    guard steps.allSatisfy({ $0 > 0 }) else { throw call.error("has steps that do not lead forward") }
    var (from, sizes) = ([Int](repeating: 0, count: x.rank), x.shape.sizes)
    var by = [Int](repeating: 1, count: x.rank)
    for (index, axis) in axes.enumerated() {
      let (start, end) = sliceBounds(starts[index], ends[index], x.shape[axis])
      from[axis] = start
      sizes[axis] = end > start ? (end - start - 1) / steps[index] + 1 : 0
      by[axis] = steps[index]
    }
    return sizes == x.shape.sizes ? x : Tensor.apply(.slice(starts: from, sizes: sizes, steps: by), [x])
  }

  /// Where a slice begins and ends: counted from the back if negative, and never outside.
  static func sliceBounds(_ start: Int, _ end: Int, _ size: Int) -> (start: Int, end: Int) {
    func place(_ position: Int) -> Int { min(max(position < 0 ? position + size : position, 0), size) }
    return (place(start), place(end))
  }

  private static func padded(_ call: ONNXCall) throws(StrataError) -> Tensor {
    let x = try call.tensor(0)
    let mode = try call.string("mode", "constant")
    guard mode == "constant" else {
      throw call.error("pads by \(quoted(mode)); only constants are supported")
    }
    guard let amounts = try call.list("pads", orOperand: 1) else { throw call.error("lacks its amounts") }
    let value = call.opset < 11 ? try call.float("value", 0) : try call.number(2) ?? 0
    let axes = try call.axes(try call.integers(3) ?? Array(0..<x.rank), x.rank)
    guard amounts.count == 2 * axes.count, amounts.allSatisfy({ (-1 << 32...1 << 32).contains($0) }) else {
      throw call.error("has \(amounts.count) amounts for \(axes.count) axes")
    }
    // Strata's order is PyTorch's: pairs, the last axis first.
    var pairs = [Int](repeating: 0, count: 2 * x.rank)
    for (index, axis) in axes.enumerated() {
      pairs[2 * (x.rank - 1 - axis)] = amounts[index]
      pairs[2 * (x.rank - 1 - axis) + 1] = amounts[index + axes.count]
    }
    return x.pad(pairs, value: value)
  }

  private static func gathered(_ call: ONNXCall) throws(StrataError) -> Tensor {
    let (x, indices) = (try call.tensor(0), try call.tensor(1))
    let axis = try call.axis(try call.integer("axis", 0), x.rank)
    guard x.rank > 0 else { throw call.error("takes from a value without axes") }
    var places = indices.to(.int64).reshape(-1)
    if let known = call.known(1) {
      let size = x.shape[axis]
      let numbers = known.scalars(as: Int.self)
      guard numbers.allSatisfy({ (-size..<size).contains($0) }) else {
        throw call.error("takes positions that lie outside axis \(axis) of \(x.shape)")
      }
      places = Tensor(HostTensor(numbers.map { $0 < 0 ? $0 + size : $0 }))
    }
    let sizes = x.shape[..<axis] + indices.shape.sizes + x.shape[(axis + 1)...]
    return x.indexSelect(dim: axis, places).reshape(Array(sizes))
  }
}
