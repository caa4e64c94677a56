import StrataCore
import StrataGraph
import StrataNN

/// The architecture of a network as a diagram: blocks inside blocks, branches and residual edges, and the shapes of
/// what flows along them. Equal blocks in a row are drawn once, with their number.
///
/// Read off the graph that a call in evaluation mode builds: no weight is allocated and nothing computed.
///
///     let svg = try ArchitectureDiagram(of: ResNet50(), input: [1, 3, 224, 224]).svg()
public struct ArchitectureDiagram: Sendable {
  let root: DiagramBlock
  private let input: Shape

  /// Reads a network; throws where it cannot take an input of that shape.
  public init(of model: Module, input: Shape) throws(StrataError) {
    self.init(try NetworkTrace(model, input: input))
  }

  init(_ trace: NetworkTrace) {
    input = trace.input
    root =
      DiagramBuilder(trace)?.block.folded()
      ?? DiagramBlock(
        name: "", path: "", typeName: "", detail: "", settings: "", kind: .operation, output: trace.output,
        parameters: 0, macs: 0)
  }

  /// The diagram as an SVG document that shows itself in light or dark colours.
  ///
  /// - Parameters:
  ///   - depth: Unfolds modules down to this depth: at 1, the network's children are boxes. All where nil.
  ///   - language: The language of the few words in it.
  public func svg(depth: Int? = nil, language: ReportLanguage = .english) -> String {
    let words = ReportWords.of(language)
    let drawing = DiagramDrawing(network: network, depth: depth ?? .max, words: words)
    let margin = 12.0
    let width = max(drawing.width, DiagramDrawing.textWidth(root.typeName)) + 2 * margin
    let height = drawing.height + 2 * margin + 24
    let (w, h) = (Markup.length(width), Markup.length(height))
    let name = Markup.escaped(root.typeName)
    let left = Markup.length((width - drawing.width) / 2)
    return """
      <?xml version="1.0" encoding="UTF-8"?>
      <svg xmlns="http://www.w3.org/2000/svg" class="diagram" width="\(w)" height="\(h)" viewBox="0 0 \(w) \(h)" role="img">
      <title>\(name)</title>
      <style>\(DiagramStyle.page)\(DiagramStyle.css)</style>
      <rect class="page" width="100%" height="100%"/>
      <text class="n" x="\(Markup.length(width / 2))" y="24" text-anchor="middle">\(name)</text>
      <g transform="translate(\(left) 36)">\(drawing.svg)</g>
      </svg>

      """
  }

  /// The diagram in the language of Graphviz, modules as clusters.
  public func dot(depth: Int? = nil, language: ReportLanguage = .english) -> String {
    DiagramDot.text(network, depth: depth ?? .max, words: ReportWords.of(language))
  }

  /// The network, in a box of its own where it has no parts.
  var network: DiagramBlock {
    if root.isContainer { return root }
    var network = root
    network.blocks = [root]
    network.links = [
      DiagramBlock.Link(from: .entry, to: .block(0), value: 0, shape: input),
      DiagramBlock.Link(from: .block(0), to: .exit, value: 1, shape: root.output),
    ]
    return network
  }
}
