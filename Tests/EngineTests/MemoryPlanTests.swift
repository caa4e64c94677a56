import Strata
import StrataTestSupport
import Testing

@Suite("Plans of memory") struct MemoryPlanTests {
  private typealias Request = MemoryPlan.Request

  /// Requests as an unlucky network might make them; some are empty, many of one size, a few live long.
  private func requests(_ seed: UInt64) -> [Request] {
    let key = RandomKey(seed: seed)
    let steps = 1 + Int(key.words(0).x % 40)
    return (0..<Int(key.words(0).y % 60)).map { index in
      let words = key.words(UInt64(index) + 1)
      let sizes = [0, 1, 64, 100, 4096, Int(words.z % 100_000)]
      let first = Int(words.x) % steps
      let length = words.w % 5 == 0 ? steps : 3
      return Request(
        size: sizes[Int(words.y % 6)], first: first, last: min(steps, first + Int(words.w >> 8) % length))
    }
  }

  /// The most bytes that live at one step.
  private func peak(_ requests: [Request]) -> Int {
    (0...41).map { step in
      requests.filter { $0.first <= step && step <= $0.last }.reduce(0) { $0 + $1.size }
    }.max() ?? 0
  }

  @Test(
    "keep buffers apart that live at once, and start them on cache lines", arguments: 0..<300 as Range<UInt64>
  )
  func noOverlap(seed: UInt64) {
    let requests = requests(seed)
    let plan = MemoryPlan(requests)
    #expect(plan.offsets.count == requests.count)
    for (index, a) in requests.enumerated() where a.size > 0 {
      let start = plan.offsets[index]
      #expect(start % 64 == 0 && start >= 0 && start + a.size <= plan.byteCount)
      for (other, b) in requests.enumerated().dropFirst(index + 1) where b.size > 0 {
        guard a.first <= b.last, b.first <= a.last else { continue }
        let isApart = start + a.size <= plan.offsets[other] || plan.offsets[other] + b.size <= start
        #expect(isApart, "\(index) and \(other)")
      }
    }
    #expect(plan.byteCount >= peak(requests))
    #expect(plan.byteCount <= requests.reduce(0) { $0 + $1.size + 63 })
  }

  @Test("need little more than what lives at once") func economy() {
    var (planned, needed) = (0, 0)
    for seed in 0..<300 as Range<UInt64> {
      let requests = requests(seed)
      planned += MemoryPlan(requests).byteCount
      needed += peak(requests)
    }
    #expect(Double(planned) < 1.1 * Double(needed))
  }

  @Test("take one place for buffers that follow each other") func chain() {
    let chain = (0..<10).map { Request(size: 1000, first: $0, last: $0 + 1) }
    #expect(MemoryPlan(chain).byteCount == 1024 + 1000)
    #expect(
      MemoryPlan(chain.map { Request(size: $0.size, first: $0.first, last: $0.first) }).byteCount == 1000)
    #expect(MemoryPlan([]).byteCount == 0)
    #expect(MemoryPlan([Request(size: 0, first: 0, last: 9)]).byteCount == 0)
    #expect(MemoryPlan([Request(size: 5, first: 0, last: 0)], alignment: 1).offsets == [0])
  }
}
