import Strata
import StrataTestSupport
import Testing

@Suite("Batch norm over processes")
struct BatchNormTests {
  private struct Outcome: Sendable {
    var outputs: [Float]
    var image: [Float]
    var weight: [Float]
    var bias: [Float]
    var mean: [Float]
    var variance: [Float]
  }

  private static func input(_ rows: Range<Int>) -> HostTensor {
    let whole = Formula.tensor("image", [6, 3, 2, 2], 4, 6).scalars(as: Float.self)
    return HostTensor(
      Array(whole[rows.lowerBound * 12..<rows.upperBound * 12]), shape: [rows.count, 3, 2, 2])
  }

  private static func pull(_ rows: Range<Int>) -> HostTensor {
    let whole = Formula.tensor("pull", [6, 3, 2, 2], -1, 1).scalars(as: Float.self)
    return HostTensor(
      Array(whole[rows.lowerBound * 12..<rows.upperBound * 12]), shape: [rows.count, 3, 2, 2])
  }

  private static func train(
    _ rows: Range<Int>, _ ranks: any Communicator, synchronised: Bool
  ) throws -> Outcome {
    let norm = BatchNorm2d(3)
    Formula.fill(norm)
    norm.isSynchronised = synchronised
    let (weight, bias) = (try #require(norm.weight), try #require(norm.bias))
    let exchange = GradientExchange(over: ranks)
    return try exchange.use {
      let x = Tensor(input(rows)) * 1
      let y = norm(x)
      let loss = (y * Tensor(pull(rows))).sum()
      let own = gradients(of: loss, wrt: [weight.tensor, bias.tensor, x])
      let sums = exchange.summed(Array(own[..<2]))
      try Tensor.evaluate([y, own[2]] + sums)
      return Outcome(
        outputs: y.scalars(), image: own[2].scalars(), weight: sums[0].scalars(), bias: sums[1].scalars(),
        mean: try #require(norm.running_mean).value.scalars(),
        variance: try #require(norm.running_var).value.scalars())
    }
  }

  private func expectClose(_ found: [Float], _ expected: [Float], _ what: String) {
    #expect(found.count == expected.count)
    let wrong = zip(found, expected).first { abs($0 - $1) > 2e-5 * max(1, abs($1)) }
    #expect(wrong == nil, "\(what)")
  }

  @Test("is that of the whole batch, forward and backward", arguments: EngineCase.all)
  func synchronised(engine: EngineCase) throws {
    let whole = try engine.run { try Self.train(0..<6, LoneProcess(), synchronised: false) }
    // Parts of different sizes.
    let cuts = [0..<3, 3..<5, 5..<6]
    let parts = try ThreadGroup(size: 3).run { ranks in
      try engine.run { try Self.train(cuts[ranks.rank], ranks, synchronised: true) }
    }
    expectClose(parts.flatMap(\.outputs), whole.outputs, "outputs")
    expectClose(parts.flatMap(\.image), whole.image, "gradient of the image")
    for part in parts {
      expectClose(part.weight, whole.weight, "gradient of the weight")
      expectClose(part.bias, whole.bias, "gradient of the bias")
      expectClose(part.mean, whole.mean, "running mean")
      expectClose(part.variance, whole.variance, "running variance")
    }
  }

  @Test("alone is what it always was")
  func alone() throws {
    let plain = try Self.train(0..<6, LoneProcess(), synchronised: false)
    let synchronised = try Self.train(0..<6, LoneProcess(), synchronised: true)
    expectClose(synchronised.outputs, plain.outputs, "outputs")
    expectClose(synchronised.image, plain.image, "gradient of the image")
    expectClose(synchronised.variance, plain.variance, "running variance")
  }

  @Test("does not count a batch that stands in for none")
  func standIn() throws {
    let whole = try Self.train(0..<4, LoneProcess(), synchronised: false)
    let parts = try ThreadGroup(size: 2).run { ranks in
      try Engine.$batchStandsIn.withValue(ranks.rank == 1) {
        try Self.train(ranks.rank == 0 ? 0..<4 : 4..<5, ranks, synchronised: true)
      }
    }
    expectClose(parts[0].outputs, whole.outputs, "outputs")
    expectClose(parts[0].mean, whole.mean, "running mean")
    expectClose(parts[1].mean, whole.mean, "running mean")
    expectClose(parts[1].variance, whole.variance, "running variance")
  }
}
