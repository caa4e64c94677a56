import COneDNN
import StrataCore
import StrataGraph
import StrataKernels

extension Lowering {
  /// Lowers a product of rows with a number for each, as weights are scaled by output channel where batch norm is
  /// folded: oneDNN has no vectors for that. nil for everything else.
  mutating func lowerRowScaling(
    _ node: Node, _ algorithm: dnnl_alg_kind_t, _ values: SlotID, _ factors: SlotID
  ) throws(StrataError) -> SlotID? {
    let (shape, by) = (node.type.shape, program.slots[factors].type.shape)
    guard algorithm == dnnl_binary_mul, shape.rank > 1, by.first == shape[0],
      by.dropFirst().allSatisfy({ $0 == 1 }), try isPlain(values), try isPlain(factors)
    else { return nil }
    let result = makeSlot(node.type, try Layout.plain(shape))
    let kernel = RowScaling(rows: shape[0], columns: shape.elementCount / shape[0], threads: threads)
    append(.kernel(kernel, [values, factors, result]))
    return result
  }
}

/// Multiplies each row by a number: rows, numbers, result.
private struct RowScaling: Kernel {
  let rows: Int
  let columns: Int
  let threads: Int

  var name: String { "scaling" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    let (sources, factors, targets) = (slots.floats(0), slots.floats(1), slots.floats(2))
    forRows(rows, threads: threads) { rows in
      for row in rows {
        let (source, factor, target) = (sources + row * columns, factors[row], targets + row * columns)
        for column in 0..<columns { target[column] = source[column] * factor }
      }
    }
  }
}

/// Calls `body` with parts of some rows, one on each thread of oneDNN's pool.
func forRows(_ count: Int, threads: Int, _ body: (Range<Int>) -> Void) {
  typealias Work = (rows: Int, body: (Range<Int>) -> Void)
  withoutActuallyEscaping(body) { body in
    var work: Work = (count, body)
    strata_parallel(
      Int32(threads),
      { context, thread, count in
        guard let (rows, body) = context?.assumingMemoryBound(to: Work.self).pointee else { return }
        body(rows * Int(thread) / Int(count)..<rows * (Int(thread) + 1) / Int(count))
      }, &work)
  }
}
