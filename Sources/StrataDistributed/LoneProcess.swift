import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A process alone: every collective is over at once and changes nothing.
public struct LoneProcess: Communicator {
  /// Creates it.
  public init() {}

  /// 0.
  public var rank: Int { 0 }
  /// 1.
  public var size: Int { 1 }
  /// 0.
  public var localRank: Int { 0 }
  /// 1.
  public var localSize: Int { 1 }

  /// Nothing is left to do.
  public func begin(
    _ collective: Collective, on memory: UnsafeMutableRawPointer, lane: Lane, label: String
  ) -> any PendingCollective {
    Finished(end: .now)
  }

  /// Ends the process, after the message.
  public func abort(_ reason: String, status: Int32) -> Never {
    let line = Array((reason + "\n").utf8)
    _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
    exit(status)
  }

  /// Nothing is held.
  public func finish() {}

  private struct Finished: PendingCollective {
    let end: ContinuousClock.Instant?
    var isDone: Bool { true }
    func wait() {}
  }
}
