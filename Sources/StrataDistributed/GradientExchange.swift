import StrataCore
import StrataGraph
import StrataRuntime

/// Sums gradients over all processes, in buckets that travel while the backward pass goes on.
///
/// The gradients of the last parameters are ready first, so buckets are filled from the end of the list; a large
/// gradient is cut over several. Buckets leave in the same order everywhere, whatever order a plan computes gradients
/// in.
///
///     let exchange = GradientExchange(over: communicator)
///     let sums = exchange.summed(gradients)                    // nodes of the graph, nothing is sent yet
///     try exchange.use { try Tensor.evaluate(sums) }
public final class GradientExchange: CrossRankExchange {
  /// How gradients travel.
  public enum Compression: String, Sendable, Hashable, CaseIterable {
    /// As they are, in 32 bits.
    case none
    /// Rounded to bfloat16: half the bytes, 8 bits of precision.
    case bfloat16 = "bf16"
  }

  /// The size that buckets get where nothing else is said.
  public static let defaultBucketSize = 4 << 20

  /// The processes.
  public let communicator: any Communicator
  /// How gradients travel.
  public let compression: Compression
  /// Bytes, as they travel, at which a bucket is full.
  public let bucketSize: Int

  private let monitor = Monitor(State())

  private struct State: Sendable {
    var buckets = GradientBuckets([], bucketSize: 1, compression: .none)
    var filled: [Int] = []
    var fetched: [Int] = []
    var pending: [(any PendingCollective)?] = []
    var starts: [ContinuousClock.Instant?] = []
    var next = 0
    /// What has come back in the step that is under way.
    var journeys: [Journey] = []
    var statistics = Statistics()

    /// Begins with empty buckets.
    mutating func lay(_ buckets: GradientBuckets) {
      self.buckets = buckets
      let count = buckets.all.count
      filled = Array(repeating: 0, count: count)
      fetched = filled
      pending = Array(repeating: nil, count: count)
      starts = Array(repeating: nil, count: count)
      next = 0
    }
  }

  /// A bucket that left and came back.
  package struct Journey: Sendable {
    let start: ContinuousClock.Instant
    let end: ContinuousClock.Instant
    let byteCount: Int

    package init(start: ContinuousClock.Instant, end: ContinuousClock.Instant, byteCount: Int) {
      self.start = start
      self.end = end
      self.byteCount = byteCount
    }
  }

  /// Where the time of communication went, since the last `takeStatistics()`.
  public struct Statistics: Sendable, Hashable {
    /// Buckets that came back.
    public var buckets = 0
    /// Bytes that this process sent on their way.
    public var bytes = 0
    /// From when a bucket left until it was back, summed over buckets; times when several travel count once.
    public var underWay = Duration.zero
    /// Of that, what the program waited for with nothing to compute.
    public var waited = Duration.zero
    /// Copying gradients into buckets and out of them.
    public var copied = Duration.zero

    /// Nothing yet.
    public init() {}

    /// Adds the journeys of a step.
    package mutating func add(_ journeys: [Journey]) {
      var free: ContinuousClock.Instant?
      for journey in journeys.sorted(by: { $0.start < $1.start }) {
        let start = max(journey.start, free ?? journey.start)
        if journey.end > start { underWay += journey.end - start }
        free = max(journey.end, start)
        buckets += 1
        bytes += journey.byteCount
      }
    }

    /// The part of communication that was not hidden behind computation.
    public var exposedShare: Double {
      underWay > .zero ? waited / underWay : 0
    }
  }

  /// Creates an exchange.
  ///
  /// - Parameter bucketSize: bytes, as they travel, at which a bucket is full.
  public init(
    over communicator: any Communicator, bucketSize: Int = defaultBucketSize, compression: Compression = .none
  ) {
    self.communicator = communicator
    self.compression = compression
    self.bucketSize = bucketSize
  }

