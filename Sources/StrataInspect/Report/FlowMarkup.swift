import StrataCore

/// A network's architecture as HTML: chains of blocks that unfold, and drawings where there are branches.
struct FlowMarkup {
  /// A level with more boxes than this is drawn with its modules folded, and these unfold below it.
  private static let largestDrawing = 48

  private let words: ReportWords

  init(_ words: ReportWords) { self.words = words }

  /// The blocks inside a block with what flows between them, from its input to its output.
  func html(network: DiagramBlock) -> String {
    // Where there is room for it, the first level is unfolded.
    let count = network.blocks.reduce(0) { $0 + max(1, $1.blocks.count) }
    var inside = level(network, isOutermost: true, unfolds: count <= Self.largestDrawing)
    if network.isChain { inside = end(words.input) + inside + end(words.output) }
    return "<div class=\"flow\">\(inside)</div>"
  }

  private func end(_ word: String) -> String {
    "<div class=\"box end\"><span class=\"n\">\(Markup.escaped(word))</span></div>"
  }

  private func level(_ block: DiagramBlock, isOutermost: Bool = false, unfolds: Bool = false) -> String {
    guard block.isChain else { return drawing(block, isOutermost: isOutermost) }
    var html = ""
    if isOutermost, let input = block.input { html += arrow(input) }
    for (index, inner) in block.blocks.enumerated() {
      html += box(inner, isOpen: unfolds && inner.isChain)
      if isOutermost || index < block.blocks.count - 1 { html += arrow(inner.output) }
    }
    return html
  }

  private func arrow(_ shape: Shape) -> String {
    "<div class=\"arrow\">\(Text.flow(shape))</div>"
  }

  /// A box with its name and costs, which unfolds if there is something in it.
  private func box(_ block: DiagramBlock, isOpen: Bool = false) -> String {
    let title = block.title.isEmpty ? "" : "<span class=\"n\">\(Markup.escaped(block.title))</span> "
    let type = [block.typeTitle, block.detail].filter { !$0.isEmpty }.joined(separator: " ")
    var heading = "<span class=\"w\">\(title)<span class=\"s\">\(Markup.escaped(type))</span></span>"
    let costs = [
      block.isContainer ? words.blocks(block.blocks.reduce(0) { $0 + $1.count }) : "",
      cost(block.parameters, words.parametersUnit), cost(block.macs, words.macs),
    ].filter { !$0.isEmpty }
    if !costs.isEmpty { heading += "<span class=\"cost\">\(costs.joined(separator: " · "))</span>" }
    guard block.isContainer else {
      let tip = block.settings.isEmpty ? "" : " title=\"\(Markup.escaped(block.settings))\""
      return "<div class=\"box \(block.kind.rawValue)\"\(tip)>\(heading)</div>"
    }
    return "<details class=\"box container\"\(isOpen ? " open" : "")>"
      + "<summary>\(heading)</summary>"
      + "<div class=\"flow\">\(level(block))</div></details>"
  }

  private func cost(_ count: Int, _ unit: String) -> String {
    count == 0 ? "" : "\(Text.short(count)) \(Markup.escaped(unit))"
  }

  /// A level with branches.
  private func drawing(_ block: DiagramBlock, isOutermost: Bool) -> String {
    let isLarge = block.leafCount > Self.largestDrawing
    let drawing = DiagramDrawing(network: block, depth: isLarge ? 1 : .max, words: words)
    let (width, height) = (Markup.length(drawing.width + 4), Markup.length(drawing.height + 4))
    var html =
      "<div class=\"scroll\"><svg class=\"diagram\" width=\"\(width)\" height=\"\(height)\" "
      + "style=\"min-width:\(Markup.length(0.75 * drawing.width))px\" "
      + "viewBox=\"-2 -2 \(width) \(height)\" role=\"img\" aria-label=\"\(Markup.escaped(block.typeName))\">"
      + drawing.svg + "</svg></div>"
    if isLarge {
      html += block.blocks.filter(\.isContainer).map { box($0) }.joined()
    }
    return html
  }
}
