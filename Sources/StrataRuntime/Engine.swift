import StrataCore
import StrataGraph
import StrataKernels
import StrataPasses
import Synchronization

/// How tensors are evaluated: the backend, its threads and the passes before it.
public enum Engine {
  /// A choice of backend and passes.
  public struct Configuration: Sendable {
    /// What runs plans.
    public var backend: any Backend
    /// What rewrites graphs before that.
    public var pipeline: Pipeline

    /// Creates a choice.
    public init(backend: any Backend, pipeline: Pipeline = .optimised) {
      self.backend = backend
      self.pipeline = pipeline
    }
  }

  private static let shared = Mutex<Configuration?>(nil)
  private static let threads = Mutex<Int?>(nil)

  /// The choice for this task alone, for tests and comparisons.
  @TaskLocal public static var override: Configuration?

  /// The choice for every task. The first use asks the CPU backend that the program is linked with.
  public static var configuration: Configuration {
    get {
      if let override { return override }
      return shared.withLock { configuration in
        if let configuration { return configuration }
        let made = linkedBackend.withLock { $0 } ?? askForLinkedBackend()
        let first = Configuration(backend: made)
        configuration = first
        return first
      }
    }
    set { shared.withLock { $0 = newValue } }
  }

  /// Threads that an operation may use; at first the cores that the process may run on.
  public static var threadCount: Int {
    get { threadOverride ?? threads.withLock { $0 } ?? availableCores }
    set { threads.withLock { $0 = max(1, newValue) } }
  }

  /// Threads for this task alone, for tests.
  @TaskLocal package static var threadOverride: Int?

  /// The cores that the process may run on.
  public static var availableCores: Int { Int(strata_available_cores()) }

  /// How many plans are kept.
  public static var cachedPlanCount: Int { PlanCache.current.count }

  /// Forgets all plans, with the memory they hold.
  public static func clearCache() { PlanCache.current.removeAll() }

  private static let linkedBackend = Mutex<(any Backend)?>(nil)

  /// Called by a backend's installer.
  package static func install(_ backend: any Backend) { linkedBackend.withLock { $0 = backend } }

  private static func askForLinkedBackend() -> any Backend {
    strata_install_backend()
    return linkedBackend.withLock { $0 } ?? ReferenceBackend()
  }
}
