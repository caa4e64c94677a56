/// How diagrams look, in a page and in a file of their own. Colours are those of Okabe and Ito, which people with
/// colour-vision deficiency tell apart; no text stands on them, and every box says in words what it is.
enum DiagramStyle {
  /// For a drawing that is a whole document.
  static let page = """

    .page{fill:#fff}
    @media (prefers-color-scheme:dark){.page{fill:#14171a}}
    """

  /// For the drawing's elements.
  static let css = """

    .diagram text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Noto Sans Mono CJK SC",\
    monospace;font-size:12px;fill:#1b1f23}
    .diagram .n{font-weight:600}
    .diagram .s,.diagram .l{fill:#57606a}
    .diagram .l{font-size:11px}
    .diagram rect{fill:#fff;stroke:#8c959f;stroke-width:1}
    .diagram rect.page{stroke:none}
    .diagram .c rect{fill:#8c959f;fill-opacity:.08;stroke-opacity:.6}
    .diagram .e{fill:none;stroke:#6e7781;stroke-width:1.2}
    .diagram .h{fill:#6e7781}
    .diagram .k{fill:none;stroke-width:4;stroke-linecap:round}
    .diagram .end rect{fill:#8c959f;fill-opacity:.15}
    \(DiagramBlock.Kind.allCases.map { ".diagram .\($0.rawValue) .k{stroke:\($0.colour)}" }.joined(separator: "\n"))
    @media (prefers-color-scheme:dark){
    .diagram text{fill:#e6e9ec}
    .diagram .s,.diagram .l{fill:#a6b0ba}
    .diagram rect{fill:#1d2226;stroke:#6e7781}
    .diagram rect.page{fill:#14171a}
    .diagram .e{stroke:#8c959f}
    .diagram .h{fill:#8c959f}
    }

    """
}

extension DiagramBlock.Kind {
  /// The colour of a block's edge.
  var colour: String {
    switch self {
    case .convolution: "#0072b2"
    case .linear: "#e69f00"
    case .normalisation: "#009e73"
    case .activation: "#d55e00"
    case .pooling: "#56b4e9"
    case .regularisation: "#cc79a7"
    case .operation: "#f0e442"
    case .container: "#8c959f"
    }
  }
}
