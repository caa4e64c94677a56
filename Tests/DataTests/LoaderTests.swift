import StrataCore
import StrataData
import Testing

@Suite("Loading batches")
struct LoaderTests {
  /// Numbers of which each is its own index.
  private static func numbers(_ count: Int, labels: [Int]? = nil) throws -> TensorDataset {
    try TensorDataset(
      inputs: HostTensor((0..<count).map(Float.init), shape: [count, 1]),
      labels: labels ?? (0..<count).map { $0 % 3 }, classNames: ["a", "b", "c"])
  }

  /// What remains of the epoch.
  private static func rest(_ loader: DataLoader) throws -> [Batch] {
    var batches: [Batch] = []
    while let batch = try loader.next() { batches.append(batch) }
    return batches
  }

  private static func hash(_ batch: Batch) -> String {
    let words = batch.inputs.scalars(as: Float.self).map(\.bitPattern) + batch.indices.map { UInt32($0) }
    let soft = batch.softLabels?.scalars(as: Float.self).map(\.bitPattern) ?? []
    let labels = batch.labels.scalars(as: Int64.self).map { UInt32($0) }
    return fnv((words + soft + labels).flatMap { word in (0..<4).map { UInt8(word >> ($0 * 8) & 255) } })
  }

  /// Random pictures, transformed at random and mixed: everything that could differ.
  private static func demanding(
    workers: Int, prefetch: Int = 2, sampling: Sampling = .shuffled, state: LoaderState = LoaderState(seed: 7)
  ) throws -> DataLoader {
    try DataLoader(
      ShapesDataset(count: 47, size: 16), batchSize: 5, sampling: sampling,
      transform: Compose([
        RandomCrop(16, padding: 2), RandomHorizontalFlip(), ColorJitter(brightness: 0.3, hue: 0.1),
        ToTensor(), RandomErasing(value: .random),
      ]),
      batchTransform: RandomBatchChoice([Mixup(classCount: 5), CutMix(classCount: 5)]), workers: workers,
      prefetch: prefetch, state: state)
  }

  @Test("An epoch has each example once, in order, and the last batch what is left")
  func sequential() throws {
    let loader = try DataLoader(Self.numbers(10), batchSize: 4)
    #expect(loader.batchCount == 3)
    for epoch in 0..<2 {
      #expect(loader.state == LoaderState(epoch: epoch))
      let batches = try Self.rest(loader)
      #expect(batches.map(\.indices) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]])
      #expect(batches.map(\.inputs.shape) == [[4, 1], [4, 1], [2, 1]])
      #expect(batches[1].inputs.scalars(as: Float.self) == [4, 5, 6, 7])
      #expect(batches[1].labels.scalars(as: Int64.self) == [1, 2, 0, 1])
      #expect(batches[1].labels.dtype == .int64 && batches[1].inputs.dtype == .float32)
    }
    let whole = try DataLoader(Self.numbers(10), batchSize: 4, dropLast: true)
    #expect(try Self.rest(whole).map(\.count) == [4, 4])
    #expect(whole.batchCount == 2 && whole.epochCount == 8)
  }

