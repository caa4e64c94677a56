import Strata
import StrataTestSupport
import Testing

@Suite("Gradients over processes")
struct ExchangeTests {
  /// Three layers with a parameter that the loss does not use.
  private static func step(
    _ ranks: any Communicator, bucketSize: Int, compression: GradientExchange.Compression = .none
  ) throws -> [[Float]] {
    let shapes: [Shape] = [[6, 4], [6], [3, 6], [3], [5]]
    let parameters = shapes.enumerated().map { index, shape in
      Variable(Formula.tensor("\(index)", shape, -1, 1))
    }
    let x = Tensor(Formula.tensor("\(50 + ranks.rank)", [2, 4], -1, 1))
    let hidden = x.linear(parameters[0].tensor, bias: parameters[1].tensor).activation(.tanh)
    let loss = hidden.linear(parameters[2].tensor, bias: parameters[3].tensor).square().sum()
    let targets = parameters.map(\.tensor)
    let own = gradients(of: loss, wrt: targets)
    let exchange = GradientExchange(
      over: ranks, bucketSize: bucketSize,
      compression: compression)
    let sums = exchange.summed(own)
    try exchange.use { try Tensor.evaluate(sums) }
    return sums.map { $0.scalars(as: Float.self) }
  }

  /// The sums of what ranks alone compute.
  private static func expected(_ size: Int) throws -> [[Float]] {
    var sums: [[Float]] = []
    for rank in 0..<size {
      let own = try step(Lonely(rank: rank), bucketSize: 1 << 20)
      sums = sums.isEmpty ? own : zip(sums, own).map { zip($0, $1).map(+) }
    }
    return sums
  }

  private struct Lonely: Communicator {
    let rank: Int
    var size: Int { 1 }
    var localRank: Int { 0 }
    var localSize: Int { 1 }
    func begin(
      _ collective: Collective, on memory: UnsafeMutableRawPointer, lane: Lane, label: String
    ) throws(StrataError) -> any PendingCollective {
      throw StrataError(.communication, "a process alone needs nobody")
    }
    func abort(_ reason: String, status: Int32) -> Never { preconditionFailure(reason) }
    func finish() {}
  }

  @Test("are the sums of all, in buckets of any size", arguments: EngineCase.all, [1, 40, 200, 1 << 20])
  func sums(engine: EngineCase, bucketSize: Int) throws {
    let expected = try Self.expected(2)
    let all = try ThreadGroup(size: 2).run { ranks in
      try engine.run { try Self.step(ranks, bucketSize: bucketSize) }
    }
    #expect(all[0] == all[1])
    for (sum, wanted) in zip(all[0], expected) {
      #expect(zip(sum, wanted).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($1)) })
    }
  }

  @Test("lose no more than bfloat16 does where they travel so")
  func compression() throws {
    let expected = try Self.expected(3)
    let all = try ThreadGroup(size: 3).run { ranks in
      try Self.step(ranks, bucketSize: 64, compression: .bfloat16)
    }
    #expect(all[0] == all[1] && all[1] == all[2])
    for (sum, wanted) in zip(all[0], expected) {
      let largest = wanted.map(abs).max() ?? 0
      #expect(zip(sum, wanted).allSatisfy { abs($0 - $1) <= 0.03 * largest })
    }
    #expect(all[0] != expected)
  }

  @Test("fill buckets from the last parameter on, and are cut where one is full")
  func layout() {
    let gradients = [10, 1, 20, 5, 5].map { Tensor.zeros([$0]) }
    let exchange = GradientExchange(over: Pair(), bucketSize: 40)
    _ = exchange.summed(gradients)
    // 41 numbers of 4 bytes: the third gradient is cut, and the first begins in the middle of a bucket.
    #expect(exchange.bucketSizes == [40, 40, 40, 40, 4])
    let halved = GradientExchange(over: Pair(), bucketSize: 40, compression: .bfloat16)
    _ = halved.summed(gradients)
    #expect(halved.bucketSizes == [40, 40, 2])
    // A frozen parameter has no gradient.
    _ = exchange.summed(Array(gradients[..<3]))
    #expect(exchange.bucketSizes == [40, 40, 40, 4])
  }

  @Test("are handed over as soon as they are computed")
  func order() throws {
    let x = Tensor(Formula.tensor("\(1)", [2, 4], -1, 1))
    let (first, second) = (
      Variable(Formula.tensor("\(2)", [4, 4], -1, 1)), Variable(Formula.tensor("\(3)", [4, 4], -1, 1))
    )
    let loss = x.matmul(first.tensor).activation(.tanh).matmul(second.tensor).sum()
    let own = gradients(of: loss, wrt: [first.tensor, second.tensor])
    let exchange = GradientExchange(over: Pair())
    let plan = try Engine.plan(Trace(of: exchange.summed(own)))
    let places = (0..<2).map { part in
      plan.graph.nodes.firstIndex { $0.op == .crossRank(.contribute(part: part)) } ?? -1
    }
    // The second layer's gradient is known before anything of the first layer's backward pass.
    #expect(places[1] >= 0 && places[1] < places[0] - 1)
    #expect(plan.isConstant[places[0]] == false)
  }

  private struct Pair: Communicator {
    var rank: Int { 0 }
    var size: Int { 2 }
    var localRank: Int { 0 }
    var localSize: Int { 2 }
    func begin(
      _ collective: Collective, on memory: UnsafeMutableRawPointer, lane: Lane, label: String
    ) throws(StrataError) -> any PendingCollective {
      throw StrataError(.communication, "nothing is sent in this test")
    }
    func abort(_ reason: String, status: Int32) -> Never { preconditionFailure(reason) }
    func finish() {}
  }

  @Test("are under way once, however many travel at the same time")
  func statistics() {
    let now = ContinuousClock.now
    func journey(_ start: Int, _ end: Int) -> GradientExchange.Journey {
      GradientExchange.Journey(
        start: now + .milliseconds(start), end: now + .milliseconds(end), byteCount: 10)
    }
    var statistics = GradientExchange.Statistics()
    // From 0 to 30 and from 40 to 50.
    statistics.add([journey(40, 50), journey(20, 30), journey(0, 25), journey(5, 10)])
    #expect(statistics.underWay == .milliseconds(40))
    #expect(statistics.buckets == 4 && statistics.bytes == 40)
    statistics.waited = .milliseconds(10)
    #expect(statistics.exposedShare == 0.25)
  }

  @Test("refuse to be summed outside of an exchange")
  func outside() {
    let sum = Tensor.summedOverRanks([Tensor(Formula.tensor("\(1)", [3], -1, 1))])
    #expect(throws: StrataError.self) { try Tensor.evaluate(sum) }
  }
}
