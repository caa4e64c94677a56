import StrataCore
import StrataMPI

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The processes that an MPI launcher such as `mpirun` or `srun` started.
///
/// One thread makes all calls of MPI: collectives go on while the program computes, whatever the library promises,
/// and a process that waits notices when another one has died, hangs or cannot be reached.
public final class MPICommunicator: Communicator {
  /// Which process this one is.
  public let rank: Int
  /// How many there are.
  public let size: Int
  /// Which process of its host this one is.
  public let localRank: Int
  /// How many run on this host.
  public let localSize: Int
  private let monitor: Monitor<MPIService.State>

  /// Whether the program was built with MPI.
  public static var isBuilt: Bool { strata_mpi_is_built() != 0 }

  /// `Open MPI v4.1.4`, or nil where the program was built without MPI.
  public static var library: String? {
    guard isBuilt else { return nil }
    let text = text { strata_mpi_library($0, $1) == 0 }
    // Some libraries tell the whole story of their making, in lines and after commas.
    return text.flatMap { $0.split(whereSeparator: { ",\n\r\0".contains($0) }).first.map(String.init) }
  }

  /// Joins the other processes; a process does so once.
  ///
  /// - Parameter limit: how long a collective waits for others before the whole job ends.
  public init(limit: Duration = .seconds(60)) throws(StrataError) {
    guard MPICommunicator.isBuilt else { throw MPICommunicator.missing }
    let monitor = Monitor(MPIService.State())
    try Thread.start { MPIService(monitor, limit: limit).serve() }
    let start = monitor.wait { $0.start }
    let place = try start.get()
    self.monitor = monitor
    rank = Int(place.rank)
    size = Int(place.size)
    localRank = Int(place.local_rank)
    localSize = Int(place.local_size)
  }

  static var missing: StrataError {
    StrataError(
      .communication, "this program was built without MPI: run script/bootstrap --mpi, then swift build")
  }

  /// Hands the collective to the thread that speaks to MPI.
  public func begin(
    _ collective: Collective, on memory: UnsafeMutableRawPointer, lane: Lane, label: String
  ) throws(StrataError) -> any PendingCollective {
    guard collective.count <= Int(Int32.max) else {
      throw StrataError(.communication, "\(label): a \(collective) is more than MPI takes at once")
    }
    let request = MPIService.Memory(memory)
    let number = monitor.withLock { state -> Int in
      state.begun += 1
      state.queue.append(
        MPIService.Request(
          number: state.begun, collective: collective, memory: request, lane: lane, label: label))
      return state.begun
    }
    monitor.announce()
    return MPICollective(number: number, monitor: monitor)
  }

  /// Prints the reason and ends all processes.
  ///
  /// A mistake that all processes make is told by rank 0 alone: the others give it time to speak.
  public func abort(_ reason: String, status: Int32) -> Never {
    // The launcher ends the others by SIGTERM, which a training run takes for a wish to stop in good order.
    signal(SIGTERM, SIG_DFL)
    if rank > 0 { usleep(UInt32(1_500_000 + 20_000 * min(rank, 50))) }
    monitor.withLock { if $0.abort == nil { $0.abort = (reason, status) } }
    monitor.announce()
    // The thread ends the process; where it is stuck inside MPI, the launcher will notice that this one is gone.
    usleep(5_000_000)
    _exit(status)
  }

  /// Waits for all, then leaves MPI.
  public func finish() throws(StrataError) {
    try barrier("the end")
    monitor.withLock { $0.isFinishing = true }
    monitor.announce()
    _ = monitor.wait(atMost: .seconds(20)) { $0.isFinished ? true : nil }
  }

  /// The text that a C function writes.
  static func text(_ write: (UnsafeMutablePointer<CChar>, Int32) -> Bool) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 8192) { buffer in
      guard let start = buffer.baseAddress, write(start, Int32(buffer.count)) else { return nil }
      return String(cString: start)
    }
  }
}

/// A collective that the thread of MPI works on.
private final class MPICollective: PendingCollective {
  private let number: Int
  private let monitor: Monitor<MPIService.State>

  init(number: Int, monitor: Monitor<MPIService.State>) {
    self.number = number
    self.monitor = monitor
  }

  deinit { monitor.withLock { $0.outcomes[number] = nil } }

  var isDone: Bool { monitor.withLock { $0.outcomes[number] != nil } }

  var end: ContinuousClock.Instant? { monitor.withLock { try? $0.outcomes[number]?.get() } }

  func wait() throws(StrataError) {
    monitor.withLock { $0.waiting += 1 }
    let outcome = monitor.wait { $0.outcomes[number] }
    monitor.withLock { $0.waiting -= 1 }
    _ = try outcome.get()
  }
}
