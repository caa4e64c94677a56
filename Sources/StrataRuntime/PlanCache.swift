import StrataCore
import StrataGraph
import StrataPasses
import Synchronization

/// Compiled plans by graph structure, pipeline and backend: a network is planned once, not once a call.
package final class PlanCache: Sendable {
  struct Key: Hashable {
    let structure: StructuralKey
    let pipeline: Pipeline
    let backend: String
    let threads: Int
  }

  private struct Entry {
    let executable: any Executable
    var lastUse: UInt64
  }

  private struct State {
    var entries: [Key: Entry] = [:]
    var clock: UInt64 = 0
  }

  private let state = Mutex(State())
  private let capacity: Int

  /// The cache in use; a task may have one of its own.
  @TaskLocal package static var current = PlanCache(capacity: 128)

  /// Creates an empty cache.
  package init(capacity: Int) { self.capacity = capacity }

  var count: Int { state.withLock { $0.entries.count } }

  func removeAll() { state.withLock { $0.entries = [:] } }

  /// The plan for `key`, made by `make` outside the lock where there is none. Two threads may make the
  /// same plan at once; the first one stored is used by both.
  func executable(
    _ key: Key, make: () throws(StrataError) -> any Executable
  ) throws(StrataError) -> any Executable {
    let known = state.withLock { state -> (any Executable)? in
      state.clock += 1
      // Found once: comparing keys compares whole graphs.
      guard let place = state.entries.index(forKey: key) else { return nil }
      state.entries.values[place].lastUse = state.clock
      return state.entries.values[place].executable
    }
    if let known { return known }
    let made = try make()
    return state.withLock { state in
      if let entry = state.entries[key] { return entry.executable }
      if state.entries.count >= capacity,
        let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse })
      {
        state.entries[oldest.key] = nil
      }
      state.entries[key] = Entry(executable: made, lastUse: state.clock)
      return made
    }
  }
}
