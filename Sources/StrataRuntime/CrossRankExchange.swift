import StrataCore
import StrataGraph

/// What computes the sums over processes that a graph asks for.
public protocol CrossRankExchange: Sendable {
  /// Sums values over all processes, in place, at once.
  func sum(_ values: UnsafeMutableBufferPointer<Float>) throws(StrataError)
  /// Takes a part that is to be summed; the values may change when the call returns.
  func contribute(_ part: Int, _ values: UnsafeBufferPointer<Float>) throws(StrataError)
  /// Waits for the sum of a part that was contributed.
  func collect(_ part: Int, into values: UnsafeMutableBufferPointer<Float>) throws(StrataError)
}

extension Engine {
  /// What sums over processes in the graphs that this task evaluates; without it a process is alone, and a sum is
  /// its only term.
  @TaskLocal public static var crossRank: (any CrossRankExchange)?

  /// Whether the batch stands in for none: the other processes make a step that this one has no examples left for,
  /// so it makes the step with numbers that do not count.
  @TaskLocal public static var batchStandsIn = false
}

extension ReferenceKernels {
  /// Waits for the sum of a gradient and puts it where the caller wants it: large ones are not copied twice.
  package static func collect(
    _ part: Int, into values: UnsafeMutableBufferPointer<Float>
  ) throws(StrataError) {
    guard let exchange = Engine.crossRank else { throw outside }
    try exchange.collect(part, into: values)
  }

  private static var outside: StrataError {
    StrataError(.engine, "gradients are summed over processes outside of an exchange")
  }

  /// What a process and the others have together.
  static func crossRank(
    _ operation: CrossRank, _ operand: HostTensor, _ shape: Shape
  ) throws(StrataError) -> HostTensor {
    guard let exchange = Engine.crossRank else {
      guard case .sum = operation else { throw outside }
      return operand
    }
    switch operation {
    case .sum:
      let result = copy(of: operand.converted(to: .float32))
      try exchange.sum(elements(of: result))
      return result
    case .contribute(let part):
      let values = operand.converted(to: .float32)
      try exchange.contribute(part, UnsafeBufferPointer(elements(of: values)))
      return .zeros(shape)
    case .collect(let part, let shape, _):
      let result = HostTensor(
        dtype: .float32, shape: shape, buffer: Buffer(byteCount: shape.elementCount * 4))
      try collect(part, into: elements(of: result))
      return result
    }
  }

  private static func copy(of value: HostTensor) -> HostTensor {
    let buffer = Buffer(byteCount: value.shape.elementCount * 4)
    buffer.pointer.copyMemory(from: value.pointer, byteCount: value.shape.elementCount * 4)
    return HostTensor(dtype: .float32, shape: value.shape, buffer: buffer)
  }

  private static func elements(of value: HostTensor) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(
      start: value.pointer.assumingMemoryBound(to: Float.self), count: value.shape.elementCount)
  }
}