  @Test("Each epoch has an order of its own, which the seed decides")
  func shuffled() throws {
    func orders(_ seed: UInt64) throws -> [[Int]] {
      let loader = try DataLoader(
        Self.numbers(100), batchSize: 7, sampling: .shuffled, state: LoaderState(seed: seed))
      return try (0..<3).map { _ in try Self.rest(loader).flatMap(\.indices) }
    }
    let first = try orders(1)
    #expect(Set(first).count == 3)
    for order in first { #expect(order.sorted() == Array(0..<100)) }
    #expect(try orders(1) == first)
    #expect(try Set(orders(2)).isDisjoint(with: first))
  }

  @Test("All threads together make what one makes", arguments: [1, 2, 3, 8], [1, 2, 7])
  func workers(count: Int, prefetch: Int) throws {
    let (alone, together) = (
      try Self.demanding(workers: 0), try Self.demanding(workers: count, prefetch: prefetch)
    )
    for _ in 0..<2 {
      let expected = try Self.rest(alone).map(Self.hash)
      #expect(try Self.rest(together).map(Self.hash) == expected)
      #expect(Set(expected).count == 10)
    }
  }

  @Test("A loader goes on from any state with the batches that would have come", arguments: 0...10)
  func resuming(taken: Int) throws {
    let sampling: Sampling = taken % 2 == 0 ? .shuffled : .balanced
    let undisturbed = try Self.demanding(workers: 2, sampling: sampling)
    let expected = try Self.rest(undisturbed).map(Self.hash) + Self.rest(undisturbed).map(Self.hash)
    let first = try Self.demanding(workers: 3, sampling: sampling)
    for _ in 0..<taken { _ = try first.next() }
    let state = first.state
    #expect(state == LoaderState(seed: 7, epoch: 0, position: min(taken * 5, 47)))
    let second = try Self.demanding(workers: 1, sampling: sampling, state: state)
    let rest = try Self.rest(second).map(Self.hash) + Self.rest(second).map(Self.hash)
    #expect(rest == Array(expected[taken...]))
    // The first one, which has read ahead, can be sent back as well.
    try first.restore(LoaderState(seed: 7, epoch: 1, position: 10))
    #expect(try Self.rest(first).map(Self.hash) == Array(expected[12...]))
  }

  @Test("Balanced sampling draws every class as often, however rare it is")
  func balanced() throws {
    let labels =
      [Int](repeating: 0, count: 900) + [Int](repeating: 1, count: 90) + [2, 2, 2, 2, 2, 2, 2, 2, 2, 2]
    let loader = try DataLoader(Self.numbers(1000, labels: labels), batchSize: 100, sampling: .balanced)
    var counts = [0, 0, 0]
    var rare: [Int: Int] = [:]
    for _ in 0..<6 {
      for batch in try Self.rest(loader) {
        for label in batch.labels.scalars(as: Int64.self) { counts[Int(label)] += 1 }
        for index in batch.indices where index >= 990 { rare[index, default: 0] += 1 }
      }
    }
    #expect(counts.reduce(0, +) == 6000)
    // The standard deviation of each count is 37, that of each rare example's 14.
    #expect(counts.allSatisfy { abs($0 - 2000) < 160 }, "\(counts)")
    #expect(rare.count == 10 && rare.values.allSatisfy { abs($0 - 200) < 65 }, "\(rare)")
  }

  @Test("Weighted sampling draws by weight, as many as are asked for, and never what weighs nothing")
  func weighted() throws {
    let loader = try DataLoader(
      Self.numbers(4), batchSize: 50, sampling: .weighted([0, 1, 3, 0], count: 4000), workers: 1)
    #expect(loader.batchCount == 80)
    let indices = try Self.rest(loader).flatMap(\.indices)
    #expect(Set(indices) == [1, 2])
    #expect(abs(indices.count { $0 == 2 } - 3000) < 110)
  }

  @Test("An example that comes twice in an epoch is transformed twice")
  func repeated() throws {
    let loader = try DataLoader(
      ShapesDataset(count: 4, size: 16), batchSize: 40, sampling: .weighted([1, 0, 0, 0], count: 40),
      transform: Compose([RandomCrop(16, padding: 4)]))
    let batch = try #require(try loader.next())
    let size = 3 * 16 * 16
    let elements = batch.inputs.scalars(as: Float.self)
    let samples = Set((0..<40).map { Array(elements[$0 * size..<($0 + 1) * size]) })
    #expect(samples.count > 10)
  }

  @Test("Shards share an epoch among them", arguments: [1, 2, 3, 7])
  func shards(count: Int) throws {
    for dropLast in [false, true] {
      var parts: [[Int]] = []
      for rank in 0..<count {
        let loader = try DataLoader(
          Self.numbers(50), batchSize: 1, sampling: .shuffled, dropLast: dropLast, workers: 1,
          shard: Shard(rank: rank, of: count))
        parts.append(try Self.rest(loader).flatMap(\.indices))
      }
      #expect(Set(parts.map(\.count)).count == 1)
      let all = parts.flatMap { $0 }
      #expect(Set(all).count == (dropLast ? 50 / count * count : 50))
      #expect(all.count - Set(all).count < count)
    }
  }

  @Test("An epoch can be awaited")
  func asynchronous() async throws {
    let loader = try Self.demanding(workers: 2)
    var hashes: [String] = []
    for try await batch in loader.batches { hashes.append(Self.hash(batch)) }
    #expect(try hashes == Self.rest(Self.demanding(workers: 0)).map(Self.hash))
  }

  @Test("A loader that is given up in the middle of its work goes quietly")
  func abandoned() throws {
    for index in 0..<30 {
      _ = try Self.demanding(workers: 3, prefetch: 4, state: LoaderState(seed: UInt64(index))).next()
    }
  }

  /// Fails for some numbers, until told otherwise.
  private struct Fragile: Dataset {
    let broken: Set<Int>
    var count: Int { 20 }
    var classNames: [String] { ["only"] }

    func item(at index: Int) throws(StrataError) -> Example {
      if broken.contains(index) { throw StrataError(.format, "example \(index) is broken") }
      return Example(.tensor(HostTensor([Float(index)])), label: 0)
    }
  }

  @Test("An error is the first in order, and the loader stays where it was", arguments: [0, 1, 4])
  func errors(workers: Int) throws {
    let loader = try DataLoader(Fragile(broken: [6, 7, 12]), batchSize: 4, workers: workers, prefetch: 3)
    #expect(try loader.next()?.indices == [0, 1, 2, 3])
    for _ in 0..<3 {
      #expect(failure { _ = try loader.next() } == StrataError(.format, "example 6 is broken"))
      #expect(loader.state == LoaderState(position: 4))
    }
    try loader.restore(LoaderState(position: 8))
    #expect(try loader.next()?.indices == [8, 9, 10, 11])
    #expect(failure { _ = try loader.next() }?.message == "example 12 is broken")
  }

  @Test("Samples of several shapes make no batch, and a label beyond the classes no example")
  func shapes() throws {
    let examples = (0..<4).map { index in
      Example(.tensor(.zeros(index == 2 ? [1, 3, 2] : [1, 2, 3])), label: index)
    }
    let loader = try DataLoader(
      CollectionDataset(examples, classNames: ["a", "b", "c", "d"]), batchSize: 4)
    #expect(
      failure { _ = try loader.next() }?.message
        == "a batch needs samples of one shape: example 0 has [1, 2, 3], example 2 has [1, 3, 2]")
    let cut = try DataLoader(
      CollectionDataset(examples, classNames: ["a", "b", "c", "d"]), batchSize: 4, transform: RandomCrop(3))
    #expect(
      failure { _ = try cut.next() }?.message
        == "example 0: RandomCrop cannot cut 3 × 3 pixels out of 3 × 2")
    let wrong = try DataLoader(CollectionDataset(examples, classNames: ["a", "b"]), batchSize: 1)
    try wrong.restore(LoaderState(position: 3))
    #expect(failure { _ = try wrong.next() }?.message == "example 3 has label 3, and there are 2 classes")
  }

  @Test("Loaders that cannot be are refused with a sentence")
  func mistakes() throws {
    let set = try Self.numbers(10)
    let empty = CollectionDataset([Example](), classNames: [])
    let loader = try DataLoader(set, batchSize: 3)
    let attempts: [() throws -> Void] = [
      { _ = try DataLoader(empty, batchSize: 1) }, { _ = try DataLoader(set, batchSize: 0) },
      { _ = try DataLoader(set, batchSize: 11, dropLast: true) },
      { _ = try DataLoader(set, batchSize: 1, workers: -1) },
      { _ = try DataLoader(set, batchSize: 1, prefetch: 0) },
      { _ = try DataLoader(set, batchSize: 1, sampling: .weighted([1, 2])) },
      { _ = try DataLoader(set, batchSize: 1, sampling: .weighted([Double](repeating: 0, count: 10))) },
      { _ = try DataLoader(set, batchSize: 1, sampling: .weighted([Double](repeating: -1, count: 10))) },
      { _ = try DataLoader(set, batchSize: 1, sampling: .weighted([Double](repeating: .nan, count: 10))) },
      { _ = try DataLoader(set, batchSize: 1, state: LoaderState(position: 11)) },
      { try loader.restore(LoaderState(position: -1)) }, { try loader.restore(LoaderState(epoch: -1)) },
      { _ = try Shard(rank: 2, of: 2) }, { _ = try Shard(rank: 0, of: 0) },
    ]
    for (index, attempt) in attempts.enumerated() {
      #expect(failure(attempt)?.message.isEmpty == false, "attempt \(index)")
    }
  }
}
