import StrataCore

/// Examples together, as a network takes them.
public struct Batch: Sendable {
  /// What the network is shown: `[N, …]` of type `float32`, `[N, channels, height, width]` for pictures.
  public var inputs: HostTensor
  /// What it should answer: `[N]` of type `int64`.
  public var labels: HostTensor
  /// The share of each class, `[N, classes]` of type `float32`, where `Mixup` or `CutMix` mixed examples.
  public var softLabels: HostTensor?
  /// The numbers of the examples in the data set.
  public var indices: [Int]
  /// How many examples the batch has over all processes, where each takes a part of it.
  public var total: Int
  /// Whether there is no example for this process: the batch then holds one of another's, which does not count.
  public var standsIn = false

  /// Creates a batch.
  public init(inputs: HostTensor, labels: HostTensor, softLabels: HostTensor? = nil, indices: [Int]) {
    self.inputs = inputs
    self.labels = labels
    self.softLabels = softLabels
    self.indices = indices
    total = indices.count
  }

  /// The number of examples.
  public var count: Int { indices.count }

  /// The part that this process's mean loss has in the mean over the whole batch.
  public var share: Double { standsIn || total == 0 ? 0 : Double(count) / Double(total) }
}

/// Where a loader is: what a run keeps to go on, in the middle of an epoch, with the batches that would have
/// come.
public struct LoaderState: Sendable, Hashable, Codable {
  /// What all order and all transforms follow from.
  public var seed: UInt64
  /// How often the whole data was gone through.
  public var epoch: Int
  /// How many examples of the epoch have been given out.
  public var position: Int

  /// Creates a state; without numbers, that of the beginning.
  public init(seed: UInt64 = 0, epoch: Int = 0, position: Int = 0) {
    self.seed = seed
    self.epoch = epoch
    self.position = position
  }
}

/// The order in which examples come.
public enum Sampling: Sendable, Hashable {
  /// As they are numbered, torch's `SequentialSampler`.
  case sequential
  /// Each once, in an order of chance that is another one in each epoch, torch's `RandomSampler`.
  case shuffled
  /// Drawn with replacement, so that all classes come equally often.
  case balanced
  /// Drawn with replacement by weight, as many as the data has or `count`: torch's `WeightedRandomSampler`.
  case weighted([Double], count: Int? = nil)
}

/// The part of each epoch that one of several processes takes.
public struct Shard: Sendable, Hashable {
  /// What is divided among the processes.
  public enum Cut: Sendable, Hashable {
    /// The examples of an epoch, torch's `DistributedSampler`: everybody gets as many, some of them twice if need be.
    case epoch
    /// Each batch: together the processes see the batches that one alone would, and no example twice.
    case batches
  }

  /// Which of them this one is, counted from 0.
  public let rank: Int
  /// How many there are.
  public let count: Int
  /// What is divided.
  public let cut: Cut

  /// Creates a part.
  public init(rank: Int, of count: Int, cutting cut: Cut = .epoch) throws(StrataError) {
    guard count > 0, (0..<count).contains(rank) else {
      throw StrataError(.argument, "rank \(rank) is none of \(count)")
    }
    self.rank = rank
    self.count = count
    self.cut = cut
  }

  /// The whole.
  public static let whole = Shard()

  private init() { (rank, count, cut) = (0, 1, .epoch) }
}
