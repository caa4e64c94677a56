import Strata
import StrataTestSupport
import Testing

extension EngineSuite {
  /// Our own convolutions, forced wherever they can be.
  @Suite("Winograd convolutions", .serialized) struct WinogradTests {
    /// Every instruction set that this processor has, with both sizes of tiles, weights early and late.
    static let engines: [EngineCase] = KernelOptions.InstructionSet.allCases.filter { $0 <= .best }.flatMap {
      isa in
      [2, 4].flatMap { tile in
        [false, true].map { engine(isa, WinogradForm(tile: tile, isLate: $0)) }
      }
    }

    static func engine(
      _ isa: KernelOptions.InstructionSet, _ form: WinogradForm?,
      _ kernels: Set<OwnKernel> = Set(OwnKernel.allCases)
    ) -> EngineCase {
      let options = KernelOptions(kernels, instructionSet: isa, forcedWinograd: form)
      return EngineCase(OneDNNBackend(options), Set(Pass.allCases), "\(options)")
    }

    static func weight(_ name: String, _ shape: Shape) -> Tensor {
      Variable(shape) { Formula.parameter(name, shape) }.tensor
    }

    struct Layer: Sendable, CustomStringConvertible {
      var batch = 1
      var channels = 16
      var outputs = 16
      var height = 6
      var width = 6
      var padding = IntPair(1)
      var kernel = 3
      var description: String {
        "\(batch) × \(channels) to \(outputs) channels, \(height) × \(width), kernel of \(kernel), "
          + "padding \(padding)"
      }

      func output(_ finish: (Tensor, Tensor) -> Tensor) -> Tensor {
        let image = Tensor(Formula.input([batch, channels, height, width]))
        let x = image.conv2d(
          WinogradTests.weight("weight", [outputs, channels, kernel, kernel]),
          bias: WinogradTests.weight("bias", [outputs]),
          padding: padding)
        // A residual that is computed, so that it has the layout that oneDNN likes.
        let other = image.conv2d(
          WinogradTests.weight("other", [outputs, channels, kernel, kernel]), padding: padding)
        return finish(x, other)
      }
    }

    static let layers: [Layer] = [
      Layer(), Layer(height: 1, width: 1), Layer(height: 2, width: 3), Layer(height: 5, width: 9),
      Layer(batch: 2, channels: 48, outputs: 80, height: 7, width: 7),
      Layer(batch: 3, channels: 32, outputs: 64, height: 13, width: 4),
      Layer(channels: 64, outputs: 48, height: 3, width: 31, padding: 0),
      Layer(batch: 2, channels: 16, outputs: 32, height: 9, width: 8, padding: IntPair(2, 0)),
      Layer(height: 1, width: 2, padding: 2, kernel: 5),
      Layer(batch: 2, channels: 48, outputs: 80, height: 13, width: 9, padding: 2, kernel: 5),
      Layer(channels: 32, outputs: 16, height: 8, width: 15, padding: IntPair(0, 1), kernel: 5),
      Layer(batch: 2, channels: 160, outputs: 16, height: 28, width: 28),
    ]

    @Test("agree with plain loops", arguments: engines, layers)
    func agreement(engine: EngineCase, layer: Layer) throws {
      var finishes: [(Tensor, Tensor) -> Tensor] = [
        { x, _ in x }, { x, _ in x.relu() }, { x, _ in (x * 3).activation(.relu6) },
        { x, other in (x + other).relu() }, { x, other in (x + other.relu()) },
        { x, _ in x.activation(.silu) },
      ]
      if layer.output({ x, _ in x }).shape.dropFirst(2).allSatisfy({ $0 > 1 }) {
        for roundsUp in [false, true] {
          let pooling = Pooling(kernel: 2, stride: 2, roundsUp: roundsUp)
          finishes += [{ x, _ in x.maxPool2d(pooling) }, { x, _ in x.relu().maxPool2d(pooling) }]
        }
      }
      for finish in finishes {
        let trace = Trace(of: [layer.output(finish)])
        let expected = try EngineCase.referencePlain.results(of: trace)[0]
        let result = try engine.results(of: trace)[0]
        #expect(difference(result, expected, relative: 1e-5, scale: .largestMagnitude) == nil)
      }
    }

