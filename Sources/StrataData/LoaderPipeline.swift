import StrataCore

/// Threads that make the batches which will be asked for next. Each takes one sample at a time, so that all
/// work on the batch that is due.
final class LoaderPipeline: Sendable {
  private let monitor = Monitor(Work())

  /// What is to be done, and what is done.
  private struct Work: Sendable {
    /// Batches in the order in which they are wanted.
    var tickets: [Ticket] = []
    var nextNumber = 0
    var isStopped = false

    /// The first sample that nobody works on.
    mutating func take() -> Job? {
      if isStopped { return .stop }
      guard let first = tickets.firstIndex(where: { $0.taken < $0.request.indices.count }) else { return nil }
      defer { tickets[first].taken += 1 }
      return .sample(ticket: tickets[first].number, tickets[first].request, place: tickets[first].taken)
    }

    /// Notes a sample, and gives out a batch's samples with the last one. Orders may be forgotten meanwhile.
    mutating func finish(
      _ number: Int, _ place: Int, _ item: Result<BatchMaker.Item, StrataError>
    ) -> Result<[BatchMaker.Item], StrataError>? {
      guard let index = tickets.firstIndex(where: { $0.number == number }) else { return nil }
      return tickets[index].finish(place, item)
    }

    mutating func complete(_ number: Int, _ result: Result<Batch, StrataError>) {
      guard let index = tickets.firstIndex(where: { $0.number == number }) else { return }
      tickets[index].result = result
    }
  }

  /// A batch on its way.
  private struct Ticket: Sendable {
    let number: Int
    let request: BatchRequest
    var taken = 0
    var finished = 0
    var items: [BatchMaker.Item?]
    var failure: (place: Int, error: StrataError)?
    var result: Result<Batch, StrataError>?

    init(_ number: Int, _ request: BatchRequest) {
      self.number = number
      self.request = request
      items = Array(repeating: nil, count: request.indices.count)
    }

    /// Notes a sample; with the last one the samples are given out, to be put together.
    mutating func finish(
      _ place: Int, _ item: Result<BatchMaker.Item, StrataError>
    ) -> Result<[BatchMaker.Item], StrataError>? {
      finished += 1
      switch item {
      case .success(let item): items[place] = item
      // The first in order, not in time: the same error whatever the threads do.
      case .failure(let error): if place < failure?.place ?? .max { failure = (place, error) }
      }
      guard finished == items.count else { return nil }
      defer { items = [] }
      return failure.map { .failure($0.error) } ?? .success(items.compactMap { $0 })
    }
  }

  private enum Job {
    case sample(ticket: Int, BatchRequest, place: Int)
    case stop
  }

  /// Starts the threads.
  init(_ maker: BatchMaker, workers: Int) throws(StrataError) {
    let monitor = monitor
    for _ in 0..<workers {
      do throws(StrataError) {
        try Thread.start { Self.work(maker, monitor) }
      } catch {
        stop()
        throw error
      }
    }
  }

  /// Lets the threads end once they have finished what they are at.
  func stop() {
    monitor.withLock { work in
      work.isStopped = true
      work.tickets = []
    }
    monitor.announce()
  }

  /// Orders a batch.
  func submit(_ request: BatchRequest) {
    monitor.withLock { work in
      work.tickets.append(Ticket(work.nextNumber, request))
      work.nextNumber += 1
    }
    monitor.announce()
  }

  /// How many batches are ordered and not yet taken.
  var count: Int { monitor.withLock { $0.tickets.count } }

  /// Forgets all orders.
  func reset() { monitor.withLock { $0.tickets = [] } }

  /// Waits for the batch that was ordered first; one must have been.
  func next() throws(StrataError) -> Batch {
    try monitor.wait { (work: inout Work) -> Result<Batch, StrataError>? in
      guard let result = work.tickets.first?.result else { return nil }
      work.tickets.removeFirst()
      return result
    }.get()
  }

  private static func work(_ maker: BatchMaker, _ monitor: Monitor<Work>) {
    while true {
      switch monitor.wait({ $0.take() }) {
      case .stop: return
      case .sample(let number, let request, let place):
        let item = Result { () throws(StrataError) in try maker.item(request, place) }
        let whole = monitor.withLock { $0.finish(number, place, item) }
        guard let whole else { continue }
        let result = Result { () throws(StrataError) in try maker.batch(request, whole.get()) }
        monitor.withLock { $0.complete(number, result) }
        monitor.announce()
      }
    }
  }
}
