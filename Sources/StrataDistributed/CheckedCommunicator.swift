import StrataCore

/// Compares what all processes ask for before each collective, so that processes that have come to disagree end
/// with the reason instead of waiting for each other or summing up the wrong numbers.
///
/// It costs a message between all processes for each collective: for tests, debug builds and
/// `STRATA_CHECK_COLLECTIVES=1`.
public final class CheckedCommunicator: Communicator {
  private let base: any Communicator
  private let count = Monitor(0)

  /// Wraps a communicator.
  public init(_ base: any Communicator) { self.base = base }

  /// Which process this one is.
  public var rank: Int { base.rank }
  /// How many there are.
  public var size: Int { base.size }
  /// Which process of its host this one is.
  public var localRank: Int { base.localRank }
  /// How many run on this host.
  public var localSize: Int { base.localSize }

  /// Begins the collective where all ask for the same one.
  public func begin(
    _ collective: Collective, on memory: UnsafeMutableRawPointer, lane: Lane, label: String
  ) throws(StrataError) -> any PendingCollective {
    let number = count.withLock { count -> Int in
      count += 1
      return count
    }
    let own = CheckedCommunicator.encoded("\(label): \(collective)")
    let all = try base.allGather(own, label: "check of collective \(number)")
    if let other = all.indices.first(where: { all[$0] != all[0] }) {
      throw StrataError(
        .communication,
        "the ranks disagree at collective \(number): rank 0 asks for \(CheckedCommunicator.decoded(all[0])), "
          + "rank \(other) for \(CheckedCommunicator.decoded(all[other]))")
    }
    return try base.begin(collective, on: memory, lane: lane, label: label)
  }

  /// Ends all processes.
  public func abort(_ reason: String, status: Int32) -> Never { base.abort(reason, status: status) }

  /// Takes leave.
  public func finish() throws(StrataError) { try base.finish() }

  private static let words = 16

  /// The first 128 bytes of a text as numbers.
  private static func encoded(_ text: String) -> [Int64] {
    let bytes = Array(text.utf8.prefix(words * 8)) + [UInt8](repeating: 0, count: words * 8)
    return (0..<words).map { word in
      (0..<8).reduce(Int64(0)) { $0 << 8 | Int64(bytes[word * 8 + $1]) }
    }
  }

  private static func decoded(_ numbers: [Int64]) -> String {
    let bytes = numbers.flatMap { number in (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
    }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
