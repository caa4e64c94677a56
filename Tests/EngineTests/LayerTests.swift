import Strata
import StrataTestSupport
import Testing

/// Rounding in sums: relative to the largest magnitude of the expected output.
private let tolerance = 1e-5

extension EngineSuite {
  @Suite("Layers", .serialized) struct LayerTests {
    @Test("of every type have cases") func coverage() {
      #expect(LayerCase.all.count == 240)
      #expect(Set(LayerCase.all.map { $0.fixture.string("type") }).count == 20)
      #expect(LayerCase.all.count(where: \.isTraining) == 14)
    }

    @Test(
      "compute what PyTorch's compute", arguments: EngineCase.all, LayerCase.all.filter { !$0.isUnbatched })
    func outputs(engine: EngineCase, layer: LayerCase) throws {
      let module = try layer.makeLayer()
      let output = try engine.run {
        try #require(try layer.inputs.map { try module($0).value() }.last)
      }
      let expected = try #require(layer.expected("output"))
      #expect(output.shape == layer.fixture.shape("output_shape"))
      #expect(difference(output, expected, relative: tolerance, scale: .largestMagnitude) == nil)
      try expectStatistics(module, layer, engine)
    }

    @Test(
      "track the same statistics where no batch is evaluated before the last", arguments: EngineCase.all,
      LayerCase.all.filter(\.isTraining))
    func pendingStatistics(engine: EngineCase, layer: LayerCase) throws {
      let module = try layer.makeLayer()
      let outputs = layer.inputs.map { module($0) }
      let output = try engine.value(try #require(outputs.last))
      let expected = try #require(layer.expected("output"))
      #expect(difference(output, expected, relative: tolerance, scale: .largestMagnitude) == nil)
      try expectStatistics(module, layer, engine)
    }

    @Test("track statistics of outputs that nobody reads", arguments: LayerCase.all.filter(\.isTraining))
    func unreadOutputs(layer: LayerCase) throws {
      let module = try layer.makeLayer()
      for input in layer.inputs { _ = module(input) }
      try expectStatistics(module, layer, .optimised)
    }

    @Test("of images want a batch, and say so", arguments: LayerCase.all.filter(\.isUnbatched))
    func unbatchedImages(layer: LayerCase) throws {
      let output = try layer.makeLayer()(try #require(layer.inputs.first))
      let type = layer.fixture.string("type")
      #expect(output.error?.message == "\(type): expects an image batch [N, C, H, W], got [3, 6, 7]")
    }

    private func expectStatistics(_ module: Module, _ layer: LayerCase, _ engine: EngineCase) throws {
      guard layer.isTraining else { return }
      for (name, buffer) in module.namedBuffers {
        let expected = try #require(layer.expected(name))
        let value = try engine.run { try buffer.variable.value() }
        #expect(difference(value, expected, relative: tolerance, scale: .largestMagnitude) == nil, "\(name)")
      }
    }
  }
}
