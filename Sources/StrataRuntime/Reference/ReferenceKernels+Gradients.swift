import StrataCore
import StrataGraph

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

// Loops that follow the definitions; the CPU engine has its own for everything that is called often.

// MARK: Movement

extension ReferenceKernels {
  static func unslice(_ x: HostTensor, _ shape: Shape, _ starts: [Int], _ steps: [Int]) -> HostTensor {
    let result = HostTensor.filled(0, shape: shape, dtype: x.dtype)
    let strides = shape.strides
    let place = View(
      start: zip(starts, strides).reduce(0) { $0 + $1.0 * $1.1 }, strides: zip(steps, strides).map { $0 * $1 }
    )
    move(x, View(x.shape), to: result.buffer, place, x.shape)
    return result
  }

  static func indexAdd(
    _ x: HostTensor, _ indices: HostTensor, _ axis: Int, _ shape: Shape
  ) throws(StrataError) -> HostTensor {
    let source = x.converted(to: .float64)
    let places = indices.scalars(as: Int.self)
    for place in places where !(0..<shape[axis]).contains(place) {
      throw StrataError(.argument, "index \(place) lies outside axis \(axis) of \(shape)")
    }
    let inner = shape.dropFirst(axis + 1).reduce(1, *)
    let outer = shape.prefix(axis).reduce(1, *)
    return sums(shape) { result in
      source.withElements(as: Double.self) { x in
        for block in 0..<outer {
          for (index, place) in places.enumerated() {
            let from = (block * places.count + index) * inner
            let to = (block * shape[axis] + place) * inner
            for offset in 0..<inner { result[to + offset] += x[from + offset] }
          }
        }
      }
    }
  }

  /// Sums that `body` adds up from zero.
  private static func sums(_ shape: Shape, _ body: (UnsafeMutableBufferPointer<Double>) -> Void) -> HostTensor
  {
    HostTensor(shape: shape) { (result: UnsafeMutableBufferPointer<Double>) in
      result.initialize(repeating: 0)
      body(result)
    }
  }
}

// MARK: Windows

extension ReferenceKernels {
  /// Where the taps of a window meet an image.
  private struct Windows {
    let kernel: IntPair
    let stride: IntPair
    let padding: IntPair
    let dilation: IntPair
    let image: Shape
    let result: Shape

    /// Calls `body` with the offset in the image's plane and the tap of every pixel under the window at a place.
    func pixels(_ row: Int, _ column: Int, _ body: (_ offset: Int, _ tap: Int) -> Void) {
      for y in 0..<kernel.height {
        let top = row * stride.height - padding.height + y * dilation.height
        guard (0..<image[2]).contains(top) else { continue }
        for x in 0..<kernel.width {
          let left = column * stride.width - padding.width + x * dilation.width
          guard (0..<image[3]).contains(left) else { continue }
          body(top * image[3] + left, y * kernel.width + x)
        }
      }
    }
  }

  private static func windows(_ pooling: Pooling, _ image: Shape, _ result: Shape) -> Windows {
    Windows(
      kernel: pooling.kernel, stride: pooling.stride, padding: pooling.padding, dilation: pooling.dilation,
      image: image, result: result)
  }

  /// Visits every product of a convolution: offsets of pixel, weight and result.
  private static func products(
    _ settings: Convolution, image: Shape, weights: Shape, result: Shape,
    _ body: (_ pixel: Int, _ weight: Int, _ result: Int) -> Void
  ) {
    let windows = Windows(
      kernel: IntPair(weights[2], weights[3]), stride: settings.stride, padding: settings.padding,
      dilation: settings.dilation, image: image, result: result)
    let (plane, places, taps) = (image[2] * image[3], result[2] * result[3], weights[2] * weights[3])
    let perGroup = weights[0] / settings.groups
    for n in 0..<image[0] {
      for output in 0..<weights[0] {
        for place in 0..<places {
          let (row, column) = place.quotientAndRemainder(dividingBy: result[3])
          let at = (n * weights[0] + output) * places + place
          windows.pixels(row, column) { offset, tap in
            for input in 0..<weights[1] {
              let channel = output / perGroup * weights[1] + input
              body((n * image[1] + channel) * plane + offset, (output * weights[1] + input) * taps + tap, at)
            }
          }
        }
      }
    }
  }

  static func convolutionImageGradient(
    _ settings: Convolution, _ gradient: HostTensor, _ weights: HostTensor, _ shape: Shape
  ) -> HostTensor {
    let (g, w) = (gradient.scalars(as: Double.self), weights.scalars(as: Double.self))
    return sums(shape) { sum in
      products(settings, image: shape, weights: weights.shape, result: gradient.shape) {
        sum[$0] += g[$2] * w[$1]
      }
    }
  }

  static func convolutionWeightGradient(
    _ settings: Convolution, _ image: HostTensor, _ gradient: HostTensor, _ shape: Shape
  ) -> HostTensor {
    let (x, g) = (image.scalars(as: Double.self), gradient.scalars(as: Double.self))
    return sums(shape) { sum in
      products(settings, image: image.shape, weights: shape, result: gradient.shape) {
        sum[$1] += g[$2] * x[$0]
      }
    }
  }

  /// The first of equal pixels takes the gradient, as in PyTorch.
  static func maxPoolGradient(_ image: HostTensor, _ gradient: HostTensor, _ pooling: Pooling) -> HostTensor {
    let (x, g) = (image.scalars(as: Double.self), gradient.scalars(as: Double.self))
    let windows = windows(pooling, image.shape, gradient.shape)
    return sums(image.shape) { sum in
      everyPlace(gradient.shape, image.shape) { plane, row, column, at in
        var best: Int?
        windows.pixels(row, column) { offset, _ in
          if let known = best, !(x[plane + offset] > x[plane + known] || x[plane + offset].isNaN) { return }
          best = offset
        }
        if let best { sum[plane + best] += g[at] }
      }
    }
  }

