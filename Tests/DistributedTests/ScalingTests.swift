import Strata
import Testing

@Suite("The model of scaling")
struct ScalingTests {
  private let layers = [
    ScalingModel.Layer(parameters: 1_000_000, share: 0.6),
    ScalingModel.Layer(parameters: 9_000_000, share: 0.4),
  ]

  @Test("takes the cheaper way of summing")
  func sums() {
    let link = Link(latency: 1e-3, bandwidth: 1e9, summation: .infinity)
    #expect(link.sumTime(1e9, size: 1) == 0)
    #expect(abs(link.sumTime(1e9, size: 2) - (2e-3 + 1)) < 1e-12)
    // Halving and doubling over 1024 processes has 20 steps, a ring 2046.
    #expect(abs(link.sumTime(1e9, size: 1024) - (20e-3 + 2 * 1023.0 / 1024)) < 1e-9)
  }

  @Test("finds the link that times were made with")
  func fit() throws {
    let link = Link(latency: 30e-6, bandwidth: 2e9, summation: .infinity)
    let rows = (0..<6).map { 4096 << (2 * $0) }.map {
      CollectiveBenchmark.Row(byteCount: $0, seconds: link.sumTime(Double($0), size: 4))
    }
    let found = try #require(Link(fitting: CollectiveBenchmark(size: 4, rows: rows)))
    #expect(abs(found.latency - link.latency) < 1e-9)
    #expect(abs(found.bandwidth / link.bandwidth - 1) < 1e-6)
    #expect(Link(fitting: CollectiveBenchmark(size: 1, rows: rows)) == nil)
  }

  @Test("hides what travels while the backward pass goes on, and no more")
  func overlap() {
    var model = ScalingModel(forward: 1, backward: 2, update: 0, layers: layers)
    model.bucketSize = 36_000_000
    // The large layer's 36 MB leave after 0.8 s; the small layer's 4 MB can only be waited for.
    let link = Link(latency: 0, bandwidth: 40e6, summation: .infinity)
    let hidden = model.predicted(2, over: link)
    #expect(abs(hidden.communication - 1.0) < 1e-9)
    #expect(abs(hidden.exposed - 0.1) < 1e-9)
    #expect(abs(hidden.step - 3.1) < 1e-9)
    #expect(abs(hidden.efficiency - 3 / 3.1) < 1e-9)
    // Here it goes on long after the backward pass.
    let slow = model.predicted(2, over: Link(latency: 0, bandwidth: 10e6, summation: .infinity))
    #expect(abs(slow.exposed - (0.8 + 4.0 - 2)) < 1e-9)
    model.bytesPerParameter = 2
    #expect(abs(model.predicted(2, over: link).communication - 0.5) < 1e-9)
    model.interference = 1
    #expect(model.predicted(2, over: link).step > 3.4)
    #expect(model.predicted(1, over: link).efficiency == 1)
  }

  @Test("counts a bucket for each cut of a large gradient, and the copying into them and out")
  func cuts() {
    var model = ScalingModel(forward: 1, backward: 2, update: 0, layers: layers)
    model.bucketSize = 1_000_000
    // 36 MB and 4 MB are 40 buckets, each of which costs its two steps.
    let link = Link(latency: 1e-3, bandwidth: 1e9, summation: .infinity)
    #expect(abs(model.predicted(2, over: link).communication - (40 * 2e-3 + 0.04)) < 1e-9)
    let step = model.predicted(2, over: link).step
    model.copying = 40e6
    #expect(abs(model.predicted(2, over: link).step - step - 2) < 1e-2)
  }
}
