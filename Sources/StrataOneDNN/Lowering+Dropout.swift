import StrataCore
import StrataGraph

extension Lowering {
  /// Lowers dropout of 32-bit floats; nil for other types.
  mutating func lowerDropout(_ node: Node) throws(StrataError) -> SlotID? {
    guard case .dropout(let probability) = node.op, Lowering.isNative(node.type) else { return nil }
    // The numbers belong to places in row-major order.
    let x = try plainSlot(of: node.operands[0])
    let key = try plainSlot(of: node.operands[1])
    let result = makeSlot(node.type, try Layout.plain(node.type.shape))
    append(
      .kernel(Dropout(probability: probability, count: node.type.shape.elementCount), [x, key, result]))
    return result
  }
}

/// Dropout: operand, key, result.
private struct Dropout: Kernel {
  let probability: Double
  let count: Int
  var name: String { "dropout" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    let x = UnsafePointer(slots[0].assumingMemoryBound(to: Float.self))
    let words = slots[1].assumingMemoryBound(to: Int64.self)
    let result = UnsafeMutableBufferPointer(start: slots[2].assumingMemoryBound(to: Float.self), count: count)
    RandomKey(seed: UInt64(bitPattern: words[0]), stream: UInt64(bitPattern: words[1])).fillUniform(result)
    // The smallest float that is no less than the probability parts the same numbers.
    let nearest = Float(probability)
    let bound = Double(nearest) < probability ? nearest.nextUp : nearest
    let scale = probability < 1 ? 1 / (1 - probability) : 0
    for index in 0..<count {
      result[index] = Float(Double(x[index]) * (result[index] >= bound ? scale : 0))
    }
  }
}
