import StrataCore
import Synchronization

/// Which part of a graph gradients compute again.
enum Recomputation {
  @TaskLocal static var current = 0
  private static let last = Atomic(0)

  static func next() -> Int { last.add(1, ordering: .relaxed).newValue }
}

/// Builds a part of a graph whose values gradients compute again, so that they need not be kept from the way
/// forward to the way back (`torch.utils.checkpoint`; Chen et al. 2016, https://arxiv.org/abs/1604.06174).
///
/// What `body` returns and what it reads from outside is kept; what lies between is not. Random numbers are the same
/// both times, and statistics are renewed once.
public func recomputed<Result>(_ body: () throws -> Result) rethrows -> Result {
  try Recomputation.$current.withValue(Recomputation.next(), operation: body)
}
