import Dispatch

/// Work on all cores for the few loops outside the engine that are long enough: filling and converting tensors.
package enum Parallel {
  /// Calls `body` with consecutive ranges that cover `0..<count`, each of at most `grain` elements,
  /// several at a time. Which thread takes a range is not determined, so no result may depend on it.
  package static func forEachRange(of count: Int, grain: Int, _ body: @Sendable (Range<Int>) -> Void) {
    let pieces = (count + grain - 1) / grain
    guard pieces > 1 else {
      if count > 0 { body(0..<count) }
      return
    }
    DispatchQueue.concurrentPerform(iterations: pieces) { piece in
      body(piece * grain..<min(count, (piece + 1) * grain))
    }
  }
}
