import Strata
import Testing

@Suite("Specifications") struct SpecificationTests {
  @Test(
    "parameters and arithmetic are those of the literature",
    arguments: [
      ("alexnet", 62_378_344, 1_135_256_096), ("vgg16", 138_357_544, 15_470_264_320),
      ("resnet50", 25_557_032, 4_089_184_256), ("mobilenet_v1", 4_231_976, 568_740_352),
    ])
  func counts(_ name: String, _ parameters: Int, _ macs: Int) throws {
    let specification = try #require(Specification.named(name))
    #expect(specification.parameterCount == parameters)
    #expect(try specification.multiplyAccumulates(for: [1, 3, 224, 224]) == macs)
    #expect(try specification.multiplyAccumulates(for: [3, 3, 224, 224]) == 3 * macs)
    let model = try ModelRegistry.make(name)
    let cost = try Complexity(of: model.eval(), input: [1, 3, 224, 224])
    #expect(cost.parameters == parameters && cost.macs == macs)
    #expect(model.parameters.allSatisfy { !$0.variable.isAllocated })
  }

  @Test(
    "every call and its feature map are PyTorch's",
    arguments: ["alexnet", "vgg16", "resnet50", "mobilenet_v1"])
  func maps(_ name: String) throws {
    let document = try JSONValue.parse(try fixture("feature_maps.json"))
    let calls = try #require(document["networks"]?[name]?["calls"]?.array)
    // A dropout is specified before the maps are flattened and called after.
    func key(_ path: String, _ type: String, _ shape: [Int]) -> String {
      type == "Dropout" ? "\(path) \(type)" : "\(path) \(type) \(shape)"
    }
    let expected = calls.map {
      key($0["path"]?.string ?? "", $0["type"]?.string ?? "", $0["shape"]?.array?.compactMap(\.integer) ?? [])
    }
    let specification = try #require(Specification.named(name))
    let shapes = try specification.shapes(for: [1, 3, 224, 224])
    let found = zip(specification.calls, shapes).map { key($0.path, $0.kind.typeName, $1.sizes) }
    // Branches that do not depend on each other have no order.
    #expect(Set(found).symmetricDifference(expected) == [])
    #expect(found.count == expected.count)
  }

  @Test("an input that a network cannot take names the layer") func misfit() throws {
    func message(_ specification: Specification, _ input: Shape) -> String {
      do throws(StrataError) {
        _ = try specification.shapes(for: input)
        return ""
      } catch { return error.message }
    }
    #expect(
      message(.alexNet(), [1, 3, 256, 256])
        == "classifier.1 (Linear): expects 9216 features, got 12544 from [1, 256, 7, 7]")
    #expect(
      message(.vgg16(), [1, 3, 16, 16])
        == "features.30 (MaxPool2d): a window of 2×2 does not fit into 1×1")
    #expect(message(.resNet50(), [1, 3, 192, 256]) == "")
  }

  @Test("depth, shares and savings follow from the graph") func complexity() throws {
    let input: Shape = [1, 3, 224, 224]
    let costs = try ModelRegistry.labNames.map {
      try Complexity(of: try ModelRegistry.make($0).eval(), input: input)
    }
    #expect(costs.map(\.depth) == [8, 16, 50, 28])
    #expect(costs.map(\.classifierParameters) == [58_631_144, 123_642_856, 2_049_000, 1_025_000])
    #expect(costs.map(\.output) == Array(repeating: [1, 1000], count: 4))
    #expect(costs[0].weightBytes == 249_513_376)
    #expect(costs[..<3].allSatisfy { $0.separableSaving == nil })
    #expect(costs[3].separableSaving == 4_867_293_184.0 / 568_740_352.0)
  }

  @Test("memory is foreseen from the graph") func memory() throws {
    let input: Shape = [2, 3, 224, 224]
    let trace = try TracedNetwork(VGG16().eval(), input: input)
    #expect(trace.variableBytes == 4 * 138_357_544)
    // Both maps of the first block exist at one time; the nonlinearity between them works in place.
    #expect(trace.peakActivationBytes == 2 * 2 * 64 * 224 * 224 * 4)
    let small = MachineMemory(total: 6e8)
    let error = #expect(throws: StrataError.self) {
      try small.requireRoom(for: trace, named: "VGG16", input: input)
    }
    #expect(error?.kind == .memory)
    #expect(
      error?.message
        == "VGG16 on an input of [2, 3, 224, 224] needs 604.8 MB of memory, and there are 600.0 MB")
    try MachineMemory(total: 1e9).requireRoom(for: trace, named: "VGG16", input: input)
  }

  @Test("quantiles are interpolated") func quantiles() throws {
    let model = Sequential(Flatten(), Linear(12, 2)).eval()
    var count = 0
    let result = try Benchmark(
      model, input: .ones([1, 3, 2, 2]), macs: 24,
      effort: Benchmark.Effort(warmUp: 2, minimum: 5, maximum: 5, seconds: 0)
    ) { _ in count += 1 }
    #expect(count == 7 && result.seconds.count == 5)
    #expect(result.quantile(0) == result.seconds[0] && result.quantile(1) == result.seconds[4])
    #expect(result.median == result.seconds[2])
    let middle = (result.seconds[0] + result.seconds[1]) / 2
    #expect(abs(result.quantile(0.125) - middle) <= 1e-12 * middle)
  }

  @Test("steps of training are measured, and their losses fall") func training() throws {
    let model = Sequential(Flatten(), Linear(12, 3))
    var losses: [Double] = []
    let result = try Benchmark(
      training: model, input: .ones([2, 3, 2, 2]), macs: 36,
      effort: Benchmark.Effort(warmUp: 1, minimum: 3, maximum: 3, seconds: 0)
    ) { losses.append($0) }
    #expect(losses.count == 4 && losses == losses.sorted(by: >) && Set(losses).count == 4)
    #expect(result.macs == 108 && result.batch == 2 && result.seconds.count == 3)
    #expect(throws: StrataError.self) {
      try Benchmark(training: Sequential(ReLU()), input: .ones([2, 3, 2, 2]), macs: 0)
    }
  }
}
