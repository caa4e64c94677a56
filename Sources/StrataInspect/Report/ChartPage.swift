import StrataCore

/// Charts on a page of their own, which opens in any browser without a network: the curves of a training run.
public struct ChartPage: Sendable {
  /// What stands above the charts.
  public var title: String
  /// Figures in a line: the best accuracy, how long it took.
  public var facts: [(name: String, value: String)]
  /// The charts from top to bottom.
  public var charts: [LineChart]
  /// The language of the page's few words.
  public var language: ReportLanguage

  /// Creates a page.
  public init(
    title: String, facts: [(name: String, value: String)] = [], charts: [LineChart],
    language: ReportLanguage = .english
  ) {
    self.title = title
    self.facts = facts
    self.charts = charts
    self.language = language
  }

  /// The page.
  public var html: String {
    let words = ReportWords.of(language)
    let title = Markup.escaped(self.title)
    let pairs = facts.map { name, value in
      "<div><dt>\(Markup.escaped(name))</dt><dd>\(Markup.escaped(value))</dd></div>"
    }
    let drawings = charts.map { chart in
      "<div class=\"wide\">\(chart.svg(width: 860, height: 380))</div>\n"
        + "<div class=\"narrow\">\(chart.svg(width: 350, height: 300))</div>\n"
    }
    return """
      <!DOCTYPE html>
      <html lang="\(words.code)">
      <head>
      \(ReportStyle.head)
      <title>\(title)</title>
      <style>\(ReportStyle.css)</style>
      </head>
      <body>
      <header>
      <h1>\(title)</h1>
      </header>
      <main>
      \(pairs.isEmpty ? "" : "<dl>\(pairs.joined())</dl>\n")\(drawings.joined())</main>
      <footer>\(Markup.escaped(words.pageFooter.replacing("%@", with: StrataVersion.strata)))</footer>
      </body>
      </html>

      """
  }
}
