import Foundation
import Strata
import StrataTestSupport
import Testing

@Suite("Training on several ranks")
struct ParallelTrainingTests {
  /// A network with what differs between a batch and its parts: batch norm.
  private final class Net: Module {
    let conv1 = Conv2d(1, 8, kernelSize: 3, padding: 1, bias: false)
    let bn1 = BatchNorm2d(8)
    // A bias before a batch norm has no gradient but rounding, which AdamW would make whole steps of.
    let conv2 = Conv2d(8, 12, kernelSize: 3, stride: 2, padding: 1, bias: false)
    let bn2 = BatchNorm2d(12)
    let fc = Linear(12, 10)

    override func forward(_ x: Tensor) -> Tensor {
      // Smooth: where rounding decides which side of a rectifier a number is on, runs part for good.
      fc(bn2(conv2(bn1(conv1(x)).activation(.silu))).activation(.silu).mean(dims: [2, 3]))
    }
  }

  enum Method: String, CaseIterable { case sgd, adamW }

  struct Run: Sendable {
    var losses: [Double] = []
    var weights: [(name: String, values: [Float])] = []
  }

  private static func digits() throws -> MNIST {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return try MNIST.digits(folder: tests.appendingPathComponent("Fixtures/digits").path)
  }

  /// Fifty steps of batches of twenty, the last one of each epoch of three.
  static func train(
    _ ranks: any Communicator, _ method: Method, accumulation: Int = 1,
    compression: GradientExchange.Compression = .none
  ) throws -> Run {
    let net = Net()
    Formula.fill(net)
    // Weights that differ by rank until they are shared.
    if ranks.rank > 0 { net.fc.weight.value = .zeros([10, 12]) }
    try Agreement.share(net.stateEntries.map { ($0.name, $0.variable) }, over: ranks)
    net.train()
    net.synchroniseBatchNorms()
    let optimizer: Optimizer =
      switch method {
      case .sgd: SGD(net, lr: 0.02, momentum: 0.9, weightDecay: 1e-3)
      case .adamW: AdamW(net, lr: 2e-3)
      }
    let step = TrainingStep(net, optimizer: optimizer)
    let exchange = GradientExchange(over: ranks, bucketSize: 1000, compression: compression)
    step.summation = { exchange.summed($0) }
    let loader = try DataLoader(
      digits().subset(Array(0..<123)), batchSize: 20, sampling: .shuffled, workers: 0,
      shard: ranks.size == 1 ? .whole : try Shard(rank: ranks.rank, of: ranks.size, cutting: .batches),
      state: LoaderState(seed: 7))
    var run = Run()
    while run.losses.count < 50 {
      var batches: [Batch] = []
      while batches.count < accumulation, let batch = try loader.next() { batches.append(batch) }
      if batches.isEmpty { continue }
      let total = batches.reduce(0) { $0 + $1.total }
      let counts = batches.map { $0.standsIn ? 0 : $0.count }
      let outcome = try exchange.use {
        try step(
          microBatches: batches.map { (Tensor($0.inputs), Tensor($0.labels)) },
          weights: counts.map { Double($0) / Double(total) })
      }
      var loss = [outcome.loss * Double(counts.reduce(0, +)) / Double(total)]
      try ranks.allReduce(&loss, label: "loss")
      run.losses.append(loss[0])
    }
    let values = try net.stateEntries.map { (name: $0.name, value: try $0.variable.value()) }
    try Agreement.check(values, over: ranks)
    run.weights = values.map { ($0.name, $0.value.converted(to: .float32).scalars()) }
    return run
  }

  private func expectClose(_ found: Run, _ expected: Run, within tolerance: Double) {
    for (step, (a, b)) in zip(found.losses, expected.losses).enumerated() {
      #expect(abs(a - b) <= tolerance * abs(b), "loss of step \(step + 1): \(a), alone \(b)")
    }
    for (a, b) in zip(found.weights, expected.weights) {
      let scale = Double(b.values.map(abs).max() ?? 0)
      let difference = zip(a.values, b.values).map { abs(Double($0) - Double($1)) }.max() ?? 0
      #expect(
        difference <= tolerance * scale, "\(a.name) differs by \(difference), its largest number is \(scale)")
    }
  }

  @Test("follows one process for fifty steps, to 1e-4", arguments: [2, 3, 4], Method.allCases)
  func follows(size: Int, method: Method) throws {
    let alone = try Self.train(LoneProcess(), method)
    #expect((alone.losses.last ?? 9) < 0.9 * alone.losses[0])
    for run in try ThreadGroup(size: size).run({ try Self.train($0, method) }) {
      expectClose(run, alone, within: 1e-4)
    }
  }

  @Test("follows it when gradients of several batches are added up")
  func accumulation() throws {
    let alone = try Self.train(LoneProcess(), .sgd, accumulation: 2)
    for run in try ThreadGroup(size: 4).run({ try Self.train($0, .sgd, accumulation: 2) }) {
      expectClose(run, alone, within: 1e-4)
    }
  }

  @Test("learns as well where gradients travel as bfloat16")
  func compression() throws {
    let alone = try Self.train(LoneProcess(), .sgd)
    let runs = try ThreadGroup(size: 2).run { try Self.train($0, .sgd, compression: .bfloat16) }
    let (last, reference) = (runs[0].losses.suffix(10).reduce(0, +), alone.losses.suffix(10).reduce(0, +))
    #expect(abs(last - reference) < 0.1 * reference)
    #expect(runs[0].losses != alone.losses)
  }
}
