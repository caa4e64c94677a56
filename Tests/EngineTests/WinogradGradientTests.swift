import Strata
import StrataTestSupport
import Testing

extension EngineSuite {
  /// The gradients of 3×3 convolutions' weights, by Winograd's filtering wherever it can be.
  @Suite("Winograd's weight gradients", .serialized) struct WinogradGradientTests {
    static let engines: [EngineCase] = KernelOptions.InstructionSet.allCases.filter { $0 <= .best }.map {
      WinogradTests.engine($0, WinogradForm(tile: 4, isLate: false))
    }

    static let layers: [WinogradTests.Layer] = [
      .init(), .init(height: 1, width: 1), .init(height: 2, width: 3, padding: IntPair(2, 1)),
      .init(batch: 3, channels: 48, outputs: 80, height: 13, width: 9),
      // Several rounds of tiles: of each thread's own, and of all threads together.
      .init(batch: 2, channels: 32, outputs: 48, height: 50, width: 47),
      .init(batch: 3, channels: 160, outputs: 112, height: 27, width: 28),
      .init(batch: 2, channels: 32, outputs: 16, height: 5, width: 31, padding: 0),
    ]

    /// The gradients for weights and bias of a sum of squares.
    static func trace(_ layer: WinogradTests.Layer, image: HostTensor, weights: HostTensor) -> Trace {
      let (weights, bias) = (Variable(weights), Variable(Formula.parameter("bias", [layer.outputs])))
      let y = Tensor(image).conv2d(weights.tensor, bias: bias.tensor, padding: layer.padding)
      return Trace(of: gradients(of: (y * y).sum(), wrt: [weights.tensor, bias.tensor]))
    }

    @Test("agree with plain loops, the bias's too", arguments: engines, layers)
    func agreement(engine: EngineCase, layer: WinogradTests.Layer) throws {
      let trace = Self.trace(
        layer, image: Formula.input([layer.batch, layer.channels, layer.height, layer.width]),
        weights: Formula.parameter("weight", [layer.outputs, layer.channels, 3, 3]))
      let expected = try EngineCase.referencePlain.results(of: trace)
      for (result, expected) in zip(try engine.results(of: trace), expected) {
        #expect(difference(result, expected, relative: 1e-5, scale: .largestMagnitude) == nil)
      }
    }

    @Test(
      "round no worse than 1e-5 of the largest with heavy-tailed images and weights of a mean that is not zero"
    )
    func heavyTails() throws {
      func heavy(_ shape: Shape, _ stream: UInt64, scale: Double, mean: Double) -> HostTensor {
        let normal = HostTensor.normal(shape: shape, key: RandomKey(seed: 5 + stream)).scalars(
          as: Double.self)
        return HostTensor(normal.map { Float(scale * $0 * $0 * $0 + mean) }, shape: shape)
      }
      let layer = WinogradTests.Layer(batch: 4, channels: 64, outputs: 64, height: 20, width: 20)
      let trace = Self.trace(
        layer, image: heavy([4, 64, 20, 20], 0, scale: 1, mean: 0.5),
        weights: heavy([64, 64, 3, 3], 1, scale: 0.012, mean: 0.002))
      let expected = try EngineCase.referencePlain.results(of: trace)[0]
      for engine in Self.engines {
        #expect(deviation(try engine.results(of: trace)[0], expected) < 1e-5, "\(engine)")
      }
    }

    @Test(
      "are computed where they win, and can be switched off",
      .enabled(if: KernelOptions.InstructionSet.best == .avx512))
    func choice() throws {
      func steps(_ kernels: Set<OwnKernel>, size: Int) throws -> Int {
        let layer = WinogradTests.Layer(batch: 2, channels: 64, outputs: 64, height: size, width: size)
        let trace = Self.trace(
          layer, image: Formula.input([2, 64, size, size]),
          weights: Formula.parameter("weight", [64, 64, 3, 3]))
        let engine = WinogradTests.engine(.best, nil, kernels)
        return try engine.run { try Engine.profile(trace) }.count { $0.implementation == "winograd:gradient" }
      }
      let all = Set(OwnKernel.allCases)
      #expect(try steps(all, size: 28) == 1)
      // Gradients that are exactly 0 stay so in small images.
      #expect(try steps(all, size: 5) == 0)
      #expect(try steps(all.subtracting([.winogradGradients]), size: 28) == 0)
    }
  }
}