  /// The sums of gradients over all processes, as nodes of the graph. They must be evaluated together, in `use`,
  /// before others are asked for.
  public func summed(_ gradients: [Tensor]) -> [Tensor] {
    guard communicator.size > 1 else { return gradients }
    let types = gradients.map { TensorType($0.shape, $0.dtype) }
    monitor.withLock { state in
      // Parameters may be frozen or set free between steps; the buckets are then other ones.
      if state.buckets.types != types {
        state.lay(GradientBuckets(types, bucketSize: bucketSize, compression: compression))
      }
    }
    return Tensor.summedOverRanks(gradients)
  }

  /// Bytes of each bucket, as it travels, of the gradients that were last asked for.
  public var bucketSizes: [Int] {
    let width = compression.element.byteCount
    return monitor.withLock { $0.buckets.all.map { $0.count * width } }
  }

  /// Evaluates graphs whose sums over processes this exchange makes.
  public func use<Result>(_ body: () throws -> Result) rethrows -> Result {
    try Engine.$crossRank.withValue(self, operation: body)
  }

  /// What was measured since this was last asked.
  public func takeStatistics() -> Statistics {
    monitor.withLock { state in
      defer { state.statistics = Statistics() }
      return state.statistics
    }
  }

  // MARK: What graphs ask for

  /// Sums values over all processes at once.
  public func sum(_ values: UnsafeMutableBufferPointer<Float>) throws(StrataError) {
    guard communicator.size > 1, let start = values.baseAddress, !values.isEmpty else { return }
    try communicator.perform(
      Collective(.allReduce(.sum), .float32, count: values.count), on: start, label: "sum in the network")
  }

  /// Puts a gradient into its buckets, each of which leaves when it is full.
  public func contribute(_ part: Int, _ values: UnsafeBufferPointer<Float>) throws(StrataError) {
    let buckets = monitor.withLock { $0.buckets }
    for piece in try buckets.pieces(part, count: values.count) {
      let start = ContinuousClock.now
      compression.pack(
        UnsafeBufferPointer(rebasing: values[piece.range]), into: buckets.all[piece.bucket].memory.pointer,
        at: piece.offset)
      let ready = monitor.withLock { state -> Range<Int> in
        state.filled[piece.bucket] += 1
        state.statistics.copied += .now - start
        let first = state.next
        while state.next < buckets.all.count, state.filled[state.next] == buckets.all[state.next].pieces {
          state.next += 1
        }
        return first..<state.next
      }
      for index in ready { try send(index, buckets.all[index]) }
    }
  }

  private func send(_ index: Int, _ bucket: GradientBuckets.Bucket) throws(StrataError) {
    let pending = try communicator.begin(
      Collective(.allReduce(.sum), compression.element, count: bucket.count), on: bucket.memory.pointer,
      lane: .gradients, label: "gradients, bucket \(index)")
    monitor.withLock {
      $0.pending[index] = pending
      $0.starts[index] = .now
    }
  }

  /// Waits for a gradient's buckets and copies the sum out of them.
  public func collect(_ part: Int, into values: UnsafeMutableBufferPointer<Float>) throws(StrataError) {
    let buckets = monitor.withLock { $0.buckets }
    for piece in try buckets.pieces(part, count: values.count) {
      let bucket = buckets.all[piece.bucket]
      guard let pending = monitor.withLock({ $0.pending[piece.bucket] }) else {
        throw StrataError(
          .communication, "gradient \(part) is asked for before all of its bucket were computed")
      }
      let before = ContinuousClock.now
      if pending.end == nil { try pending.wait() }
      let after = ContinuousClock.now
      compression.unpack(
        bucket.memory.pointer, at: piece.offset,
        into: UnsafeMutableBufferPointer(rebasing: values[piece.range]))
      let end = pending.end ?? after
      let byteCount = bucket.count * compression.element.byteCount
      monitor.withLock { state in
        if state.fetched[piece.bucket] == 0, let start = state.starts[piece.bucket] {
          state.journeys.append(Journey(start: start, end: end, byteCount: byteCount))
        }
        state.statistics.waited += after - before
        state.statistics.copied += .now - after
        state.fetched[piece.bucket] += 1
        guard state.fetched[piece.bucket] == bucket.pieces else { return }
        state.fetched[piece.bucket] = 0
        state.filled[piece.bucket] = 0
        state.pending[piece.bucket] = nil
        // A step ends when the last bucket has been read; then the order begins anew.
        guard state.next == buckets.all.count, state.filled.allSatisfy({ $0 == 0 }) else { return }
        state.next = 0
        state.statistics.add(state.journeys)
        state.journeys = []
      }
    }
  }
}

