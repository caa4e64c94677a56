import Strata
import StrataTestSupport
import Testing

extension EngineSuite {
  /// Our own 1×1 convolutions, alone and after depthwise ones.
  @Suite("Pointwise convolutions", .serialized) struct PointwiseTests {
    /// Every instruction set that this processor has.
    static let engines: [EngineCase] = KernelOptions.InstructionSet.allCases.filter { $0 <= .best }.map {
      WinogradTests.engine($0, nil, [.pointwise, .separable])
    }

    struct Layer: Sendable, CustomStringConvertible {
      var batch = 1
      var channels = 16
      var outputs = 16
      var height = 6
      var width = 6
      var stride: IntPair = 1
      var padding: IntPair = 1
      var description: String {
        "\(batch) × \(channels) to \(outputs) channels, \(height) × \(width), stride \(stride), "
          + "padding \(padding)"
      }

      var image: Tensor { Tensor(Formula.input([batch, channels, height, width])) }
      var weights: Tensor { WinogradTests.weight("weight", [outputs, channels, 1, 1]) }
      var bias: Tensor { WinogradTests.weight("bias", [outputs]) }

      func pointwise() -> [Tensor] {
        let x = image.conv2d(weights, bias: bias, stride: stride)
        let other = image.conv2d(WinogradTests.weight("other", [outputs, channels, 1, 1]), stride: stride)
        return [
          x, x.relu(), (other + image.conv2d(weights, stride: stride)).activation(.relu6),
          (x + other.relu()).relu(), x.activation(.silu),
        ]
      }

      func separable() -> [Tensor] {
        func depthwise(_ bias: Tensor?) -> Tensor {
          image.conv2d(
            WinogradTests.weight("depthwise", [channels, 1, 3, 3]), bias: bias, stride: stride,
            padding: padding, groups: channels)
        }
        let middle = depthwise(WinogradTests.weight("middle", [channels]))
        let plain = depthwise(nil)
        let x = middle.relu().conv2d(weights, bias: bias)
        return [
          x.relu(), plain.activation(.relu6).conv2d(weights), plain.conv2d(weights, bias: bias).relu() + x,
          // Read twice, or with a function that has no bounds: the two stay apart.
          plain.conv2d(weights) + plain.mean(), middle.activation(.silu).conv2d(weights),
        ]
      }
    }

    static let layers: [Layer] = [
      Layer(), Layer(height: 1, width: 1), Layer(height: 3, width: 2, stride: 2),
      Layer(batch: 2, channels: 48, outputs: 80, height: 7, width: 9),
      Layer(batch: 3, channels: 32, outputs: 160, height: 8, width: 5, stride: 2),
      Layer(channels: 64, outputs: 32, height: 41, width: 40),
      Layer(channels: 16, outputs: 48, height: 9, width: 12, stride: IntPair(1, 2), padding: IntPair(0, 2)),
    ]

    @Test("agree with plain loops", arguments: engines, layers)
    func agreement(engine: EngineCase, layer: Layer) throws {
      for output in layer.pointwise() + layer.separable() {
        let trace = Trace(of: [output])
        let expected = try EngineCase.referencePlain.results(of: trace)[0]
        let result = try engine.results(of: trace)[0]
        #expect(difference(result, expected, relative: 1e-5, scale: .largestMagnitude) == nil)
      }
    }

    @Test("do the depthwise convolutions of MobileNetV1, unless switched off") func choice() throws {
      func steps(_ kernels: Set<OwnKernel>) throws -> [String: Int] {
        let model = try ModelRegistry.make("mobilenet_v1").eval()
        let trace = Trace(of: [model(Tensor(HostTensor.zeros([1, 3, 224, 224])))])
        let engine = WinogradTests.engine(.best, nil, kernels)
        return try engine.run {
          Dictionary(try Engine.profile(trace).map { ($0.implementation, 1) }, uniquingKeysWith: +)
        }
      }
      #expect(try steps([.separable])["separable"] == 13)
      let without = try steps([])
      #expect(without["separable"] == nil && without["pointwise"] == nil)
      Engine.clearCache()
    }
  }
}
