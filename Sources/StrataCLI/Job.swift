import Strata

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A command that runs on all processes that `mpirun` started, or on this one alone.
enum Job {
  /// How long processes wait for each other.
  static let timeout = Option(
    name: "timeout", value: "S",
    summary: "Seconds after which a process that others wait for is given up (60).")

  /// How often they compare what must be the same.
  static let checkInterval = Option(
    name: "check-every", value: "STEPS",
    summary: "Steps between checks that all processes have the same weights (100); 0 for none.")

  /// The options of such a command.
  static let options = [
    timeout,
    Option(name: "threads", value: "T", summary: "Threads of each process (its share of the cores)."),
  ]

  /// Whether batch norm sees the batches of all processes.
  static let synchronised = Option(
    name: "sync-bn", summary: "Normalise the batches of all processes as one.")

  /// The options of commands that sum gradients over processes.
  static let exchangeOptions = [
    Option(name: "bucket", value: "MIB", summary: "Size of the buckets that gradients travel in (4)."),
    Option(name: "compress", value: "KIND", summary: "How gradients travel: none or bf16 (none)."),
  ]

  /// Joins the other processes, runs `body` on each of them, and takes leave.
  ///
  /// The process of rank 0 speaks for all: what others print goes nowhere. An error of any process ends all of them,
  /// with one message.
  static func run(
    _ command: String, _ arguments: Arguments, _ body: (any Communicator) throws -> ExitStatus
  ) throws -> ExitStatus {
    let limit = try arguments.number("timeout", in: 1...86_400) ?? 60
    let threads = try arguments.number("threads", in: 1...1024)
    let ranks = try Launch.communicator(limit: .seconds(limit))
    if let threads {
      Engine.threadCount = threads
    } else if ranks.size > 1 {
      Engine.threadCount = try Launch.threadShare(of: ranks)
    }
    guard ranks.size > 1 else { return try body(ranks) }
    if !ranks.isRoot { silence() }
    do {
      let status = try body(ranks)
      try ranks.finish()
      return status
    } catch {
      ranks.abort(
        "strata \(command): \(ranks.isRoot ? "" : "rank \(ranks.rank): ")\(error)",
        status: ExitStatus.trouble.rawValue)
    }
  }

  private static func silence() {
    let nothing = open("/dev/null", O_WRONLY)
    guard nothing >= 0 else { return }
    dup2(nothing, STDOUT_FILENO)
    close(nothing)
  }
}
