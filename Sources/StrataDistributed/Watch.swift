import StrataCore

/// Notices processes that are gone or stuck, from their signs of life and from collectives that do not end.
///
/// Rank 0 hears from all others and they from it, so that one of them can name who is missing. The others wait
/// longer than rank 0, and each longer than the one before: one process speaks for all.
struct Watch {
  /// How often signs of life are exchanged.
  let interval = Duration.milliseconds(500)
  /// A process that is not heard of for so long is gone.
  static let silence = Duration.seconds(8)

  private let rank: Int
  private let size: Int
  private let limit: Duration
  private var heard: [Int: (time: ContinuousClock.Instant, begun: Int)] = [:]
  private var lastExchange: ContinuousClock.Instant
  private let patience: Duration

  init(rank: Int, size: Int, limit: Duration, now: ContinuousClock.Instant = .now) {
    self.rank = rank
    self.size = size
    self.limit = limit
    lastExchange = now
    patience = rank == 0 ? .zero : .milliseconds(1000 + 200 * min(rank, 20))
    for peer in peers { heard[peer] = (now, 0) }
  }

  /// The processes that this one exchanges signs of life with.
  var peers: Range<Int> { rank == 0 ? 1..<size : 0..<1 }

  /// Whether it is time for the next exchange.
  mutating func isDue(now: ContinuousClock.Instant = .now) -> Bool {
    let pause = now - lastExchange
    guard pause >= interval else { return false }
    lastExchange = now
    // A process that was stopped itself has no right to blame others for having been silent.
    if pause > Watch.silence / 2 { for peer in peers { heard[peer]?.time = now } }
    return true
  }

  /// Notes a sign of life, with how many collectives its sender has begun.
  mutating func heard(from rank: Int, begun: Int, now: ContinuousClock.Instant = .now) {
    heard[rank] = (now, begun)
  }

  /// Why the job has to end, or nil. `oldest` is the collective that has been under way for longest.
  func complaint(
    about oldest: (request: MPIService.Request, start: ContinuousClock.Instant)?,
    now: ContinuousClock.Instant = .now
  ) -> String? {
    for peer in peers {
      guard let time = heard[peer]?.time, now - time > Watch.silence + patience else { continue }
      return sentence(
        "rank \(peer) has given no sign of life for \(whole(now - time)) s: its process is stopped, "
          + "or its host cannot be reached")
    }
    guard let (request, start) = oldest, now - start > limit + patience else { return nil }
    let missing = peers.filter { (heard[$0]?.begun ?? 0) < request.number }
    let what = "\(request.label) (\(request.collective))"
    guard !missing.isEmpty, rank == 0 else {
      return sentence("\(what) has not ended within \(whole(now - start)) s")
    }
    let who = missing.count == 1 ? "rank" : "ranks"
    return sentence(
      "\(who) \(missing.map { "\($0)" }.joined(separator: ", ")) did not join \(what) within "
        + "\(whole(now - start)) s")
  }

  private func sentence(_ text: String) -> String {
    "strata: rank \(rank) of \(size): \(text); all processes end"
  }

  private func whole(_ duration: Duration) -> Int64 { duration.components.seconds }
}
