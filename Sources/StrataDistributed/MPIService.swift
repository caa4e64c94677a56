import StrataCore
import StrataMPI

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The thread that speaks to MPI: it begins collectives, moves them on, exchanges signs of life, and ends the job
/// where one of the processes does not answer.
struct MPIService {
  /// What the thread and the program share.
  struct State: Sendable {
    /// The place among the processes, once MPI has told it.
    var start: Result<strata_mpi_place, StrataError>?
    var queue: [Request] = []
    /// How many collectives were asked for.
    var begun = 0
    /// When collectives were over, by their numbers.
    var outcomes: [Int: Result<ContinuousClock.Instant, StrataError>] = [:]
    /// How many threads wait for a collective.
    var waiting = 0
    var abort: (reason: String, status: Int32)?
    var isFinishing = false
    var isFinished = false
  }

  /// `@unchecked Sendable` holds because who asks for a collective leaves the memory alone until it is over.
  struct Memory: @unchecked Sendable {
    let start: UnsafeMutableRawPointer
    init(_ start: UnsafeMutableRawPointer) { self.start = start }
  }

  struct Request: Sendable {
    let number: Int
    let collective: Collective
    let memory: Memory
    let lane: Lane
    let label: String
  }

  private struct Active {
    let request: Request
    let handle: UnsafeMutableRawPointer
    let start: ContinuousClock.Instant
  }

  private let monitor: Monitor<State>
  private let limit: Duration
  private var active: [Active] = []
  private var watch = Watch(rank: 0, size: 1, limit: .zero)
  /// When the thread last had nothing to wait for.
  private var lastProgress = ContinuousClock.now

  init(_ monitor: Monitor<State>, limit: Duration) {
    self.monitor = monitor
    self.limit = limit
  }

  consuming func serve() {
    var place = strata_mpi_place()
    let status = strata_mpi_start(&place)
    guard status == 0 else {
      let error = MPIService.error(status, "joining the other processes")
      monitor.withLock { $0.start = .failure(error) }
      monitor.announce()
      return
    }
    watch = Watch(rank: Int(place.rank), size: Int(place.size), limit: limit)
    monitor.withLock { [place] in $0.start = .success(place) }
    monitor.announce()
    while goOn() {}
    _ = strata_mpi_finish()
    monitor.withLock { $0.isFinished = true }
    monitor.announce()
  }

  /// One round; false at the end.
  private mutating func goOn() -> Bool {
    let (queue, waiting, abort, isFinishing) = monitor.withLock { state in
      defer { state.queue = [] }
      return (state.queue, state.waiting, state.abort, state.isFinishing)
    }
    if let abort { die(abort.reason, abort.status) }
    for request in queue { begin(request) }
    if moveOn() || !queue.isEmpty { lastProgress = .now }
    exchangePulses()
    if let reason = watch.complaint(about: active.first.map { ($0.request, $0.start) }) { die(reason, 2) }
    if active.isEmpty {
      if isFinishing { return false }
      _ = monitor.wait(atMost: watch.interval) { state in
        !state.queue.isEmpty || state.abort != nil || state.isFinishing ? true : nil
      }
    } else if waiting > 0, ContinuousClock.now - lastProgress < .microseconds(50) {
      // The program has nothing else to do: its core is ours for a while.
    } else {
      usleep(waiting > 0 ? 10 : 100)
    }
    return true
  }

  private mutating func begin(_ request: Request) {
    let (kind, root) = request.collective.kind.code
    var handle: UnsafeMutableRawPointer?
    let status = strata_mpi_begin(
      Int32(request.lane.rawValue), kind, request.collective.element.code, request.memory.start,
      Int64(request.collective.count), root, &handle)
    guard status == 0, let handle else {
      return finish(request, .failure(MPIService.error(status, request.label)))
    }
    active.append(Active(request: request, handle: handle, start: .now))
  }

  /// Gives MPI time for what is under way; whether anything was completed.
  private mutating func moveOn() -> Bool {
    var rest: [Active] = []
    for item in active {
      var done: Int32 = 0
      let status = strata_mpi_test(item.handle, &done)
      if status != 0 {
        finish(item.request, .failure(MPIService.error(status, item.request.label)))
      } else if done != 0 {
        finish(item.request, .success(.now))
      } else {
        rest.append(item)
      }
    }
    defer { active = rest }
    return rest.count < active.count
  }

  private func finish(_ request: Request, _ outcome: Result<ContinuousClock.Instant, StrataError>) {
    monitor.withLock { $0.outcomes[request.number] = outcome }
    monitor.announce()
  }

  private mutating func exchangePulses() {
    guard watch.isDue() else { return }
    let begun = monitor.withLock { $0.begun }
    for rank in watch.peers { _ = strata_mpi_send_pulse(Int32(rank), Int64(begun)) }
    var (rank, count): (Int32, Int64) = (-1, 0)
    while strata_mpi_take_pulse(&rank, &count) == 0, rank >= 0 {
      watch.heard(from: Int(rank), begun: Int(count))
    }
  }

  private func die(_ reason: String, _ status: Int32) -> Never {
    let line = Array((reason + "\n").utf8)
    _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
    strata_mpi_abort(status)
    _exit(status)
  }

  static func error(_ code: Int32, _ label: String) -> StrataError {
    let sentence = MPICommunicator.text { text, capacity in
      strata_mpi_message(code, text, capacity)
      return true
    }
    return StrataError(.communication, "\(label): MPI says: \(sentence ?? "error \(code)")")
  }
}

extension Collective.Kind {
  fileprivate var code: (kind: Int32, root: Int32) {
    switch self {
    case .allReduce(.sum): (Int32(STRATA_MPI_SUM), 0)
    case .allReduce(.maximum): (Int32(STRATA_MPI_MAXIMUM), 0)
    case .allReduce(.minimum): (Int32(STRATA_MPI_MINIMUM), 0)
    case .broadcast(let root): (Int32(STRATA_MPI_BROADCAST), Int32(root))
    case .allGather: (Int32(STRATA_MPI_GATHER), 0)
    case .barrier: (Int32(STRATA_MPI_BARRIER), 0)
    }
  }
}

extension Collective.Element {
  fileprivate var code: Int32 {
    switch self {
    case .float32: Int32(STRATA_MPI_FLOAT32)
    case .float64: Int32(STRATA_MPI_FLOAT64)
    case .int64: Int32(STRATA_MPI_INT64)
    case .bfloat16: Int32(STRATA_MPI_BFLOAT16)
    case .byte: Int32(STRATA_MPI_BYTE)
    }
  }
}