  static func averagePoolGradient(_ gradient: HostTensor, _ pooling: Pooling, _ shape: Shape) -> HostTensor {
    let g = gradient.scalars(as: Double.self)
    let windows = windows(pooling, shape, gradient.shape)
    return sums(shape) { sum in
      everyPlace(gradient.shape, shape) { plane, row, column, at in
        var count = 0
        windows.pixels(row, column) { _, _ in count += 1 }
        if pooling.countsPadding {
          // The border counts, what ceiling mode reaches beyond it does not.
          let top = row * pooling.stride.height - pooling.padding.height
          let left = column * pooling.stride.width - pooling.padding.width
          let bottom = min(top + pooling.kernel.height, shape[2] + pooling.padding.height)
          count = (bottom - top) * (min(left + pooling.kernel.width, shape[3] + pooling.padding.width) - left)
        }
        let share = g[at] / Double(pooling.divisor ?? max(count, 1))
        windows.pixels(row, column) { offset, _ in sum[plane + offset] += share }
      }
    }
  }

  static func adaptiveAveragePoolGradient(_ gradient: HostTensor, _ shape: Shape) -> HostTensor {
    let g = gradient.scalars(as: Double.self)
    let (height, width) = (gradient.shape[2], gradient.shape[3])
    return sums(shape) { sum in
      everyPlace(gradient.shape, shape) { plane, row, column, at in
        let rows = row * shape[2] / height..<((row + 1) * shape[2] - 1) / height + 1
        let columns = column * shape[3] / width..<((column + 1) * shape[3] - 1) / width + 1
        let share = g[at] / Double(rows.count * columns.count)
        for y in rows { for x in columns { sum[plane + y * shape[3] + x] += share } }
      }
    }
  }

  /// Visits the places of a pooled image with the offset of their plane in the image.
  private static func everyPlace(
    _ result: Shape, _ image: Shape, _ body: (_ plane: Int, _ row: Int, _ column: Int, _ at: Int) -> Void
  ) {
    var at = 0
    for plane in 0..<result[0] * result[1] {
      for row in 0..<result[2] {
        for column in 0..<result[3] {
          body(plane * image[2] * image[3], row, column, at)
          at += 1
        }
      }
    }
  }
}

// MARK: Element by element and normalisation

extension ReferenceKernels {
  static func activationGradient(
    _ function: Activation, _ operand: HostTensor, _ gradient: HostTensor
  ) throws(StrataError) -> HostTensor {
    let x = operand.scalars(as: Double.self)
    let slopes = HostTensor(x.map { slope(of: function, at: $0) }, shape: operand.shape)
    return try binary(.multiply, slopes, gradient.converted(to: .float64), operand.shape)
  }

  private static func slope(of function: Activation, at x: Double) -> Double {
    switch function {
    case .relu: return x > 0 ? 1 : 0
    case .relu6: return x > 0 && x < 6 ? 1 : 0
    case .leakyReLU(let slope): return x > 0 ? 1 : slope
    case .hardsigmoid: return x > -3 && x < 3 ? 1 / 6 : 0
    case .hardswish: return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5
    case .sigmoid:
      let y = 1 / (1 + exp(-x))
      return y * (1 - y)
    case .silu:
      let y = 1 / (1 + exp(-x))
      return y * (1 + x * (1 - y))
    case .tanh:
      let y = tanh(x)
      return 1 - y * y
    case .gelu(tanhApproximation: false):
      return erfc(-x * 0.5.squareRoot()) / 2 + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot()
    case .gelu(tanhApproximation: true):
      let scale = (2 / Double.pi).squareRoot()
      let y = tanh(scale * (x + 0.044715 * x * x * x))
      return (1 + y) / 2 + x / 2 * (1 - y * y) * scale * (1 + 3 * 0.044715 * x * x)
    }
  }

  static func batchNormGradient(
    _ part: BatchNormPart, _ operands: [HostTensor], _ epsilon: Double, _ isAffine: Bool
  ) -> HostTensor {
    let shape = operands[0].shape
    let values = operands.map { $0.scalars(as: Double.self) }
    let (x, g, mean, variance) = (values[0], values[1], values[2], values[3])
    let (channels, inner) = (shape[1], shape.dropFirst(2).reduce(1, *))
    let count = Double(shape[0] * inner)
    var sum = [Double](repeating: 0, count: channels)
    var product = sum
    let deviation = variance.map { 1 / ($0 + epsilon).squareRoot() }
    func visit(_ body: (_ index: Int, _ channel: Int, _ normal: Double) -> Void) {
      for block in 0..<shape[0] * channels {
        let channel = block % channels
        for index in block * inner..<(block + 1) * inner {
          body(index, channel, (x[index] - mean[channel]) * deviation[channel])
        }
      }
    }
    visit { index, channel, normal in
      sum[channel] += g[index]
      product[channel] += g[index] * normal
    }
    switch part {
    case .bias: return HostTensor(sum)
    case .weight: return HostTensor(product)
    case .image:
      let weight = isAffine ? values[4] : [Double](repeating: 1, count: channels)
      return sums(shape) { result in
        visit { index, channel, normal in
          let centred = g[index] - (sum[channel] + normal * product[channel]) / count
          result[index] = centred * weight[channel] * deviation[channel]
        }
      }
    }
  }
}
