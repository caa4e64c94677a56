import Strata
import StrataTestSupport
import Testing

@Suite("Counting conventions") struct CountingTests {
  /// What the tools themselves say, module by module.
  static let facts = Fixtures.json("complexity.json")

  @Test(
    "the five known networks have the published figures to the last digit",
    arguments: [
      ("alexnet", [1_135_256_096, 1_135_256_096, 1_135_915_368, 1_135_256_096, 2_270_512_192]),
      ("alexnet@torchvision", [714_188_480, 714_197_696, 714_682_664, 714_206_912, 1_428_376_960]),
      (
        "vgg16@torchvision",
        [15_470_264_320, 15_470_289_408, 15_483_821_032, 15_470_314_496, 30_940_528_640]
      ),
      ("resnet50", [4_089_184_256, 4_111_512_576, 4_089_238_376, 4_133_742_592, 8_178_368_512]),
      ("mobilenet_v1", [568_740_352, 578_875_904, 568_763_240, 588_962_304, 1_137_480_704]),
    ])
  func published(_ name: String, _ totals: [Int]) throws {
    let summary = try summary(name)
    #expect(CountingConvention.allCases.map { summary.operations($0) } == totals)
  }

  @Test("the lab's networks agree with each tool layer by layer", arguments: labNetworks)
  func layers(_ name: String) throws {
    let summary = try summary(name)
    for convention in CountingConvention.allCases where convention != .torchvision {
      let facts = try #require(Self.facts["lab"]?[name]?[convention.rawValue])
      #expect(facts["total"]?.integer == summary.operations(convention), "\(convention)")
      var found: [String: Int] = [:]
      for row in summary.leaves where row.operations[convention] > 0 {
        found[row.path, default: 0] += row.operations[convention]
      }
      let expected = try #require(facts["layers"]?.object)
      #expect(Set(expected.names) == Set(found.keys), "\(convention)")
      for (path, count) in expected { #expect(count.integer == found[path], "\(convention): \(path)") }
    }
  }

  @Test("torchvision's networks have the parameters and totals that the tools give them")
  func torchvision() throws {
    let networks = try #require(Self.facts["torchvision"]?.object)
    for (key, facts) in networks {
      let name = ["alexnet", "vgg16", "resnet50"].contains(key) ? key + "@torchvision" : key
      let summary = try summary(name)
      #expect(facts["parameters"]?.integer == summary.parameters, "\(name)")
      for convention in CountingConvention.allCases where convention != .torchvision {
        // Their mean of the image is an operation of its own in PyTorch, which fvcore does not count. Here it is
        // adaptive pooling, which it does: one for each element of the last map.
        let takesMean = convention == .fvcore && ["shufflenet_v2_x1_0", "mnasnet0_5"].contains(name)
        let extra = takesMean ? try #require(summary.parts[.fvcore]?[.averagePool]) : 0
        #expect(
          facts[convention.rawValue]?["total"]?.integer == summary.operations(convention) - extra,
          "\(name), \(convention)")
      }
      // The script behind torchvision's figures halves what FlopCounterMode counts.
      #expect(summary.operations(.flops) == 2 * summary.macs)
    }
  }

  @Test(
    "every operation is counted or named as uncounted", arguments: ["resnet50", "convnext_tiny", "lenet5"])
  func nothingIsForgotten(_ name: String) throws {
    let entry = try ModelRegistry.entry(named: name)
    let input = Shape([1] + entry.imageShape)
    let model = try entry.make().eval()
    let graph = Trace(of: [model(.placeholder(input))]).graph
    let operations = graph.nodes.filter { $0.op.leafSlot == nil }
    let summary = try model.summary(input: input)
    let counted = operations.count { $0.op.multiplyAccumulates(graph.operandTypes($0), $0.type) > 0 }
    let named = (summary.uncounted[.torchvision] ?? []).reduce(0) { $0 + $1.count }
    #expect(counted + named == operations.count)
  }

  @Test("the reconciliation names what makes figures differ") func reconciliation() throws {
    let text = try summary("resnet50").reconciliation
    #expect(
      text.contains(
        "4,089,238,376         +54,120  multiply-accumulates + 1,000 biases of linear layers + 53,120 batch norm"
      ))
    #expect(text.contains("+ 22,227,968 batch norm + 100,352 average pooling"))
    #expect(text.contains("+ 44,455,936 batch norm + 102,400 average pooling"))
    #expect(text.contains("2 × multiply-accumulates"))
    #expect(text.contains("Counted by none: relu 49, add 16, maxPool2d 1, reshape 1"))
    #expect(text.contains("Not counted by torchvision: batchNorm 53, adaptiveAveragePool2d 1"))
    // torchinfo counts linear layers over maps once a sample and not once a place.
    let convNeXt = try summary("convnext_tiny")
    #expect(convNeXt.operations(.torchinfo) == 322_371_592)
    #expect(convNeXt.reconciliation.contains("− 4,"))
  }
}
