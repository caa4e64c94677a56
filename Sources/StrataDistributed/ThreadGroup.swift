import StrataCore

/// Ranks that are threads of one process: what MPI's ranks do, without MPI, for tests and for trying things out.
///
/// Sums are made in the order of ranks, so every rank gets the same bits.
public final class ThreadGroup: Sendable {
  /// How many ranks there are.
  public let size: Int
  private let limit: Duration
  private let monitor = Monitor(State())

  private struct State: Sendable {
    /// The collectives of each lane that not all ranks have fetched, by their number.
    var meetings: [Place: Meeting] = [:]
    var failure: StrataError?
  }

  private struct Place: Hashable {
    let lane: Lane
    let number: Int
  }

  /// `@unchecked Sendable` holds because the memory is touched by the last rank to come alone, while the others
  /// wait for it.
  private struct Meeting: @unchecked Sendable {
    var first: (rank: Int, collective: Collective, label: String)
    var memories: [Int: UnsafeMutableRawPointer] = [:]
    var end: ContinuousClock.Instant?
    var fetched = 0
  }

  /// Creates a group.
  ///
  /// - Parameter limit: how long a rank waits for the others.
  public init(size: Int, limit: Duration = .seconds(60)) {
    precondition(size > 0, "a group has 1 rank or more, not \(size)")
    self.size = size
    self.limit = limit
  }

  /// Runs `body` once for each rank, each on a thread of its own, and returns what they give, in the order of
  /// ranks. Where some fail, the first error stops the others at their next collective and is thrown.
  public func run<Result: Sendable>(
    _ body: @escaping @Sendable (any Communicator) throws -> Result
  ) throws -> [Result] {
    let results = Monitor([Int: Swift.Result<Result, any Error>]())
    for rank in 0..<size {
      try Thread.start { [self] in
        let result = Swift.Result { try body(Member(group: self, rank: rank)) }
        if case .failure(let error) = result {
          fail(error as? StrataError ?? StrataError(.communication, "rank \(rank) failed: \(error)"))
        }
        results.withLock { $0[rank] = result }
        results.announce()
      }
    }
    let all = results.wait { [size] in $0.count == size ? $0 : nil }
    if let failure = monitor.withLock({ $0.failure }) { throw failure }
    return try (0..<size).compactMap { try all[$0]?.get() }
  }

  fileprivate func fail(_ error: StrataError) {
    monitor.withLock { if $0.failure == nil { $0.failure = error } }
    monitor.announce()
  }

  /// Joins the meeting of a number; the last to come does what is to be done.
  fileprivate func join(
    _ collective: Collective, _ memory: UnsafeMutableRawPointer, rank: Int, lane: Lane, number: Int,
    label: String
  ) throws(StrataError) {
    let place = Place(lane: lane, number: number)
    let arrival = Arrival(memory: memory)
    let failure = monitor.withLock { [size] state -> StrataError? in
      if let failure = state.failure { return failure }
      var meeting = state.meetings[place] ?? Meeting(first: (rank, collective, label))
      let first = meeting.first
      guard first.collective == collective else {
        let error = StrataError(
          .communication,
          "the ranks disagree at collective \(number): rank \(first.rank) asks for a \(first.collective) "
            + "(\(first.label)), rank \(rank) for a \(collective) (\(label))")
        state.failure = error
        return error
      }
      meeting.memories[rank] = arrival.memory
      if meeting.memories.count == size {
        collective.perform((0..<size).compactMap { meeting.memories[$0] })
        meeting.end = .now
      }
      state.meetings[place] = meeting
      return nil
    }
    monitor.announce()
    if let failure { throw failure }
  }

  private struct Arrival: @unchecked Sendable { let memory: UnsafeMutableRawPointer }

  fileprivate func wait(lane: Lane, number: Int) throws(StrataError) -> ContinuousClock.Instant {
    let place = Place(lane: lane, number: number)
    let outcome = monitor.wait(atMost: limit) {
      [size] state -> Result<ContinuousClock.Instant, StrataError>? in
      if let end = state.meetings[place]?.end {
        state.meetings[place]?.fetched += 1
        if state.meetings[place]?.fetched == size { state.meetings[place] = nil }
        return .success(end)
      }
      return state.failure.map { .failure($0) }
    }
    guard let outcome else {
      let error = monitor.withLock { [size] state -> StrataError in
        let meeting = state.meetings[place]
        let missing = (0..<size).filter { meeting?.memories[$0] == nil }.map { "\($0)" }
        return StrataError(
          .communication,
          "no answer within \(limit) from rank \(missing.joined(separator: ", ")) for \(meeting?.first.label ?? "")"
        )
      }
      fail(error)
      throw error
    }
    return try outcome.get()
  }

