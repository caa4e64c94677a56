import StrataGraph
import Synchronization

/// One call of a module, as whoever watches sees it.
package struct ObservedCall {
  /// Counts the calls; the nodes that the module itself built carry it too (`ModuleOrigin.call`).
  package let number: Int
  /// The number of the call inside which this one happened; nil for the outermost.
  package let caller: Int?
  /// The path from the outermost module called.
  package let path: String
  /// What was called.
  package let module: Module
  /// What it was given.
  package let input: Tensor
  /// What it returned.
  package let output: Tensor
}

/// Watches the calls of modules, those included that leave no operation in the graph.
///
/// `@unchecked Sendable` holds because `calls` is touched with the lock held only.
package final class CallLog: @unchecked Sendable {
  @TaskLocal static var current: CallLog?

  private var calls: [ObservedCall] = []
  private let lock = Mutex(())

  private init() {}

  /// Runs `body`; returns its result and the calls of modules, in the order in which they began.
  package static func watch<Result>(_ body: () throws -> Result) rethrows -> (Result, [ObservedCall]) {
    let log = CallLog()
    let result = try $current.withValue(log) { try body() }
    return (result, log.lock.withLock { _ in log.calls }.sorted { $0.number < $1.number })
  }

  func append(_ call: ModuleCall, input: Tensor, output: Tensor) {
    let observed = ObservedCall(
      number: call.number, caller: call.caller, path: call.path, module: call.module, input: input,
      output: output)
    lock.withLock { _ in calls.append(observed) }
  }
}
