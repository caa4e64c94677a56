import Strata
import StrataTestSupport
import Testing

extension EngineSuite {
  /// Our own linear layers.
  @Suite("Linear layers of few rows", .serialized) struct LinearTests {
    /// Every instruction set that this processor has.
    static let engines: [EngineCase] = KernelOptions.InstructionSet.allCases.filter { $0 <= .best }.map {
      WinogradTests.engine($0, nil, [.linear])
    }

    @Test(
      "agree with plain loops", arguments: engines,
      [
        [1, 16, 16], [1, 1, 1], [2, 100, 7], [5, 33, 70], [8, 17000, 3], [13, 70, 50], [16, 15, 33],
        [3, 9000, 5],
      ])
    func agreement(engine: EngineCase, sizes: [Int]) throws {
      let (rows, channels, outputs) = (sizes[0], sizes[1], sizes[2])
      let input = Tensor(Formula.input([rows, channels]))
      let weights = WinogradTests.weight("weight", [outputs, channels])
      let bias = WinogradTests.weight("bias", [outputs])
      let x = input.linear(weights, bias: bias)
      let other = input.linear(WinogradTests.weight("other", [outputs, channels])).relu()
      for output in [x, input.linear(weights).relu(), (x + other).relu(), x.activation(.silu)] {
        let trace = Trace(of: [output])
        let expected = try EngineCase.referencePlain.results(of: trace)[0]
        let result = try engine.results(of: trace)[0]
        #expect(difference(result, expected, relative: 1e-5, scale: .largestMagnitude) == nil)
      }
    }

    /// Each weight is wrong by 2⁻¹² of itself at most.
    @Test(
      "keep weights of every size in half precision", arguments: engines,
      [[1, 16, 16], [1, 1, 1], [2, 100, 7], [8, 1700, 3], [16, 15, 33], [3, 9000, 5]])
    func halves(engine: EngineCase, sizes: [Int]) throws {
      let (rows, channels, outputs) = (sizes[0], sizes[1], sizes[2])
      let input = Tensor(Formula.input([rows, channels]))
      let bias = WinogradTests.weight("bias", [outputs])
      let options = try #require(engine.configuration.backend as? OneDNNBackend)
      let half = EngineCase(try options.computing(in: .float16), Set(Pass.allCases), "float16")
      for factor in [1, 1e6, 1e30, 1e-7, 1e-33] as [Float] {
        let plain = Formula.parameter("weight", [outputs, channels])
        let values = plain.scalars(as: Float.self).map { $0 * factor }
        let weights = Variable([outputs, channels]) { HostTensor(values, shape: [outputs, channels]) }.tensor
        let trace = Trace(of: [input.linear(weights, bias: bias)])
        let expected = try EngineCase.referencePlain.results(of: trace)[0]
        let result = try half.results(of: trace)[0]
        #expect(difference(result, expected, relative: 1e-3, scale: .largestMagnitude) == nil, "\(factor)")
      }
    }

    @Test("keep infinity and what is no number in half precision", arguments: engines)
    func notFinite(engine: EngineCase) throws {
      let weights = Variable([3, 17]) {
        HostTensor(
          [Float](repeating: 1, count: 17) + [.infinity] + [Float](repeating: 1, count: 16)
            + [Float](repeating: 2, count: 16) + [.nan], shape: [3, 17])
      }.tensor
      let options = try #require(engine.configuration.backend as? OneDNNBackend)
      let half = EngineCase(try options.computing(in: .float16), Set(Pass.allCases), "float16")
      let result = try half.value(Tensor(HostTensor.ones([1, 17])).linear(weights)).scalars(as: Float.self)
      #expect(result[0] == 17 && result[1] == .infinity && result[2].isNaN)
    }
  }
}
