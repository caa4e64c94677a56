import Strata
import StrataTestSupport
import Testing

extension EngineSuite {
  /// Our own convolutions of images of few channels.
  @Suite("Stem convolutions", .serialized) struct StemTests {
    /// Every instruction set that this processor has.
    static let engines: [EngineCase] = KernelOptions.InstructionSet.allCases.filter { $0 <= .best }.map {
      WinogradTests.engine($0, nil, [.stem])
    }

    struct Layer: Sendable, CustomStringConvertible {
      var batch = 1
      var channels = 3
      var outputs = 16
      var size = IntPair(30)
      var kernel = IntPair(3)
      var stride: IntPair = 2
      var padding: IntPair = 1
      var description: String {
        "\(batch) × \(channels) to \(outputs) channels, \(size), kernel \(kernel), stride \(stride), "
          + "padding \(padding)"
      }
    }

    static let layers: [Layer] = [
      Layer(), Layer(batch: 2, outputs: 48, kernel: 7, padding: 3),
      Layer(channels: 1, outputs: 32, size: IntPair(9, 14), stride: 1),
      Layer(batch: 2, outputs: 80, size: 64, kernel: 11, stride: 4, padding: 2),
      Layer(channels: 4, size: IntPair(5, 60), kernel: IntPair(2, 5), stride: IntPair(3, 4), padding: 0),
      Layer(channels: 2, size: IntPair(3, 20), kernel: IntPair(1, 3), stride: 1, padding: IntPair(0, 4)),
    ]

    @Test("agree with plain loops", arguments: engines, layers)
    func agreement(engine: EngineCase, layer: Layer) throws {
      let image = Tensor(
        Formula.input([layer.batch, layer.channels, layer.size.height, layer.size.width]))
      let weights = WinogradTests.weight(
        "weight", [layer.outputs, layer.channels, layer.kernel.height, layer.kernel.width])
      let bias = WinogradTests.weight("bias", [layer.outputs])
      let plain = image.conv2d(weights, stride: layer.stride, padding: layer.padding)
      let x = image.conv2d(weights, bias: bias, stride: layer.stride, padding: layer.padding)
      for output in [x, plain.relu(), x.activation(.relu6), x.activation(.silu)] {
        let trace = Trace(of: [output])
        let expected = try EngineCase.referencePlain.results(of: trace)[0]
        let result = try engine.results(of: trace)[0]
        #expect(difference(result, expected, relative: 1e-5, scale: .largestMagnitude) == nil)
      }
    }
  }
}