/// Where each gradient of a list travels.
///
/// `@unchecked Sendable` holds because a bucket's memory is filled before it leaves, by the thread that runs the
/// step, and read after it has come back.
final class GradientBuckets: @unchecked Sendable {
  /// What of a gradient one bucket takes.
  struct Piece {
    let bucket: Int
    /// Where in the bucket it begins.
    let offset: Int
    /// What it is of the gradient.
    let range: Range<Int>
  }

  struct Bucket {
    let memory: Buffer
    let count: Int
    let pieces: Int
  }

  let types: [TensorType]
  let all: [Bucket]
  private let parts: [[Piece]]

  /// The gradients, one behind the other from the last one on, are cut wherever a bucket is full.
  init(_ types: [TensorType], bucketSize: Int, compression: GradientExchange.Compression) {
    self.types = types
    let width = compression.element.byteCount
    let capacity = max(bucketSize / width, 1)
    var parts = [[Piece]](repeating: [], count: types.count)
    var layout: [(count: Int, pieces: Int)] = []
    for index in types.indices.reversed() {
      let count = types[index].shape.elementCount
      var start = 0
      while start < count {
        if layout.isEmpty || layout[layout.count - 1].count == capacity { layout.append((0, 0)) }
        let last = layout.count - 1
        let end = min(count, start + capacity - layout[last].count)
        parts[index].append(Piece(bucket: last, offset: layout[last].count, range: start..<end))
        layout[last].count += end - start
        layout[last].pieces += 1
        start = end
      }
    }
    self.parts = parts
    all = layout.map {
      Bucket(memory: Buffer(byteCount: $0.count * width), count: $0.count, pieces: $0.pieces)
    }
  }

  func pieces(_ part: Int, count: Int) throws(StrataError) -> [Piece] {
    guard parts.indices.contains(part), (parts[part].last?.range.upperBound ?? 0) == count else {
      throw StrataError(
        .communication, "gradient \(part) with \(count) numbers is not one that was announced")
    }
    return parts[part]
  }
}

extension GradientExchange.Compression {
  var element: Collective.Element {
    switch self {
    case .none: .float32
    case .bfloat16: .bfloat16
    }
  }

  func pack(_ values: UnsafeBufferPointer<Float>, into memory: UnsafeMutableRawPointer, at offset: Int) {
    guard let source = values.baseAddress else { return }
    let target = memory + offset * element.byteCount
    switch self {
    case .none: target.copyMemory(from: source, byteCount: values.count * 4)
    case .bfloat16:
      let bits = target.assumingMemoryBound(to: UInt16.self)
      for index in 0..<values.count { bits[index] = BFloat16Bits.narrowed(source[index]) }
    }
  }

  func unpack(
    _ memory: UnsafeMutableRawPointer, at offset: Int, into values: UnsafeMutableBufferPointer<Float>
  ) {
    guard let target = values.baseAddress else { return }
    let source = memory + offset * element.byteCount
    switch self {
    case .none: UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: values.count * 4)
    case .bfloat16:
      let bits = source.assumingMemoryBound(to: UInt16.self)
      for index in 0..<values.count { target[index] = BFloat16Bits.widened(bits[index]) }
    }
  }
}
