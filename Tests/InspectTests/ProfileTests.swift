import Strata
import StrataTestSupport
import Testing

@Suite("Profiles", .serialized) struct ProfileTests {
  private static let ceilings = MachineCeilings(flops: 100e9, bandwidth: 10e9)

  private static func profile(_ name: String, _ input: Shape, runs: Int = 3) throws -> ModelProfile {
    try ModelProfile(ModelRegistry.make(name), input: input, runs: runs, ceilings: ceilings)
  }

  @Test("layers hold all operations of the network, once") func layers() throws {
    let input: Shape = [1, 3, 64, 64]
    let profile = try Self.profile("resnet18", input)
    let summary = try summary("resnet18", input)
    #expect(profile.layers.reduce(0) { $0 + $1.flops } == 2 * summary.macs)
    #expect(profile.runs == 3 && profile.threads >= 1 && profile.seconds > 0)
    let convolutions = profile.layers.filter { $0.operation.hasPrefix("conv2d") }
    #expect(convolutions.count == 20)
    #expect(convolutions.allSatisfy { !$0.implementations.isEmpty && $0.seconds > 0 })
    // Batch norm is folded, ReLU and sums are fused: no layer is left for them.
    #expect(convolutions.contains { $0.operation == "conv2d + add + relu" })
    #expect(profile.layers.allSatisfy { !$0.operation.hasPrefix("batchNorm") })
    #expect(profile.layers.contains { $0.path == "layer1.0.conv1" && $0.typeName == "Conv2d" })
    #expect(profile.layers.allSatisfy { $0.reorderSeconds <= $0.seconds })
  }

  @Test(
    "layers that a kernel computes together have a line each, and their arithmetic counts once",
    arguments: [("mobilenet_v1", 64), ("vgg11", 224)])
  func fused(_ name: String, _ size: Int) throws {
    let input: Shape = [1, 3, size, size]
    let profile = try Self.profile(name, input, runs: 1)
    let macs = try summary(name, input).macs
    #expect(profile.layers.reduce(0) { $0 + $1.flops } == 2 * macs)
    let (own, fused) = (profile.timedLayers, profile.layers.filter { $0.within != nil })
    #expect(!fused.isEmpty && own.count + fused.count == profile.layers.count)
    for layer in fused { #expect(own.contains { $0.path == layer.within }, "\(layer.path)") }
    // Lines stand in the order of the network.
    let paths = profile.layers.map(\.path).filter { !$0.isEmpty }
    let modules = try ModelRegistry.make(name).namedModules.map(\.name)
    #expect(paths == modules.filter(paths.contains))
  }

  @Test("the steps of a run follow each other") func events() throws {
    let profile = try Self.profile("lenet5", [1, 1, 28, 28])
    #expect(!profile.events.isEmpty)
    for (event, next) in zip(profile.events, profile.events.dropFirst()) {
      #expect(event.start >= 0 && event.duration >= 0)
      #expect(next.start >= event.start + event.duration - 1e-6)
    }
    #expect(profile.events.contains { $0.layer.hasSuffix("(Conv2d)") && !$0.implementation.isEmpty })
  }

  @Test("the bound is the longer of arithmetic and memory") func bounds() {
    func layer(_ flops: Int, _ bytes: Int) -> ModelProfile.Layer {
      ModelProfile.Layer(
        path: "", typeName: "", operation: "", implementations: [], seconds: 1, reorderSeconds: 0,
        flops: flops, bytes: bytes)
    }
    let busy = layer(50_000_000_000, 1_000_000_000)
    #expect(abs(busy.efficiency(Self.ceilings) - 0.5) < 1e-12 && !busy.isBoundByMemory(Self.ceilings))
    let moving = layer(1_000_000_000, 8_000_000_000)
    #expect(abs(moving.efficiency(Self.ceilings) - 0.8) < 1e-12 && moving.isBoundByMemory(Self.ceilings))
  }

  @Test("the machine's ceilings are measured") func ceilings() throws {
    let found = try MachineCeilings.measure()
    // Any processor that runs this does more than a pocket calculator and less than a supercomputer.
    #expect((1e8...1e15).contains(found.flops) && (1e8...1e14).contains(found.bandwidth))
  }

  @Test("profiling leaves the network as it was, and refuses what does not fit") func purity() throws {
    let model = LeNet5()
    _ = try ModelProfile(model, input: [2, 1, 28, 28], runs: 1, ceilings: Self.ceilings)
    #expect(model.isTraining)
    #expect(throws: StrataError.self) {
      try ModelProfile(model, input: [2, 3, 28, 28], runs: 1, ceilings: Self.ceilings)
    }
  }

  @Test("a report shows what was measured beside the roofline", arguments: ReportLanguage.allCases)
  func report(_ language: ReportLanguage) throws {
    var report = ModelReport(language: language)
    let model = LeNet5()
    let profile = try ModelProfile(model, input: [1, 1, 28, 28], runs: 2, ceilings: Self.ceilings)
    try report.add(model, named: "lenet5", input: [1, 1, 28, 28], profile: profile)
    let page = report.html
    #expect(page.contains(language == .english ? "Measured time by layer" : "各层实测时间"))
    #expect(page.contains("class=\"roof\"") && page.contains("class=\"bound\""))
    #expect(page.contains("100.0 GFLOP/s") && page.contains("10.0 GB/s"))
    #expect(!page.contains("%1") && !page.contains("%5"))
    // A report without times says so little of them.
    var plain = ModelReport(language: language)
    try plain.add(model, named: "lenet5", input: [1, 1, 28, 28])
    #expect(!plain.html.contains("class=\"roof\" d="))
  }
}
