import Foundation
import Strata
import Testing

@Suite("Reports") struct ReportTests {
  private func page(_ names: [String], _ language: ReportLanguage = .english) throws -> String {
    var report = ModelReport(language: language)
    for name in names {
      let entry = try ModelRegistry.entry(named: name)
      try report.add(entry.make(), named: name, input: Shape([1] + entry.imageShape))
    }
    return report.html
  }

  @Test("the page is one small file that asks for nothing", arguments: ReportLanguage.allCases)
  func selfContained(_ language: ReportLanguage) throws {
    let page = try page(labNetworks, language)
    #expect(page.utf8.count < 1_000_000)
    for word in ["http:", "https:", "src=", "@import", "<link", "<img", "fetch(", "XMLHttpRequest"] {
      #expect(!page.contains(word), "\(word)")
    }
    #expect(page.components(separatedBy: "url(").dropFirst().allSatisfy { $0.hasPrefix("#") })
    #expect(page.contains("default-src 'none'"))
    #expect(page.contains("<html lang=\"\(language == .english ? "en" : "zh-CN")\">"))
    #expect(page.contains(language == .english ? ">Architecture<" : ">结构<"))
    #expect(page.contains("prefers-color-scheme:dark") && page.contains("@media print"))
  }

  @Test("the largest diagrams stay small too") func size() throws {
    let names = ["densenet201", "densenet161", "efficientnet_b7", "resnet152"]
    #expect(try page(names).utf8.count < 1_000_000)
  }

  @Test("the table holds the summary's numbers") func table() throws {
    let page = try page(labNetworks)
    for name in labNetworks {
      let summary = try summary(name)
      #expect(page.contains("<td data-value=\"\(summary.parameters)\">"))
      #expect(page.contains("<td data-value=\"\(summary.macs)\">"))
    }
    #expect(page.contains("25,557,032") && page.contains("4,089,184,256"))
    #expect(page.components(separatedBy: "<circle ").count - 1 == 2 * labNetworks.count)
  }

  @Test("the page draws conclusions in its language") func conclusions() throws {
    #expect(
      try page(labNetworks).contains("<li>mobilenet_v1 needs 2.00× fewer MACs than alexnet, 7.19× fewer"))
    let chinese = try page(labNetworks, .chinese)
    #expect(chinese.contains("<li>vgg16 的参数最多，共 138,357,544 个，是 mobilenet_v1 的 32.69 倍。"))
    #expect(chinese.contains("mobilenet_v1 的乘加运算将是现在的 8.56 倍"))
    #expect(!(try page(["resnet18"]).contains("Conclusions")))
  }

  @Test("layers are added up by block where there are very many") func bars() throws {
    let small = try page(["alexnet"])
    #expect(small.contains("Cost by layer") && small.contains("features.<wbr>0 <em>Conv2d</em>"))
    let large = try page(["resnet152"])
    #expect(large.contains("Cost by block") && large.contains("<th scope=\"row\">layer3.<wbr>35 <em>"))
    #expect(large.contains("<em>Adaptive<wbr>Avg<wbr>Pool2d</em>"))
    #expect(large.components(separatedBy: "<th scope=\"row\">").count < 80)
  }

  @Test("names are text and no markup") func escaping() throws {
    var report = ModelReport()
    let model = Sequential(Linear(2, 2))
    for name in ["<script>alert(1)</script>", "a \"quoted\" & 'odd' \u{1} name"] {
      try report.add(model, named: name, input: [1, 2])
    }
    let page = report.html
    #expect(page.components(separatedBy: "<script>").count == 2)
    #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
    #expect(page.contains("a &quot;quoted&quot; &amp; &#39;odd&#39; \u{FFFD} name"))
  }

  @Test("networks of all kinds can be reported") func kinds() throws {
    var report = ModelReport()
    #expect(report.html.contains("<main>"))
    try report.add(Sequential(), named: "nothing", input: [1, 3, 8, 8])
    try report.add(Linear(4, 2), named: "one layer", input: [1, 4])
    try report.add(ReLU(), named: "no parameters", input: [3])
    #expect(report.html.contains("id=\"m3\""))
    #expect(throws: StrataError.self) { try report.add(Linear(4, 2), named: "x", input: [1, 5]) }
  }

  @Test(
    "a browser opens the page and its scripts work", .enabled(if: Browser.path != nil, "no browser is here"))
  func browser() throws {
    let page = try page(labNetworks)
    let document = try Browser.document(page)
    #expect(document.contains("data-ready=\"yes\""))
    #expect(!document.contains("data-error"))

    // Sorted by MACs, falling at the first click, and everything unfolded.
    let clicks = """
      <script>
      document.querySelectorAll('.sorts th button')[4].click();
      document.querySelector('#m3 button[data-fold=open]').click();
      document.body.dataset.order = [...document.querySelectorAll('.sorts tbody a')].map(a => a.textContent).join();
      document.body.dataset.closed = document.querySelectorAll('#m3 details:not([open])').length;
      document.body.dataset.wide = [...document.querySelectorAll('main *')].filter(element =>
        !element.closest('.scroll') && element.getBoundingClientRect().right > innerWidth + 1).length;
      </script></body>
      """
    let clicked = try Browser.document(page.replacingOccurrences(of: "</body>", with: clicks))
    #expect(!clicked.contains("data-error"))
    #expect(clicked.contains("data-order=\"vgg16,resnet50,alexnet,mobilenet_v1\""))
    #expect(clicked.contains("aria-sort=\"descending\""))
    #expect(clicked.contains("data-closed=\"0\""))
    #expect(clicked.contains("data-wide=\"0\""))
  }
}
