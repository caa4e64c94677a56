import Strata
import Testing

@Suite("Published parameter counts")
struct ParameterCountTests {
  @Test("are those of the networks that are built", arguments: ModelRegistry.entries.map(\.name))
  func counts(name: String) throws {
    let entry = try ModelRegistry.entry(named: name)
    #expect(try entry.parameterCount() == entry.make().parameterCount)
  }
}
