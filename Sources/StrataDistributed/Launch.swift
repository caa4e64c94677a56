import StrataCore
import StrataKernels
import StrataRuntime

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// How the process came to run, and the processes that it runs with.
public enum Launch {
  /// How many processes an MPI launcher says it started, or nil where none started this one.
  public static var processCount: Int? {
    for name in ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"] {
      if let count = environment(name).flatMap({ Int($0) }), count > 0 { return count }
    }
    // Only a step of Slurm's that `srun --mpi` started has processes that know each other.
    if let kind = environment("SLURM_MPI_TYPE"), kind != "none" {
      return environment("SLURM_STEP_NUM_TASKS").flatMap { Int($0) }
    }
    return nil
  }

  /// Which of them this one is, by what the launcher says, or nil where none started this one.
  public static var rank: Int? {
    guard processCount != nil else { return nil }
    for name in ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID"] {
      if let rank = environment(name).flatMap({ Int($0) }) { return rank }
    }
    return nil
  }

  /// Joins the processes that the launcher started; a process that it did not start is alone.
  ///
  /// - Parameter limit: how long a collective waits for others before the whole job ends.
  public static func communicator(limit: Duration = .seconds(60)) throws(StrataError) -> any Communicator {
    guard let count = processCount, count > 1 else { return LoneProcess() }
    guard MPICommunicator.isBuilt else {
      throw StrataError(
        .communication,
        "this is one of \(count) processes that were started together, but the program was built without MPI: "
          + "run script/bootstrap --mpi, then swift build")
    }
    let communicator = try MPICommunicator(limit: limit)
    return checksCollectives ? CheckedCommunicator(communicator) : communicator
  }

  /// Threads for this process, so that the processes of a host together use each core once.
  ///
  /// A process that is bound to cores of its own uses them all; those that may run on the same cores share them.
  public static func threadShare(of communicator: any Communicator) throws(StrataError) -> Int {
    guard communicator.size > 1 else { return Engine.availableCores }
    let own = [Int64(bitPattern: strata_core_set()), Int64(Engine.availableCores)]
    let sets = try communicator.allGather(own + [Int64(communicator.localRank)], label: "cores")
    // Ranks of other hosts may have the same set: only as many as live here share it.
    let same = sets.count { $0[0] == own[0] && $0[1] == own[1] }
    return max(1, Engine.availableCores / min(same, communicator.localSize))
  }

  private static var checksCollectives: Bool {
    if let choice = environment("STRATA_CHECK_COLLECTIVES") { return choice != "0" }
    #if DEBUG
      return true
    #else
      return false
    #endif
  }

  private static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
}
