import StrataCore
import StrataGraph

/// A running average of a network's weights, which often predicts better than the last ones
/// (`torch.optim.swa_utils.AveragedModel` with `get_ema_multi_avg_fn`; timm's `ModelEmaV2` with buffers averaged).
///
/// `update()` after each optimiser step makes the next averages updates of the same graph.
public final class ExponentialMovingAverage {
  private struct Entry {
    let name: String
    let source: Variable
    let average: Variable
    let isAveraged: Bool
  }

  /// What an average keeps of itself at each update.
  public let decay: Double
  private let entries: [Entry]
  /// How many updates have been made (`n_averaged`).
  public private(set) var updateCount = 0

  /// Begins with a network's values as they are.
  ///
  /// - Parameters:
  ///   - model: The network.
  ///   - decay: What an average keeps of itself at each update.
  ///   - useBuffers: Whether floating-point buffers, such as running statistics, are averaged too, as in timm, and
  ///     not copied, as in PyTorch's default.
  public init(_ model: Module, decay: Double = 0.999, useBuffers: Bool = false) {
    precondition((0...1).contains(decay), "an average's decay lies between 0 and 1, got \(decay)")
    self.decay = decay
    var known: Set<UInt64> = []
    entries = model.stateEntries.compactMap { entry in
      guard known.insert(entry.variable.id).inserted else { return nil }
      let source = entry.variable
      return Entry(
        name: entry.name, source: source,
        average: Variable(source.shape, source.dtype) { source.stored.copied() },
        isAveraged: source.dtype.isFloatingPoint && (entry.isParameter || useBuffers))
    }
  }

  deinit { for entry in entries { entry.average.abandonUpdate() } }

  /// Makes the next averages updates of the graph that the network's own updates belong to. They are of the values
  /// that the network has when that graph is run.
  public func update() {
    // A first update copies, whatever the values were when the average was made.
    let kept = Tensor(HostTensor([updateCount == 0 ? 0 : Float(decay)], shape: []))
    let added = Tensor(HostTensor([updateCount == 0 ? 1 : Float(1 - decay)], shape: []))
    updateCount += 1
    // What is not averaged is copied when it is asked for.
    for entry in entries where entry.isAveraged {
      let (kept, added) = (kept.to(entry.source.dtype), added.to(entry.source.dtype))
      entry.average.assign(entry.average.tensor * kept + entry.source.tensor * added)
    }
  }

  /// Where the averages live.
  public var variables: [Variable] { entries.filter(\.isAveraged).map(\.average) }

  /// The averages under the network's names, buffers that are not averaged as they are.
  public func stateDict() throws(StrataError) -> StateDict {
    var result: StateDict = [:]
    for entry in entries {
      result[entry.name] =
        try entry.isAveraged && updateCount > 0 ? entry.average.value() : entry.source.value()
    }
    return result
  }

  /// Takes over averages that `stateDict` gave.
  public func loadStateDict(_ state: StateDict, updateCount: Int) throws(StrataError) {
    for entry in entries where entry.isAveraged {
      guard let value = state[entry.name], value.shape == entry.source.shape else {
        throw StrataError(.format, "the saved average has no `\(entry.name)` of shape \(entry.source.shape)")
      }
    }
    for entry in entries where entry.isAveraged {
      if let value = state[entry.name] { entry.average.store(value.converted(to: entry.source.dtype)) }
    }
    self.updateCount = updateCount
  }

  /// Runs `body` while the network has the averages as its values, and gives it its own back.
  public func withAverages<Result>(_ body: () throws -> Result) throws -> Result {
    let own = try entries.map { try $0.source.value() }
    let state = try stateDict()
    for entry in entries where entry.isAveraged {
      if let value = state[entry.name] { entry.source.store(value) }
    }
    defer { for (entry, value) in zip(entries, own) { entry.source.store(value) } }
    return try body()
  }
}
