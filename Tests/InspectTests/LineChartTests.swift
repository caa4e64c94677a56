import Foundation
import Strata
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite("Line charts") struct LineChartTests {
  private func chart(_ values: [[Double]], _ scale: LineChart.Scale = .linear) -> LineChart {
    LineChart(
      title: "Loss <of all>", xTitle: "Epoch", yTitle: "Loss", scale: scale,
      series: values.enumerated().map { .init(name: "curve & \($0.offset)", values: $0.element) })
  }

  /// The numbers in the curves' paths.
  private func places(_ svg: String) -> [[(x: Double, y: Double)]] {
    svg.components(separatedBy: "<path class=\"v\"").dropFirst().filter { $0.contains("<title>") }.map {
      part in
      let path = part.components(separatedBy: " d=\"")[1].prefix { $0 != "\"" }
      return path.split { "ML".contains($0) }.map { pair in
        let numbers = pair.split(separator: " ").compactMap { Double($0) }
        return (numbers[0], numbers[1])
      }
    }
  }

  @Test("documents are well-formed whatever the values", arguments: LineChart.Scale.allCases)
  func wellFormed(_ scale: LineChart.Scale) {
    let odd: [[[Double]]] = [
      [], [[]], [[1]], [[0, 0, 0]], [[.nan, .infinity]], [[1e300, -1e300]], [[1e-320, 2e-320]],
      [[5, 5.000_000_000_000_001]], [[-3, .nan, 4], [1]], [(0..<9).map { pow(10, Double($0)) }],
      [[.greatestFiniteMagnitude, -.greatestFiniteMagnitude]],
    ]
    for values in odd {
      let svg = chart(values, scale).document()
      let parser = XMLParser(data: Data(svg.utf8))
      #expect(parser.parse(), "\(values)")
      #expect(!svg.contains("nan") && !svg.contains("inf"), "\(values)")
    }
  }

  @Test("values stand where they belong") func positions() throws {
    let svg = chart([[4, 2, 3, 0]]).svg(width: 560, height: 320)
    let curve = try #require(places(svg).first)
    #expect(curve.count == 4)
    // To the right in equal steps; larger values higher, in proportion.
    let steps = zip(curve, curve.dropFirst()).map { $1.x - $0.x }
    #expect(steps.allSatisfy { abs($0 - steps[0]) < 0.2 })
    #expect(abs((curve[3].y - curve[1].y) - (curve[1].y - curve[0].y)) < 0.3)
    #expect(curve.allSatisfy { (0...560).contains($0.x) && (0...320).contains($0.y) })
    let powers = try #require(places(chart([[100, 10, 1]], .logarithmic).svg()).first)
    #expect(abs((powers[2].y - powers[1].y) - (powers[1].y - powers[0].y)) < 0.3)
  }

  @Test("gaps stay gaps, names are text, curves differ by more than colour") func lines() throws {
    let svg = chart([[1, .nan, 2, 3], [3, 2, 1, 1], [2, 2, 2, 2]]).document()
    let parts = svg.components(separatedBy: "<path class=\"v\"").dropFirst()
    let path = try #require(parts.first { $0.contains("<title>") }).components(separatedBy: " d=\"")[1]
    #expect(path.prefix { $0 != "\"" }.count { $0 == "M" } == 2)
    #expect(svg.contains("Loss &lt;of all&gt;") && svg.contains(">curve &amp; 1<"))
    #expect(svg.contains("stroke-dasharray=\"7 4\"") && svg.contains("stroke-dasharray=\"2 3\""))
    #expect(svg.contains("prefers-color-scheme:dark"))
  }

  @Test("a million points become as many as can be seen, with their extremes") func thinning() throws {
    var values = (0..<1_000_000).map { sin(Double($0) / 1e5) }
    values[654_321] = 7
    let svg = chart([values]).svg()
    #expect(svg.utf8.count < 60_000)
    let curve = try #require(places(svg).first)
    let peak = try #require(curve.map(\.y).min())
    #expect(curve.count { $0.y < peak + 5 } == 1)
  }

  @Test("a page holds charts and facts and asks for nothing", arguments: ReportLanguage.allCases)
  func page(_ language: ReportLanguage) {
    let page = ChartPage(
      title: "Run <1>", facts: [("Best", "0.93 & more")], charts: [chart([[3, 2, 1]])], language: language
    ).html
    #expect(page.contains("Run &lt;1&gt;") && page.contains("0.93 &amp; more"))
    for word in ["http:", "https:", "src=", "@import", "<link"] { #expect(!page.contains(word)) }
    #expect(page.contains("lang=\"\(language == .english ? "en" : "zh-CN")\""))
  }
}
