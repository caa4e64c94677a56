import StrataCore
import StrataGraph
import StrataNN

/// Networks on a page of their own: compared in a table and a chart, then one by one with the architecture as a diagram
/// that unfolds and the cost of each layer. The page is one file that needs nothing else, neither a network nor a server.
///
///     var report = ModelReport(language: .english)
///     try report.add(ResNet50(), named: "resnet50", input: [1, 3, 224, 224])
///     let page = report.html
public struct ModelReport: Sendable {
  private struct Entry {
    let name: String
    let summary: ModelSummary
    let diagram: ArchitectureDiagram
    let profile: ModelProfile?
  }

  private let words: ReportWords
  private let language: ReportLanguage
  private var entries: [Entry] = []

  /// Creates an empty report.
  public init(language: ReportLanguage = .english) {
    words = ReportWords.of(language)
    self.language = language
  }

  /// Adds a network, with what was measured of it; throws where it cannot take an input of that shape.
  public mutating func add(
    _ model: Module, named name: String, input: Shape, profile: ModelProfile? = nil
  ) throws(StrataError) {
    let trace = try NetworkTrace(model, input: input)
    entries.append(
      Entry(
        name: name, summary: try ModelSummary(model, trace), diagram: ArchitectureDiagram(trace),
        profile: profile))
  }

  /// The page.
  public var html: String {
    let title = Markup.escaped(
      entries.count == 1 ? entries[0].name : words.title + words.colon + names(entries))
    return """
      <!DOCTYPE html>
      <html lang="\(words.code)">
      <head>
      \(ReportStyle.head)
      <title>\(title)</title>
      <style>\(ReportStyle.css)\(DiagramStyle.css)</style>
      </head>
      <body>
      <header>
      <h1>\(title)</h1>
      \(contents)</header>
      <main>
      \(comparison)\(entries.enumerated().map(section).joined())</main>
      <footer>\(Markup.escaped(footer.replacing("%@", with: StrataVersion.strata)))</footer>
      <script>\(ReportScript.javaScript)</script>
      </body>
      </html>

      """
  }

  private var footer: String { entries.allSatisfy { $0.profile == nil } ? words.footer : words.pageFooter }

  private func names(_ entries: [Entry]) -> String {
    let shown = entries.prefix(4).map(\.name).joined(separator: ", ")
    return entries.count > 4 ? shown + ", …" : shown
  }

  private var contents: String {
    guard entries.count > 1 else { return "" }
    let links = entries.enumerated().map { index, entry in
      "<li><a href=\"#m\(index + 1)\">\(Markup.escaped(entry.name))</a></li>"
    }
    return "<nav aria-label=\"\(words.contents)\"><ul>\(links.joined())</ul></nav>\n"
  }

  // MARK: Comparison

  private struct Column {
    let title: String
    let value: (ModelSummary) -> Double
    let text: (ModelSummary) -> String
  }

  private var columns: [Column] {
    func megabytes(_ title: String, _ bytes: @escaping (ModelSummary) -> Int) -> Column {
      Column(title: title, value: { Double(bytes($0)) }, text: { Text.megabytes(bytes($0)) })
    }
    return [
      Column(
        title: words.parameters, value: { Double($0.parameters) }, text: { Text.grouped($0.parameters) }),
      Column(title: words.macs, value: { Double($0.macs) }, text: { Text.grouped($0.macs) }),
      megabytes(words.weights, \.weightBytes),
      megabytes(words.peak, \.peakActivationBytes),
      megabytes(words.training) { $0.trainingBytes(.sgdMomentum).total },
      Column(
        title: words.intensity, value: \.arithmeticIntensity,
        text: { DecimalText.fixed($0.arithmeticIntensity, digits: 1) }),
    ]
  }

