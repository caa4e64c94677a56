import StrataCore
import StrataData
import StrataDistributed
import StrataGraph
import StrataNN
import StrataRuntime

/// The processes that train one network together, each on its part of every batch.
///
/// Together they see the batches that one process alone would see. Gradients are summed over all of them, weighted
/// with each one's part of the batch, between the backward pass and the update; sums of validation are added up;
/// only the process of rank 0 writes and reports. All must be given the same options.
public final class TrainingGroup: Sendable {
  /// The processes.
  public let communicator: any Communicator
  /// What sums gradients.
  public let exchange: GradientExchange
  /// Steps between checks that parameters are the same bits in all processes; 0 for none.
  public let checkInterval: Int

  /// A process that trains alone.
  public static let alone = TrainingGroup(LoneProcess())

  /// Creates a group.
  ///
  /// - Parameters:
  ///   - bucketSize: bytes, as they travel, at which a bucket of gradients leaves.
  ///   - compression: how gradients travel.
  ///   - checkInterval: steps between checks that parameters are the same bits in all processes; 0 for none.
  public init(
    _ communicator: any Communicator, bucketSize: Int = GradientExchange.defaultBucketSize,
    compression: GradientExchange.Compression = .none, checkInterval: Int = 100
  ) {
    self.communicator = communicator
    self.checkInterval = checkInterval
    exchange = GradientExchange(over: communicator, bucketSize: bucketSize, compression: compression)
  }

  /// Which of the processes this is, from 0.
  public var rank: Int { communicator.rank }
  /// How many there are.
  public var count: Int { communicator.size }
  /// Whether this process writes files and reports.
  public var isLeader: Bool { rank == 0 }

  /// The part of each batch that this process takes.
  func shard() throws(StrataError) -> Shard {
    count == 1 ? .whole : try Shard(rank: rank, of: count, cutting: .batches)
  }

  /// The sums of numbers over all processes.
  func sum(_ numbers: [Double], label: String) throws(StrataError) -> [Double] {
    var numbers = numbers
    try communicator.allReduce(&numbers, .sum, label: label)
    return numbers
  }

  /// Gives all processes the network that rank 0 has.
  func share(_ model: Module) throws(StrataError) {
    try Agreement.share(model.stateEntries.map { ($0.name, $0.variable) }, over: communicator)
  }

  /// Gives all processes the running statistics that rank 0 has.
  func shareBuffers(of model: Module) throws(StrataError) {
    let buffers = model.stateEntries.filter { !$0.isParameter }
    try Agreement.share(buffers.map { ($0.name, $0.variable) }, over: communicator)
  }

  /// Fails where a parameter is not the same, bit for bit, in all processes.
  func check(_ model: Module) throws(StrataError) {
    guard count > 1 else { return }
    var values: [(name: String, value: HostTensor)] = []
    for (name, parameter) in model.namedParameters { values.append((name, try parameter.variable.value())) }
    try Agreement.check(values, over: communicator)
  }

  /// Makes a step on this process's parts of the batches of all processes.
  func step(
    _ pass: TrainingStep, _ batches: [Batch], _ parts: [(input: Tensor, target: Tensor)]
  ) throws -> TrainingStep.Outcome {
    guard count > 1 else { return try pass(microBatches: parts) }
    let total = batches.reduce(0) { $0 + $1.total }
    let weights = batches.map { batch in batch.standsIn ? 0 : Double(batch.count) / Double(max(total, 1)) }
    pass.summation = { [exchange] in exchange.summed($0) }
    return try exchange.use { try pass(microBatches: parts, weights: weights) }
  }
}
