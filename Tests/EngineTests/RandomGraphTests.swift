import Strata
import StrataTestSupport
import Testing

/// A network of random operations, for combinations that nobody thought of: values that are read several
/// times, sums across branches, results in the middle, weights that are shared or are data.
private struct RandomGraph {
  private let key: RandomKey
  private var drawn: UInt64 = 0
  private var values: [Tensor]
  private var weights: [Tensor] = []

  /// Some of the values, the last one among them.
  private(set) var outputs: [Tensor] = []
  /// The inputs and the weights.
  var leaves: [Tensor] { values.prefix(2) + weights }

  init(seed: UInt64) {
    key = RandomKey(seed: seed)
    let shape: Shape = [2, [3, 8, 16][Int(key.words(0).x % 3)], 6, 5]
    values = [Tensor(Formula.input(shape)), Tensor(Formula.input(shape, name: "input2"))]
    for number in 0..<(4 + pick(14)) {
      let x = values[values.count - 1 - pick(min(values.count, 4))]
      let origin = ModuleOrigin(path: "\(number)", typeName: "Operation")
      values.append(ModuleOrigin.$current.withValue(origin) { operation(on: x) })
    }
    outputs = [values[values.count - 1]] + (0..<pick(4)).map { _ in values[pick(values.count)] }
  }

  private mutating func pick(_ count: Int) -> Int {
    drawn += 1
    return Int(key.words(drawn).x) % count
  }

  /// A new weight, or one that was used before.
  private mutating func weight(_ shape: Shape) -> Tensor {
    if pick(3) == 0, let known = weights.last(where: { $0.shape == shape }) { return known }
    let name = "weight\(weights.count)"
    let isData = pick(8) == 0
    let weight =
      isData
      ? Tensor(Formula.parameter(name, shape)) : Variable(shape) { Formula.parameter(name, shape) }.tensor
    weights.append(weight)
    return weight
  }

  private mutating func operation(on x: Tensor) -> Tensor {
    let channels = x.shape[1]
    switch pick(18) {
    case 0...2:
      let size = [1, 3][pick(2)]
      let kernel = weight([channels, channels, size, size])
      return x.conv2d(kernel, bias: pick(2) == 0 ? weight([channels]) : nil, padding: IntPair(size / 2))
    case 3: return x.conv2d(weight([channels, 1, 3, 3]), padding: 1, groups: channels)
    case 4:
      return x.batchNorm(
        mean: weight([channels]), variance: weight([channels]).square() + 0.5, weight: weight([channels]),
        bias: weight([channels]))
    case 5, 6:
      let kinds: [Activation] = [.relu, .relu6, .hardswish, .silu, .tanh, .leakyReLU(slope: 0.1)]
      return x.activation(kinds[pick(kinds.count)])
    case 7, 8:
      let like = values.filter { $0.shape == x.shape }
      return x + like[pick(like.count)]
    case 9: return x * weight([channels, 1, 1])
    case 10: return [x.permute(0, 2, 3, 1), x.transpose(2, 3), x.transpose(0, 1).transpose(0, 1)][pick(3)]
    case 11: return [x.reshape(2, -1).reshape(x.shape), -x, x.softmax(dim: 1)][pick(3)]
    case 12: return x.matmul(x.transpose(2, 3)).softmax(dim: -1)
    case 13: return x.linear(weight([6, x.shape[3]]), bias: weight([6]))
    case 14:
      let window = Pooling(kernel: 3, stride: 1, padding: 1)
      return pick(2) == 0 ? x.maxPool2d(window) : x.averagePool2d(window)
    case 15, 16:
      let (mean, variance) = x.batchMoments()
      let norm = x.batchNorm(
        mean: mean, variance: variance, weight: weight([channels]), bias: weight([channels]))
      return pick(3) == 0 ? norm : norm.relu()
    default: return Tensor.cat([x, x.relu()], dim: 1)[.all, (channels / 2)..<(channels / 2 + channels)]
    }
  }
}

