import Strata
import StrataTestSupport
import Testing

@Suite("Examples") struct ExampleTests {
  @Test("Classify names a picture, and says what is wrong with its arguments") func classify() throws {
    let folder = try TemporaryFolder()
    let weights = folder.path("w.safetensors")
    #expect(try Tool.run(["init", "mobilenet_v1", "--output", weights]).status == 0)
    let program = String(Tool.path.dropLast("strata".count)) + "Classify"
    let picture = Fixtures.folder + "/images/cmyk.jpg"
    let result = try Tool.run(["mobilenet_v1", weights, picture], executable: program)
    #expect(result.status == 0, "\(result.message)")
    let lines = result.output.split(separator: "\n")
    #expect(lines.count == 5)
    #expect(lines.allSatisfy { $0.hasSuffix("%") })
    let missing = try Tool.run(["mobilenet_v1", folder.path("none"), picture], executable: program)
    #expect(missing.status == 2 && missing.message.contains("there is no such file"))
  }
}
