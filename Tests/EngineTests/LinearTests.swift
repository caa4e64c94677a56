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
  }
}
