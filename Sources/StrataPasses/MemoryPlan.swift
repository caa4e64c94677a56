/// Places buffers in one block so that those alive at the same time do not overlap.
public struct MemoryPlan: Sendable {
  /// A buffer and the steps between which it must keep its contents, both included.
  public struct Request: Sendable {
    /// Bytes.
    public let size: Int
    /// The step that writes it first.
    public let first: Int
    /// The step that reads it last.
    public let last: Int

    /// Creates a request.
    public init(size: Int, first: Int, last: Int) {
      self.size = size
      self.first = first
      self.last = last
    }
  }

  /// Where each buffer begins, in the order of the requests.
  public let offsets: [Int]
  /// Bytes of the whole block.
  public let byteCount: Int

  /// Places large buffers first, each at the lowest place that is free during its life.
  public init(_ requests: [Request], alignment: Int = 64) {
    var offsets = [Int](repeating: 0, count: requests.count)
    var placed: [Int] = []
    var end = 0
    let order = requests.indices.sorted {
      (requests[$1].size, requests[$0].first) < (requests[$0].size, requests[$1].first)
    }
    for index in order where requests[index].size > 0 {
      let request = requests[index]
      let neighbours =
        placed
        .filter { requests[$0].first <= request.last && request.first <= requests[$0].last }
        .sorted { offsets[$0] < offsets[$1] }
      var offset = 0
      for other in neighbours {
        if offset + request.size <= offsets[other] { break }
        let next = offsets[other] + requests[other].size
        offset = max(offset, (next + alignment - 1) / alignment * alignment)
      }
      offsets[index] = offset
      placed.append(index)
      end = max(end, offset + request.size)
    }
    self.offsets = offsets
    byteCount = end
  }
}