  fileprivate func isDone(lane: Lane, number: Int) -> Bool {
    monitor.withLock { $0.meetings[Place(lane: lane, number: number)]?.end != nil }
  }
}

/// One rank of a group.
private final class Member: Communicator {
  let group: ThreadGroup
  let rank: Int
  private let begun = Monitor([Lane: Int]())

  init(group: ThreadGroup, rank: Int) {
    self.group = group
    self.rank = rank
  }

  var size: Int { group.size }
  var localRank: Int { rank }
  var localSize: Int { group.size }

  func begin(
    _ collective: Collective, on memory: UnsafeMutableRawPointer, lane: Lane, label: String
  ) throws(StrataError) -> any PendingCollective {
    let number = begun.withLock { counts -> Int in
      counts[lane, default: 0] += 1
      return counts[lane, default: 0]
    }
    try group.join(collective, memory, rank: rank, lane: lane, number: number, label: label)
    return Attendance(group: group, lane: lane, number: number)
  }

  /// Threads cannot be ended from outside; the others fail at their next collective.
  func abort(_ reason: String, status: Int32) -> Never { preconditionFailure(reason) }

  func finish() throws(StrataError) { try barrier("the end") }
}

/// A rank's part in a collective.
private final class Attendance: PendingCollective {
  private let group: ThreadGroup
  private let lane: Lane
  private let number: Int
  private let finished = Monitor<ContinuousClock.Instant?>(nil)

  init(group: ThreadGroup, lane: Lane, number: Int) {
    self.group = group
    self.lane = lane
    self.number = number
  }

  var end: ContinuousClock.Instant? { finished.withLock { $0 } }
  var isDone: Bool { end != nil || group.isDone(lane: lane, number: number) }

  func wait() throws(StrataError) {
    guard end == nil else { return }
    let end = try group.wait(lane: lane, number: number)
    finished.withLock { $0 = end }
  }
}

extension Collective {
  /// Does the operation on the memories of all ranks.
  fileprivate func perform(_ memories: [UnsafeMutableRawPointer]) {
    switch kind {
    case .barrier: break
    case .broadcast(let root):
      for memory in memories where memory != memories[root] {
        memory.copyMemory(from: memories[root], byteCount: count * element.byteCount)
      }
    case .allGather:
      let size = count * element.byteCount
      for (rank, source) in memories.enumerated() {
        for memory in memories where memory != source {
          (memory + rank * size).copyMemory(from: source + rank * size, byteCount: size)
        }
      }
    case .allReduce(let combination):
      switch element {
      case .float32: combine(memories, Float.self, combination.function())
      case .float64: combine(memories, Double.self, combination.function())
      case .int64: combine(memories, Int64.self, combination.integerFunction)
      case .bfloat16:
        let function: (Float, Float) -> Float = combination.function()
        combine(memories, UInt16.self) { a, b in
          BFloat16Bits.narrowed(function(BFloat16Bits.widened(a), BFloat16Bits.widened(b)))
        }
      case .byte: combine(memories, UInt8.self) { a, b in combination == .maximum ? max(a, b) : min(a, b) }
      }
    }
  }

  private func combine<Scalar>(
    _ memories: [UnsafeMutableRawPointer], _ type: Scalar.Type, _ function: (Scalar, Scalar) -> Scalar
  ) {
    let rows = memories.map { $0.assumingMemoryBound(to: type) }
    for index in 0..<count {
      var value = rows[0][index]
      for row in rows.dropFirst() { value = function(value, row[index]) }
      for row in rows { row[index] = value }
    }
  }
}

extension Collective.Combination {
  fileprivate func function<Scalar: FloatingPoint>() -> (Scalar, Scalar) -> Scalar {
    switch self {
    case .sum: { $0 + $1 }
    case .maximum: { max($0, $1) }
    case .minimum: { min($0, $1) }
    }
  }

  fileprivate var integerFunction: (Int64, Int64) -> Int64 {
    switch self {
    case .sum: { $0 &+ $1 }
    case .maximum: { max($0, $1) }
    case .minimum: { min($0, $1) }
    }
  }
}

/// The upper half of a 32-bit float.
enum BFloat16Bits {
  @inline(__always)
  static func widened(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

  /// Rounds to the nearest, ties to even; what is not a number stays none.
  @inline(__always)
  static func narrowed(_ value: Float) -> UInt16 {
    let wide = value.bitPattern
    if wide & 0x7fff_ffff > 0x7f80_0000 { return UInt16(wide >> 16) | 0x40 }
    return UInt16((wide &+ 0x7fff &+ ((wide >> 16) & 1)) >> 16)
  }
}
