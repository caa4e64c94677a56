import Strata
import StrataTestSupport
import Testing

/// All tests that run plans, one after the other: they share two cores, the number of threads and the cache
/// of plans.
@Suite("The engine", .serialized) enum EngineSuite {}

/// The message of an error that `body` throws, or nil where it throws none.
func message(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return (error as? StrataError)?.message ?? "another error: \(error)"
  }
}
