import Strata
import StrataTestSupport
import Testing

@Suite("Memory", .serialized) struct MemoryTests {
  /// Networks in which kernels of every kind take their turn: separable, with squeezed channels, dense, of branches.
  private static let others = [
    "vgg11_bn", "resnet18", "mobilenet_v2", "efficientnet_b0", "densenet121", "googlenet", "squeezenet1_1",
    "convnext_tiny",
  ]

  @Test(
    "the predicted peak is within a tenth of the engine's workspace", arguments: labNetworks + others, [1, 8])
  func inference(_ name: String, _ batch: Int) throws {
    let model = try ModelRegistry.make(name).eval()
    let input: Shape = [batch, 3, 224, 224]
    let graph = Trace(of: [model(.placeholder(input))]).graph
    let predicted = try model.summary(input: input).peakActivationBytes
    let actual = try #require(try Engine.executable(for: graph).workspaceByteCount)
    #expect(abs(Double(predicted) / Double(actual) - 1) < 0.1, "\(predicted) and \(actual)")
  }

  @Test("optimisers differ by what they keep for each parameter") func optimizers() throws {
    let summary = try summary("mobilenet_v1")
    let bytes = TrainingOptimizer.allCases.map { summary.trainingBytes($0) }
    let weights = 4 * 4_231_976
    #expect(bytes.map(\.gradients) == [weights, weights, weights, weights])
    #expect(bytes.map(\.optimizer) == [0, weights, 2 * weights, 2 * weights])
    #expect(Set(bytes.map(\.activations)).count == 1)
    #expect(bytes[0].total == bytes[0].weights + weights + bytes[0].activations)
  }

  @Test("a training step keeps what gradients are computed from") func training() throws {
    // A convolution keeps its input, ReLU its result; the linear layer's input is that result.
    let model = Sequential(Conv2d(1, 2, kernelSize: 1), ReLU(), Flatten(), Linear(32, 10))
    let summary = try model.summary(input: [1, 1, 4, 4])
    let bytes = summary.trainingBytes(.sgd)
    // Input 16, map 32; at the end the gradients of scores 10 and of the map 32.
    #expect(bytes.activations >= 4 * (16 + 32 + 10 + 10))
    #expect(bytes.activations <= 4 * (16 + 32 + 32 + 10 + 10))
  }

  @Test("a batch takes more of everything but weights") func batches() throws {
    let one = try summary("resnet50")
    let eight = try summary("resnet50", [8, 3, 224, 224])
    #expect(eight.macs == 8 * one.macs && eight.parameters == one.parameters)
    #expect(eight.activationBytes == 8 * one.activationBytes)
    // What kernels need besides grows with the number of threads, not with the batch.
    #expect(eight.peakActivationBytes > one.peakActivationBytes)
    #expect(eight.peakActivationBytes <= 8 * one.peakActivationBytes)
    #expect(eight.weightBytes == one.weightBytes)
    #expect(eight.arithmeticIntensity > one.arithmeticIntensity)
  }
}