extension EngineSuite {
  @Suite("Random graphs", .serialized) struct RandomGraphTests {
    @Test(
      "give the same numbers on every engine, with every set of passes", arguments: 0..<150 as Range<UInt64>)
    func agreement(seed: UInt64) throws {
      try expectAgreement(of: RandomGraph(seed: seed).outputs, seed, 1e-4)
    }

    @Test(
      "have the same gradients on every engine, with every set of passes",
      arguments: 0..<40 as Range<UInt64>)
    func gradientAgreement(seed: UInt64) throws {
      let graph = RandomGraph(seed: seed)
      let loss = graph.outputs.reduce(Tensor.zeros([])) { $0 + ($1 * $1).mean() }
      try expectAgreement(of: [loss] + gradients(of: loss, wrt: graph.leaves), seed, 1e-3)
    }

    @Test(
      "give nearly the same numbers in bfloat16, gradients too",
      .enabled(if: OneDNNBackend.hasInstructions(for: .bfloat16)), arguments: 0..<40 as Range<UInt64>)
    func bfloat16(seed: UInt64) throws {
      let graph = RandomGraph(seed: seed)
      let loss = graph.outputs.reduce(Tensor.zeros([])) { $0 + ($1 * $1).mean() }
      let trace = Trace(of: graph.outputs + gradients(of: loss, wrt: graph.leaves))
      let expected = try EngineCase.optimised.results(of: trace)
      let engine = EngineCase(
        try OneDNNBackend().computing(in: .bfloat16), Set(Pass.allCases), "bfloat16")
      let rounded = try engine.results(of: trace)
      for (index, (result, expected)) in zip(rounded, expected).enumerated() {
        #expect(
          difference(result, expected, relative: 0.05, absolute: 0.05, scale: .largestMagnitude) == nil,
          "output \(index)")
      }
    }

    /// What is rounded at the beginning grows on the way: only gross mistakes show.
    @Test(
      "give similar numbers in int8", .enabled(if: OneDNNBackend.hasInstructions(for: .int8)),
      arguments: 0..<60 as Range<UInt64>)
    func int8(seed: UInt64) throws {
      let graph = RandomGraph(seed: seed)
      let trace = Trace(of: graph.outputs)
      let expected = try EngineCase.optimised.results(of: trace)
      var calibrator = Calibrator()
      for output in graph.outputs { try calibrator.observe(output) }
      guard let calibration = try? calibrator.calibration(by: .minMax) else { return }
      let backend = try OneDNNBackend().computing(in: .int8(calibration))
      let results = try EngineCase(backend, Set(Pass.allCases), "int8").results(of: trace)
      for (index, (result, expected)) in zip(results, expected).enumerated() {
        #expect(
          difference(result, expected, relative: 0.2, absolute: 0.2, scale: .largestMagnitude) == nil,
          "output \(index)")
      }
    }

    private func expectAgreement(of outputs: [Tensor], _ seed: UInt64, _ tolerance: Double) throws {
      let trace = Trace(of: outputs)
      let expected = try EngineCase.referencePlain.results(of: trace)
      // Where large terms cancel, what is left is as wrong as they are.
      let largest = expected.flatMap { $0.scalars(as: Float.self) }.reduce(1) { max($0, abs(Double($1))) }
      let passes = Set(
        Pass.allCases.enumerated().filter { seed >> UInt64($0.offset) & 1 == 1 }.map(\.element))
      let options = KernelOptions(
        Set(OwnKernel.allCases.enumerated().filter { seed >> UInt64($0.offset) & 1 == 0 }.map(\.element)),
        instructionSet: min(.best, [.base, .avx2, .avx512][Int(seed % 3)]))
      let backends: [any Backend] = [ReferenceBackend(), OneDNNBackend(options)]
      let mixed = backends.map { EngineCase($0, passes, "\($0.name), \(passes.map(\.rawValue).sorted())") }
      for engine in [.plain, .optimised] + mixed {
        let results = try engine.results(of: trace)
        for (index, (result, expected)) in zip(results, expected).enumerated() {
          #expect(
            difference(
              result, expected, relative: tolerance, absolute: tolerance / 1000 * largest,
              scale: .largestMagnitude)
              == nil,
            "output \(index), \(engine)")
        }
      }
    }
  }
}
