import Strata
import StrataTestSupport
import Testing

/// The rounding of a whole network: relative to its largest output.
private let tolerance = 1e-4

extension EngineSuite {
  @Suite("Whole networks", .serialized) struct LogitsTests {
    /// Runs of one network with one number of classes, which share the weights.
    struct Network: Sendable, Hashable, CustomStringConvertible {
      let model: String
      let classes: Int
      var description: String { "\(model) of \(classes) classes" }
    }

    private static let cases = Fixtures.cases("logits.json")
    private static let results = Fixtures.tensors("logits.safetensors")
    private static let groups = Dictionary(grouping: cases) {
      Network(model: $0.string("model"), classes: $0.integer("classes"))
    }
    private static let networks = groups.keys.sorted { $0.description < $1.description }

    @Test("have twenty cases") func coverage() {
      #expect(LogitsTests.cases.count == 20)
      #expect(Set(LogitsTests.networks.map(\.model)) == ["alexnet", "vgg16", "resnet50", "mobilenet_v1"])
    }

    @Test("give PyTorch's scores, optimised", arguments: networks)
    func optimised(network: Network) throws {
      let model = try makeModel(network)
      for fixture in LogitsTests.groups[network] ?? [] { try expectScores(model, fixture, .optimised) }
      Engine.clearCache()
    }

    @Test("give PyTorch's scores without passes", arguments: networks.filter { $0.classes == 10 })
    func plain(network: Network) throws {
      let fixture = try #require(LogitsTests.groups[network]?.first { $0.integer("size") == 224 })
      try expectScores(try makeModel(network), fixture, .plain)
      Engine.clearCache()
    }

    @Test("give PyTorch's scores in plain loops") func reference() throws {
      let network = Network(model: "mobilenet_v1", classes: 10)
      let fixture = try #require(LogitsTests.groups[network]?.min { $0.integer("size") < $1.integer("size") })
      #expect(fixture.integer("size") == 192)
      try expectScores(try makeModel(network), fixture, .referencePlain)
    }

    @Test(
      "name the layer that an image of another size does not fit", arguments: ["alexnet", "vgg16"],
      [192, 256])
    func otherSizes(name: String, size: Int) throws {
      let model = try ModelRegistry.make(name).eval()
      let scores = model(.placeholder([1, 3, size, size]))
      let (layer, expected, found) =
        switch (name, size) {
        case ("alexnet", 192): ("classifier.1", 9216, 256 * 5 * 5)
        case ("alexnet", _): ("classifier.1", 9216, 256 * 7 * 7)
        case (_, 192): ("classifier.0", 25088, 512 * 6 * 6)
        default: ("classifier.0", 25088, 512 * 8 * 8)
        }
      let sentence = "\(layer) (Linear): expects \(expected) features, got \(found) in [1, \(found)]"
      #expect(scores.error?.message == sentence)
      #expect(message { try scores.evaluate() } == sentence)
      #expect(model.parameters.allSatisfy { !$0.variable.isAllocated })
    }

    private func makeModel(_ network: Network) throws -> Module {
      let model = try ModelRegistry.make(network.model, ModelOptions(classes: network.classes)).eval()
      Formula.fill(model)
      return model
    }

    private func expectScores(_ model: Module, _ fixture: Fixture, _ engine: EngineCase) throws {
      let size = fixture.integer("size")
      let input = Formula.input([fixture.integer("batch"), 3, size, size])
      let expected = try #require(LogitsTests.results["\(fixture.name)/output"])
      let scores = try engine.value(model(Tensor(input)))
      #expect(
        difference(scores, expected, relative: tolerance, scale: .largestMagnitude) == nil, "\(fixture.name)")
    }
  }
}
