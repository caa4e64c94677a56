import StrataCore

/// How long sums over all processes take, by size.
public struct CollectiveBenchmark: Sendable, Hashable {
  /// One size.
  public struct Row: Sendable, Hashable {
    /// Bytes that each process gives.
    public let byteCount: Int
    /// The median, over repetitions, of the time until the slowest process had the sum, in seconds.
    public let seconds: Double

    /// Creates a row.
    public init(byteCount: Int, seconds: Double) {
      self.byteCount = byteCount
      self.seconds = seconds
    }

    /// Bytes that each process has to send, at least, a second: `2 (P - 1) / P` of what it gives.
    public func bandwidth(of size: Int) -> Double {
      2 * Double(size - 1) / Double(size) * Double(byteCount) / seconds
    }
  }

  /// The processes.
  public let size: Int
  /// The times, from small to large.
  public let rows: [Row]

  /// Creates a result.
  public init(size: Int, rows: [Row]) {
    self.size = size
    self.rows = rows
  }

  /// Measures; all processes call this together.
  public init(
    _ communicator: any Communicator, byteCounts: [Int], repetitions: Int = 9
  ) throws(StrataError) {
    var rows: [Row] = []
    for byteCount in byteCounts {
      let count = max(1, byteCount / 4)
      let memory = Buffer(byteCount: count * 4)
      memory.pointer.initializeMemory(as: Float.self, repeating: 1, count: count)
      var times: [Double] = []
      for repetition in 0..<repetitions + 2 {
        try communicator.barrier("a measurement")
        let start = ContinuousClock.now
        let sum = Collective(.allReduce(.sum), .float32, count: count)
        try communicator.begin(sum, on: memory.pointer, lane: .gradients, label: "a measurement").wait()
        var elapsed = [(ContinuousClock.now - start).inSeconds]
        try communicator.allReduce(&elapsed, .maximum, label: "a measurement")
        // The first ones make connections and touch memory.
        if repetition >= 2 { times.append(elapsed[0]) }
        // The sums must not grow beyond all bounds.
        memory.pointer.initializeMemory(as: Float.self, repeating: 1, count: count)
      }
      times.sort()
      rows.append(Row(byteCount: count * 4, seconds: times[times.count / 2]))
    }
    self.init(size: communicator.size, rows: rows)
  }
}

extension Duration {
  /// Seconds with their fractions.
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
