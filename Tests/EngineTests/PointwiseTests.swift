import Strata
import StrataTestSupport
import Testing

extension EngineSuite {
  /// Our own 1×1 convolutions, alone and after depthwise ones.
  @Suite("Pointwise convolutions", .serialized) struct PointwiseTests {
    /// Every instruction set that this processor has.
    static let engines: [EngineCase] = KernelOptions.InstructionSet.allCases.filter { $0 <= .best }.flatMap {
      [
        WinogradTests.engine($0, nil, [.pointwise, .separable]),
        WinogradTests.engine($0, nil, [.pointwise, .separable, .sparse]),
      ]
    }

    struct Layer: Sendable, CustomStringConvertible {
      var batch = 1
      var channels = 16
      var outputs = 16
      var height = 6
      var width = 6
      var stride: IntPair = 1
      var padding: IntPair = 1
      /// Whether half of the image's values are zeros, so that sparse products are chosen.
      var isRectified = false
      var description: String {
        "\(batch) × \(channels) to \(outputs) channels, \(height) × \(width), stride \(stride), "
          + "padding \(padding)\(isRectified ? ", rectified" : "")"
      }

      var image: Tensor {
        let x = Tensor(Formula.input([batch, channels, height, width]))
        return isRectified ? x.relu() : x
      }
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

      /// 3×3 convolutions with a stride, one of them behind pooling.
      func windows() -> [Tensor] {
        let weights = WinogradTests.weight("windows", [outputs, channels, 3, 3])
        let x = image.conv2d(weights, bias: bias, stride: 2, padding: padding)
        return [
          x, (x + x.relu().conv2d(WinogradTests.weight("next", [outputs, outputs, 1, 1]))).relu(),
          image.maxPool2d(Pooling(kernel: 2, stride: 1, padding: 1)).conv2d(
            weights, stride: IntPair(2, 1), padding: 1),
        ]
      }
    }

    static let layers: [Layer] = [
      Layer(), Layer(height: 1, width: 1), Layer(height: 3, width: 2, stride: 2),
      Layer(batch: 2, channels: 48, outputs: 80, height: 7, width: 9),
      Layer(batch: 3, channels: 32, outputs: 160, height: 8, width: 5, stride: 2),
      Layer(channels: 64, outputs: 32, height: 41, width: 40),
      Layer(channels: 16, outputs: 48, height: 9, width: 12, stride: IntPair(1, 2), padding: IntPair(0, 2)),
      Layer(channels: 64, outputs: 128, height: 1, width: 1, isRectified: true),
      Layer(batch: 2, channels: 80, outputs: 144, height: 7, width: 9, isRectified: true),
      Layer(batch: 3, channels: 176, outputs: 176, height: 8, width: 5, stride: 2, isRectified: true),
      Layer(channels: 64, outputs: 160, height: 41, width: 40, isRectified: true),
      Layer(channels: 128, outputs: 352, height: 5, width: 5, isRectified: true),
      Layer(
        channels: 96, outputs: 128, height: 9, width: 12, stride: IntPair(1, 2), padding: IntPair(0, 2),
        isRectified: true),
    ]

    @Test("agree with plain loops", arguments: engines, layers)
    func agreement(engine: EngineCase, layer: Layer) throws {
      for output in layer.pointwise() + layer.separable() + layer.windows() {
        let trace = Trace(of: [output])
        let expected = try EngineCase.referencePlain.results(of: trace)[0]
        let result = try engine.results(of: trace)[0]
        #expect(difference(result, expected, relative: 1e-5, scale: .largestMagnitude) == nil)
      }
    }

    @Test("let infinite weights meet zeros, as plain loops do", arguments: engines)
    func infinity(engine: EngineCase) throws {
      let weights = Variable([128, 64, 1, 1]) {
        var values = Formula.parameter("weight", [128, 64, 1, 1]).scalars(as: Float.self)
        values[37 * 64 + 5] = .infinity
        return HostTensor(values, shape: [128, 64, 1, 1])
      }
      let image = Tensor(Formula.input([1, 64, 9, 9])).relu()
      let trace = Trace(of: [image.conv2d(weights.tensor)])
      let values = try engine.results(of: trace)[0].scalars(as: Float.self)
      let expected = try EngineCase.referencePlain.results(of: trace)[0].scalars(as: Float.self)
      #expect(expected.contains { $0.isNaN })
      #expect(values.map(\.isNaN) == expected.map(\.isNaN))
    }

    /// How often a network has each kind of step.
    private func steps(of network: String, _ kernels: Set<OwnKernel>) throws -> [String: Int] {
      let model = try ModelRegistry.make(network).eval()
      let trace = Trace(of: [model(Tensor(HostTensor.zeros([1, 3, 224, 224])))])
      return try WinogradTests.engine(.best, nil, kernels).run {
        Dictionary(try Engine.profile(trace).map { ($0.implementation, 1) }, uniquingKeysWith: +)
      }
    }

    @Test("do the depthwise convolutions of MobileNetV1, unless switched off") func choice() throws {
      #expect(try steps(of: "mobilenet_v1", [.separable])["separable"] == 13)
      let without = try steps(of: "mobilenet_v1", [])
      #expect(without["separable"] == nil && without["pointwise"] == nil)
      Engine.clearCache()
    }

    @Test("skip zeros in ResNet50's 3×3 convolutions with a stride or of 7 × 7 pixels, unless switched off")
    func windows() throws {
      let steps = try steps(of: "resnet50", [.winograd, .pointwise, .sparse])
      #expect(steps["sparse"] == 5 && steps.filter { $0.key.hasPrefix("winograd") }.values.reduce(0, +) == 11)
      #expect(try self.steps(of: "resnet50", [.pointwise])["sparse"] == nil)
      Engine.clearCache()
    }
  }
}
