/// What charts have in common: colours, marks and how their texts and lines look. Colours are those of Okabe and Ito,
/// which people with colour-vision deficiency tell apart; hatching, dashes and marks tell series apart without colour.
enum ChartStyle {
  static let colours = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#7f7f7f", "#b8a900",
  ]

  /// For charts inside a page whose colours are the variables of `ReportStyle`.
  static let css = """
    .chart{display:block;max-width:100%}
    .chart text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC",sans-serif;\
    fill:var(--soft)}
    .chart .n{fill:var(--text);font-weight:600;paint-order:stroke;stroke:var(--page);stroke-width:3px;\
    stroke-linejoin:round}
    .chart .t{fill:var(--text)}
    .chart .h{fill:var(--text);font-weight:600;font-size:14px}
    .chart .g{stroke:var(--line);stroke-width:1}
    .chart .a{stroke:var(--soft);fill:none}
    .chart circle{stroke-width:1.6}
    .chart .roof{fill:none;stroke:var(--text);stroke-width:2;stroke-dasharray:8 4}
    .chart .v{fill:none;stroke-width:2;stroke-linejoin:round}

    """

  /// The variables, for a chart that is a whole document.
  static let colourVariables = """
    svg{--page:#fff;--text:#1b1f23;--soft:#57606a;--line:#d0d7de;background:var(--page)}
    @media (prefers-color-scheme:dark){svg{--page:#14171a;--text:#e6e9ec;--soft:#a6b0ba;--line:#3a4249}}

    """

  /// The width of a text of 12 pixels, with a little to spare: fonts differ.
  static func textWidth(_ text: String) -> Double { 7.4 * Double(Text.width(text)) }
}
