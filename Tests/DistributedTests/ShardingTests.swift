import Strata
import Testing

@Suite("Batches cut among processes")
struct ShardingTests {
  private static func batches(
    rank: Int, of size: Int, count: Int, batch: Int, sampling: Sampling = .shuffled, dropLast: Bool = false,
    state: LoaderState = LoaderState(seed: 3)
  ) throws -> [Batch] {
    let loader = try DataLoader(
      ShapesDataset(count: count, size: 8), batchSize: batch, sampling: sampling, dropLast: dropLast,
      workers: 0,
      shard: try Shard(rank: rank, of: size, cutting: .batches), state: state)
    var batches: [Batch] = []
    while let batch = try loader.next() { batches.append(batch) }
    return batches
  }

  @Test(
    "are together what one process alone sees, whatever the sizes",
    arguments: [(1, 8), (2, 8), (3, 8), (4, 8), (5, 3)], [25, 24, 17])
  func union(of ranks: (size: Int, batch: Int), count: Int) throws {
    let alone = try Self.batches(rank: 0, of: 1, count: count, batch: ranks.batch)
    let parts = try (0..<ranks.size).map {
      try Self.batches(rank: $0, of: ranks.size, count: count, batch: ranks.batch)
    }
    for part in parts { #expect(part.count == alone.count) }
    for (number, whole) in alone.enumerated() {
      let own = parts.map { $0[number] }
      let counted = own.filter { !$0.standsIn }
      #expect(counted.flatMap(\.indices).sorted() == whole.indices.sorted())
      #expect(own.allSatisfy { $0.total == whole.count && $0.count >= 1 })
      #expect(abs(own.map(\.share).reduce(0, +) - 1) < 1e-12)
      #expect((own.map(\.count).max() ?? 0) - (counted.map(\.count).min() ?? 0) <= 1)
    }
  }

  @Test("have a stand-in where the last batch has fewer examples than there are processes")
  func standIns() throws {
    let last = try (0..<4).map { try Self.batches(rank: $0, of: 4, count: 10, batch: 8)[1] }
    #expect(last.map(\.standsIn) == [false, false, true, true])
    #expect(last.map(\.share) == [0.5, 0.5, 0, 0])
    #expect(last[2].indices == last[0].indices)
  }

  @Test("have the same samples as one process alone, drawn with replacement too")
  func samples() throws {
    let alone = try Self.batches(rank: 0, of: 1, count: 12, batch: 6, sampling: .balanced)
    let part = try Self.batches(rank: 1, of: 2, count: 12, batch: 6, sampling: .balanced)
    for (whole, own) in zip(alone, part) {
      #expect(own.indices == [whole.indices[1], whole.indices[3], whole.indices[5]])
      let size = 3 * 8 * 8
      let expected = whole.inputs.scalars(as: Float.self)
      let found = own.inputs.scalars(as: Float.self)
      #expect(Array(found[..<size]) == Array(expected[size..<2 * size]))
    }
  }

  @Test("can be gone on with by another number of processes")
  func elasticity() throws {
    let two = try DataLoader(
      ShapesDataset(count: 20, size: 8), batchSize: 6, sampling: .shuffled, workers: 0,
      shard: try Shard(rank: 1, of: 2, cutting: .batches), state: LoaderState(seed: 3))
    _ = try two.next()
    _ = try two.next()
    #expect(two.state.position == 12)
    let alone = try Self.batches(rank: 0, of: 1, count: 20, batch: 6)
    let rest = try (0..<3).map {
      try Self.batches(rank: $0, of: 3, count: 20, batch: 6, state: two.state)
    }
    #expect(Set(rest.flatMap { $0[0].indices }) == Set(alone[2].indices))
  }
}
