import StrataCore
import StrataGraph

extension ReferenceKernels {
  static func permute(_ x: HostTensor, _ axes: [Int]) -> HostTensor {
    if axes == Array(0..<x.shape.rank) { return x }
    let strides = x.shape.strides
    return gathered(x, View(strides: axes.map { strides[$0] }), Shape(axes.map { x.shape[$0] }))
  }

  static func broadcast(_ x: HostTensor, _ shape: Shape) -> HostTensor {
    x.shape == shape ? x : gathered(x, View(x.shape, broadcastTo: shape), shape)
  }

  static func slice(_ x: HostTensor, _ starts: [Int], _ steps: [Int], _ shape: Shape) -> HostTensor {
    let strides = x.shape.strides
    let start = zip(starts, strides).reduce(0) { $0 + $1.0 * $1.1 }
    return gathered(x, View(start: start, strides: zip(steps, strides).map { $0 * $1 }), shape)
  }

  static func concatenate(_ operands: [HostTensor], _ axis: Int, _ shape: Shape) -> HostTensor {
    let dtype = operands[0].dtype
    let result = Buffer(byteCount: shape.elementCount * dtype.byteCount)
    let strides = shape.strides
    var position = 0
    for operand in operands {
      let place = View(start: position, strides: strides)
      move(operand, View(operand.shape), to: result, place, operand.shape)
      position += operand.shape[axis] * strides[axis]
    }
    return HostTensor(dtype: dtype, shape: shape, buffer: result)
  }

  /// Negative widths crop.
  static func pad(
    _ x: HostTensor, _ before: [Int], _ after: [Int], _ value: Double, _ shape: Shape
  ) -> HostTensor {
    let result = HostTensor.filled(value, shape: shape, dtype: x.dtype)
    var source = View(x.shape)
    var target = View(shape)
    var sizes: [Int] = []
    for (axis, size) in x.shape.enumerated() {
      source.start += max(-before[axis], 0) * source.strides[axis]
      target.start += max(before[axis], 0) * target.strides[axis]
      sizes.append(max(size + min(before[axis], 0) + min(after[axis], 0), 0))
    }
    move(x, source, to: result.buffer, target, Shape(sizes))
    return result
  }

  static func indexSelect(
    _ x: HostTensor, _ indices: HostTensor, _ axis: Int, _ shape: Shape
  ) throws(StrataError) -> HostTensor {
    let indices = indices.scalars(as: Int.self)
    let size = x.shape[axis]
    for index in indices where !(0..<size).contains(index) {
      throw StrataError(.argument, "index \(index) lies outside axis \(axis) of \(x.shape)")
    }
    let result = Buffer(byteCount: shape.elementCount * x.dtype.byteCount)
    let layer = Shape(x.shape.indices.map { $0 == axis ? 1 : x.shape[$0] })
    let (source, target) = (x.shape.strides, shape.strides)
    for (place, index) in indices.enumerated() {
      let layerPlace = View(start: place * target[axis], strides: target)
      move(x, View(start: index * source[axis], strides: source), to: result, layerPlace, layer)
    }
    return HostTensor(dtype: x.dtype, shape: shape, buffer: result)
  }

  /// A dense copy of a view.
  static func gathered(_ x: HostTensor, _ view: View, _ shape: Shape) -> HostTensor {
    let result = Buffer(byteCount: shape.elementCount * x.dtype.byteCount)
    move(x, view, to: result, View(shape), shape)
    return HostTensor(dtype: x.dtype, shape: shape, buffer: result)
  }

  /// Copies the elements of one view to those of another; only their width matters.
  static func move(
    _ x: HostTensor, _ source: View, to target: Buffer, _ place: View, _ shape: Shape
  ) {
    defer { withExtendedLifetime((x, target)) {} }
    let runs = StridedRuns(shape, place, source)
    switch x.dtype.byteCount {
    case 1: copy(x.pointer, target.pointer, runs, UInt8.self)
    case 2: copy(x.pointer, target.pointer, runs, UInt16.self)
    case 4: copy(x.pointer, target.pointer, runs, UInt32.self)
    default: copy(x.pointer, target.pointer, runs, UInt64.self)
    }
  }

  private static func copy<Word: BitwiseCopyable>(
    _ source: UnsafeMutableRawPointer, _ target: UnsafeMutableRawPointer, _ runs: StridedRuns,
    _ word: Word.Type
  ) {
    let (source, target) = (source.assumingMemoryBound(to: word), target.assumingMemoryBound(to: word))
    let (count, step) = (runs.count, runs.step)
    for at in runs {
      let (output, input) = (target + at.x, source + at.y)
      if step.x == 1, step.y == 1 {
        output.update(from: input, count: count)
      } else {
        for index in 0..<count { output[index * step.x] = input[index * step.y] }
      }
    }
  }
}
