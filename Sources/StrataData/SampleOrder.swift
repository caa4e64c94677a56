import StrataCore

/// What random numbers are used for: no two uses share any.
enum Purpose: Int {
  case order, samples, batches

  func key(_ state: LoaderState) -> RandomKey {
    RandomKey(seed: state.seed).child(rawValue).child(state.epoch)
  }
}

/// The order of the examples of any epoch.
struct SampleOrder: Sendable {
  private let count: Int
  private let isShuffled: Bool
  /// Sums of weights up to and with each example; empty where none are drawn.
  private let sums: [Double]
  /// How many are drawn.
  private let drawn: Int
  private let shard: Shard
  private let dropLast: Bool

  init(_ dataset: any Dataset, _ sampling: Sampling, _ shard: Shard, dropLast: Bool) throws(StrataError) {
    count = dataset.count
    isShuffled = sampling == .shuffled
    self.shard = shard
    self.dropLast = dropLast
    switch sampling {
    case .sequential, .shuffled: (sums, drawn) = ([], dataset.count)
    case .balanced: (sums, drawn) = (try Self.sums(Self.balance(of: dataset)), dataset.count)
    case .weighted(let weights, let drawn):
      guard weights.count == dataset.count else {
        throw StrataError(.argument, "\(weights.count) weights are given for \(dataset.count) examples")
      }
      guard drawn ?? 1 > 0 else { throw StrataError(.argument, "\(drawn ?? 0) examples cannot be drawn") }
      (sums, self.drawn) = (try Self.sums(weights), drawn ?? dataset.count)
    }
  }

  /// Whether an example may come more than once in an epoch.
  var repeats: Bool { !sums.isEmpty }

  /// How many examples an epoch has for this shard.
  var epochCount: Int {
    let rounded = dropLast ? drawn / shard.count : (drawn + shard.count - 1) / shard.count
    return shard.count == 1 ? drawn : rounded
  }

  /// The numbers of the examples of an epoch that are this shard's.
  func indices(_ state: LoaderState) -> [Int] {
    let key = Purpose.order.key(state)
    let all: [Int]
    if repeats {
      all = (0..<drawn).map { draw(key, $0) }
    } else {
      all = isShuffled ? key.permutation(count) : Array(0..<count)
    }
    guard shard.count > 1, !all.isEmpty else { return all }
    // Every shard has as many: what lacks at the end is taken from the beginning.
    return (0..<epochCount).map { all[($0 * shard.count + shard.rank) % all.count] }
  }

  private func draw(_ key: RandomKey, _ place: Int) -> Int {
    var draws = RandomDraws(key.child(place))
    let target = draws.uniform() * (sums.last ?? 0)
    var (low, high) = (0, sums.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if sums[middle] > target { high = middle } else { low = middle + 1 }
    }
    return low
  }

  private static func sums(_ weights: [Double]) throws(StrataError) -> [Double] {
    if let wrong = weights.first(where: { !($0 >= 0 && $0.isFinite) }) {
      throw StrataError(.argument, "a weight is 0 or more, and one is \(wrong)")
    }
    var sum = 0.0
    let sums = weights.map { weight in
      sum += weight
      return sum
    }
    guard weights.isEmpty || (sum > 0 && sum.isFinite) else {
      throw StrataError(.argument, "the weights of all examples together are \(sum)")
    }
    return sums
  }

  /// Weights by which each class that has examples comes equally often.
  private static func balance(of dataset: any Dataset) throws(StrataError) -> [Double] {
    var labels: [Int] = []
    var counts: [Int: Int] = [:]
    for index in 0..<dataset.count {
      let label = try dataset.label(at: index)
      labels.append(label)
      counts[label, default: 0] += 1
    }
    return labels.map { 1 / Double(counts[$0] ?? 1) }
  }
}