  private var comparison: String {
    guard entries.count > 1 else { return "" }
    let columns = columns
    func head(_ title: String, isText: Bool = false) -> String {
      "<th scope=\"col\"\(isText ? " class=\"text\" data-kind=\"text\"" : "")><button type=\"button\">"
        + "\(Markup.escaped(title))</button></th>"
    }
    var rows = ""
    for (index, entry) in entries.enumerated() {
      let name = Markup.escaped(entry.name)
      rows += "<tr><td data-value=\"\(index + 1)\">\(index + 1)</td>"
      rows += "<th scope=\"row\" class=\"text\" data-value=\"\(name)\">"
      rows += "<a href=\"#m\(index + 1)\">\(name)</a></th>"
      let input = Text.flow(entry.summary.input)
      rows += "<td class=\"text\" data-value=\"\(input)\">\(input)</td>"
      for column in columns {
        let value = DecimalText.general(column.value(entry.summary), digits: 17)
        rows += "<td data-value=\"\(value)\">\(column.text(entry.summary))</td>"
      }
      rows += "</tr>\n"
    }
    let chart = BubbleChart(
      title: words.chart, xTitle: words.parameters, yTitle: words.macs,
      points: entries.enumerated().map { index, entry in
        BubbleChart.Point(
          number: index + 1, name: entry.name, x: Double(max(1, entry.summary.parameters)),
          y: Double(max(1, entry.summary.macs)), weight: Double(entry.summary.inferenceBytes),
          tip: tip(index, entry))
      })
    return """
      <section id="comparison">
      <h2>\(words.comparison)</h2>
      <div class="scroll"><table class="sorts"><thead><tr>\(head("#"))\(head(words.model, isText: true))\
      \(head(words.input, isText: true))\(columns.map { head($0.title) }.joined())</tr></thead><tbody>
      \(rows)</tbody></table></div>
      <p class="note">\(Markup.escaped(words.comparisonNote))</p>
      <h3>\(words.chart)</h3>
      \(chart.html(height: 460, name: "c"))
      <p class="note">\(Markup.escaped(words.chartNote))</p>
      \(conclusions)</section>

      """
  }

  private func tip(_ index: Int, _ entry: Entry) -> String {
    """
    \(index + 1) \(entry.name)
    \(words.parameters)\(words.colon)\(Text.grouped(entry.summary.parameters))
    \(words.macs)\(words.colon)\(Text.grouped(entry.summary.macs))
    \(words.facts.inference)\(words.colon)\(Text.bytes(Double(entry.summary.inferenceBytes)))
    """
  }

  private var conclusions: String {
    let comparison = ModelComparison(entries.map { .init(name: $0.name, summary: $0.summary) })
    let sentences = comparison.conclusions(in: language)
    guard !sentences.isEmpty else { return "" }
    let items = sentences.map { "<li>\(Markup.escaped($0))</li>\n" }.joined()
    return "<h3>\(words.conclusions)</h3>\n<ul class=\"text\">\n\(items)</ul>\n"
  }

  // MARK: Networks

  private func section(_ index: Int, _ entry: Entry) -> String {
    let bars = LayerBars(entry.summary)
    return """
      <section id="m\(index + 1)">
      \(entries.count > 1 ? "<h2>\(Markup.escaped(entry.name))</h2>\n" : "")\
      \(facts(entry.summary))
      <h3>\(words.architecture)</h3>
      <p class="note">\(Markup.escaped(words.architectureNote))</p>
      <p><button type="button" class="fold" data-fold="open" hidden>\(words.unfoldAll)</button>\
      <button type="button" class="fold" data-fold="close" hidden>\(words.foldAll)</button></p>
      \(FlowMarkup(words).html(network: entry.diagram.network))
      <h3>\(bars.isGrouped ? words.blocksHeading : words.layers)</h3>
      \(bars.html(words))
      <p class="note">\(Markup.escaped(bars.isGrouped ? words.blocksNote : words.layersNote))</p>
      \(entry.profile.map { MeasuredTimes($0, words.measured).html(name: "t\(index + 1)") } ?? "")</section>

      """
  }

  private func facts(_ summary: ModelSummary) -> String {
    let names = words.facts
    let pairs: [(String, String)] = [
      (names.typeName, summary.name),
      (words.input, Text.flow(summary.input)),
      (words.output, Text.flow(summary.output)),
      (words.parameters, Text.grouped(summary.parameters)),
      (words.macs, Text.grouped(summary.macs)),
      (names.inference, Text.bytes(Double(summary.inferenceBytes))),
      (names.trainingStep, Text.bytes(Double(summary.trainingBytes(.sgdMomentum).total))),
      (words.intensity, DecimalText.fixed(summary.arithmeticIntensity, digits: 1)),
      (names.field, summary.field?.times ?? names.wholeImage),
      (names.stride, summary.stride?.times ?? "–"),
    ]
    return "<dl>"
      + pairs.map { "<div><dt>\(Markup.escaped($0.0))</dt><dd>\(Markup.escaped($0.1))</dd></div>" }.joined()
      + "</dl>"
  }
}
