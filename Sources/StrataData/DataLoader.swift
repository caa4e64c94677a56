import StrataCore
import Synchronization

/// Batches of a data set, read ahead by threads of its own: `torch.utils.data.DataLoader`.
///
///     while let batch = try loader.next() { … }   // one epoch; the next call begins the next one
///
/// The batches depend on data, transforms, batch size, seed and epoch alone: neither on the number of threads
/// nor on whether the run was resumed.
public final class DataLoader: Sendable {
  /// Where the examples come from.
  public let dataset: any Dataset
  /// How many examples a batch has; over all processes, where each takes a part of every batch.
  public let batchSize: Int
  /// Whether a smaller batch at the end of an epoch is left out.
  public let dropLast: Bool
  /// How many batches an epoch has.
  public let batchCount: Int
  /// How many examples of the epoch are given out by this loader; by those of all processes, where each takes a part
  /// of every batch.
  public let epochCount: Int

  private let order: SampleOrder
  /// The part of each batch that is given out.
  private let part: Shard
  private let maker: BatchMaker
  private let prefetch: Int
  private let pipeline: LoaderPipeline?
  private let cursor: Mutex<Cursor>

  private struct Cursor {
    var state: LoaderState
    /// Up to where batches are ordered.
    var ordered: Int
    /// The epoch's examples, once they are needed.
    var indices: [Int]?
  }

  /// Creates a loader.
  ///
  /// - Parameters:
  ///   - transform: what is done to each sample; by default bytes become numbers from 0 to 1.
  ///   - batchTransform: what is done to each batch, such as `Mixup`.
  ///   - workers: threads that read ahead, by default one a core; 0 reads when `next()` is called.
  ///   - prefetch: how many batches are read ahead.
  ///   - shard: the part that this of several processes takes.
  ///   - state: where to begin: the seed, or the state that another loader was left in.
  public init(
    _ dataset: any Dataset, batchSize: Int, sampling: Sampling = .sequential, dropLast: Bool = false,
    transform: any Transform = ToTensor(), batchTransform: (any BatchTransform)? = nil,
    workers: Int? = nil, prefetch: Int = 2, shard: Shard = .whole, state: LoaderState = LoaderState()
  ) throws(StrataError) {
    guard dataset.count > 0 else { throw StrataError(.argument, "the data set has no examples") }
    guard batchSize > 0 else {
      throw StrataError(.argument, "a batch has 1 example or more, not \(batchSize)")
    }
    guard (0...1024).contains(workers ?? 0) else {
      throw StrataError(.argument, "a loader has 0 to 1024 threads, not \(workers ?? 0)")
    }
    guard prefetch > 0 else { throw StrataError(.argument, "1 batch or more is read ahead, not \(prefetch)") }
    part = shard.cut == .batches ? shard : .whole
    order = try SampleOrder(dataset, sampling, shard.cut == .epoch ? shard : .whole, dropLast: dropLast)
    maker = BatchMaker(
      dataset: dataset, transform: transform, batchTransform: batchTransform, repeats: order.repeats)
    let count = order.epochCount
    epochCount = dropLast ? count / batchSize * batchSize : count
    batchCount = (epochCount + batchSize - 1) / batchSize
    guard batchCount > 0 else {
      throw StrataError(.argument, "\(count) examples do not fill a batch of \(batchSize)")
    }
    (self.dataset, self.batchSize, self.dropLast, self.prefetch) = (dataset, batchSize, dropLast, prefetch)
    try Self.check(state, epochCount)
    cursor = Mutex(Cursor(state: state, ordered: state.position))
    let workers = workers ?? Thread.cores
    pipeline = workers > 0 ? try LoaderPipeline(maker, workers: workers) : nil
  }

  deinit { pipeline?.stop() }

  /// Where the loader is: after the last batch that it gave out. A loader that begins there goes on as this one.
  public var state: LoaderState { cursor.withLock { $0.state } }

  /// Goes elsewhere: on from a state, or to the beginning of any epoch.
  public func restore(_ state: LoaderState) throws(StrataError) {
    try Self.check(state, epochCount)
    cursor.withLock { cursor in
      pipeline?.reset()
      cursor = Cursor(state: state, ordered: state.position)
    }
  }

  /// The next batch of the epoch, or nil at its end, after which the next epoch begins.
  ///
  /// After an error the loader is where it was: the next call tries the same batch again.
  public func next() throws(StrataError) -> Batch? {
    let result = cursor.withLock { cursor in
      Result { () throws(StrataError) in try next(&cursor) }
    }
    return try result.get()
  }

  private func next(_ cursor: inout Cursor) throws(StrataError) -> Batch? {
    guard cursor.state.position < epochCount else {
      let state = LoaderState(seed: cursor.state.seed, epoch: cursor.state.epoch + 1)
      cursor = Cursor(state: state, ordered: 0)
      return nil
    }
    guard let pipeline else {
      let request = request(&cursor, from: cursor.state.position)
      let batch = try maker.batch(request)
      cursor.state.position += batch.total
      return batch
    }
    readAhead(&cursor, pipeline)
    do throws(StrataError) {
      let batch = try pipeline.next()
      cursor.state.position += batch.total
      readAhead(&cursor, pipeline)
      return batch
    } catch {
      pipeline.reset()
      cursor.ordered = cursor.state.position
      throw error
    }
  }

  private func readAhead(_ cursor: inout Cursor, _ pipeline: LoaderPipeline) {
    var waiting = pipeline.count
    while waiting < prefetch, cursor.ordered < epochCount {
      let request = request(&cursor, from: cursor.ordered)
      pipeline.submit(request)
      cursor.ordered += request.total
      waiting += 1
    }
  }

  private func request(_ cursor: inout Cursor, from position: Int) -> BatchRequest {
    let indices = cursor.indices ?? order.indices(cursor.state)
    cursor.indices = indices
    var state = cursor.state
    state.position = position
    return BatchRequest(
      state: state, batch: indices[position..<min(position + batchSize, epochCount)], part: part)
  }

  private static func check(_ state: LoaderState, _ count: Int) throws(StrataError) {
    guard state.epoch >= 0, (0...count).contains(state.position) else {
      throw StrataError(
        .argument,
        "the data cannot be gone on with from example \(state.position) of epoch \(state.epoch): "
          + "an epoch has \(count) examples")
    }
  }
}

/// What remains of an epoch, for `for try await batch in loader.batches`.
public struct LoaderBatches: AsyncSequence, AsyncIteratorProtocol, Sendable {
  let loader: DataLoader

  /// Itself: the loader knows where it is.
  public func makeAsyncIterator() -> LoaderBatches { self }

  /// The next batch. No thread of Swift's pool waits for it.
  public func next() async throws -> Batch? {
    try Task.checkCancellation()
    let loader = loader
    return try await withCheckedThrowingContinuation { continuation in
      do {
        try Thread.start { continuation.resume(with: Result { try loader.next() }) }
      } catch {
        continuation.resume(throwing: error)
      }
    }
  }
}

extension DataLoader {
  /// What remains of the epoch, as an asynchronous sequence.
  public var batches: LoaderBatches { LoaderBatches(loader: self) }
}