    @Test("are their own image gradients too, with the weights turned", arguments: engines, layers)
    func imageGradients(engine: EngineCase, layer: Layer) throws {
      let image = Variable([layer.batch, layer.channels, layer.height, layer.width]) {
        Formula.input([layer.batch, layer.channels, layer.height, layer.width])
      }
      let weights = WinogradTests.weight(
        "weight", [layer.outputs, layer.channels, layer.kernel, layer.kernel])
      let y = (image.tensor * 2).conv2d(weights, padding: layer.padding)
      let trace = Trace(of: gradients(of: (y * y).sum(), wrt: [image.tensor, weights]))
      let expected = try EngineCase.referencePlain.results(of: trace)
      for (result, expected) in zip(try engine.results(of: trace), expected) {
        #expect(difference(result, expected, relative: 2e-5, scale: .largestMagnitude) == nil)
      }
    }

    @Test("keep what is not a number", arguments: engines)
    func notANumber(engine: EngineCase) throws {
      var values = [Float](repeating: 1, count: 16 * 36)
      values[14] = .nan
      let image = Tensor(HostTensor(values, shape: [1, 16, 6, 6]))
      let x = image.conv2d(WinogradTests.weight("weight", [16, 16, 3, 3]), padding: 1).relu()
      #expect(try engine.value(x).scalars(as: Float.self).contains { $0.isNaN })
    }

    @Test(
      "round no worse than 1e-5 of the largest result with heavy-tailed weights of a mean that is not zero")
    func heavyTails() throws {
      var x = Tensor(Formula.heavyTailed([1, 64, 20, 20], stream: 0, scale: 1, mean: 0.5))
      for layer in 0..<6 {
        let weights = Formula.heavyTailed(
          [64, 64, 3, 3], stream: UInt64(layer + 1), scale: 0.012, mean: 0.002)
        x = x.conv2d(Variable(weights).tensor, padding: 1).relu()
      }
      let trace = Trace(of: [x])
      let expected = try EngineCase.referencePlain.results(of: trace)[0]
      for engine in WinogradTests.engines {
        let result = try engine.results(of: trace)[0]
        #expect(deviation(result, expected) < 1e-5, "\(engine)")
      }
    }

    @Test("are chosen where they win, and can be switched off")
    func choice() throws {
      func steps(_ name: String, _ engine: EngineCase) throws -> Int {
        let model = try ModelRegistry.make(name).eval()
        let trace = Trace(of: [model(Tensor(HostTensor.zeros([1, 3, 224, 224])))])
        return try engine.run { try Engine.profile(trace) }.count { $0.implementation.hasPrefix("winograd") }
      }
      #expect(try steps("resnet50", .optimised) == 11)
      #expect(
        try steps("resnet50", WinogradTests.engine(.best, nil, [])) == 0)
      Engine.clearCache()
    }

    @Test("take new weights into account") func newWeights() throws {
      let weights = Variable(Formula.parameter("first", [16, 16, 3, 3]))
      let x = Tensor(Formula.input([1, 16, 8, 8])).conv2d(weights.tensor, padding: 1)
      let engine = WinogradTests.engine(.best, WinogradForm(tile: 4, isLate: false))
      let trace = Trace(of: [x])
      let first = try engine.results(of: trace)[0]
      weights.store(Formula.parameter("second", [16, 16, 3, 3]))
      let second = try engine.results(of: trace)[0]
      #expect(deviation(first, second) > 0.01)
      #expect(
        difference(
          second, try EngineCase.referencePlain.results(of: trace)[0], relative: 1e-5,
          scale: .largestMagnitude)
          == nil)
    }
  }
}
