import StrataCore

/// Curves over a common axis, such as losses over epochs, as SVG for a page or as a document of its own.
///
///     let chart = LineChart(
///       title: "Loss", xTitle: "Epoch", yTitle: "Cross-entropy",
///       series: [.init(name: "train", values: [2.3, 1.1, 0.7]), .init(name: "val", values: [1.9, 1.2, 1.0])])
///     let svg = chart.document()
public struct LineChart: Sendable, Hashable {
  /// A place in the chart.
  public struct Point: Sendable, Hashable {
    /// To the right.
    public let x: Double
    /// Upwards; a value that is not finite leaves a gap.
    public let y: Double

    /// Creates a place.
    public init(x: Double, y: Double) { (self.x, self.y) = (x, y) }
  }

  /// A curve.
  public struct Series: Sendable, Hashable {
    /// What it shows, for the legend.
    public let name: String
    /// Its places, from left to right.
    public let points: [Point]

    /// Creates a curve through places.
    public init(name: String, points: [Point]) { (self.name, self.points) = (name, points) }

    /// Creates a curve of values one apart, the first over `first`.
    public init(name: String, values: [Double], first: Double = 1) {
      self.init(
        name: name, points: values.enumerated().map { Point(x: first + Double($0.offset), y: $0.element) })
    }
  }

  /// How values go upwards.
  public enum Scale: String, Sendable, Hashable, CaseIterable {
    /// Equal steps add.
    case linear
    /// Equal steps multiply; what is not positive leaves a gap.
    case logarithmic
  }

  /// What stands above the chart.
  public var title: String
  /// What goes to the right.
  public var xTitle: String
  /// What goes upwards.
  public var yTitle: String
  /// How values go upwards.
  public var scale: Scale
  /// The curves.
  public var series: [Series]

  /// Creates a chart.
  public init(
    title: String, xTitle: String, yTitle: String, scale: Scale = .linear, series: [Series]
  ) {
    self.title = title
    self.xTitle = xTitle
    self.yTitle = yTitle
    self.scale = scale
    self.series = series
  }

  /// The chart as an element of a page that has the style of reports.
  public func svg(width: Double = 560, height: Double = 320) -> String {
    let (w, h) = (Markup.length(width), Markup.length(height))
    return "<svg class=\"chart\" width=\"\(w)\" height=\"\(h)\" viewBox=\"0 0 \(w) \(h)\" role=\"img\" "
      + "aria-label=\"\(Markup.escaped(title))\">" + contents(width, height) + "</svg>"
  }

  /// The chart as an SVG document that shows itself in light or dark colours.
  public func document(width: Double = 560, height: Double = 320) -> String {
    let (w, h) = (Markup.length(width), Markup.length(height))
    return """
      <?xml version="1.0" encoding="UTF-8"?>
      <svg xmlns="http://www.w3.org/2000/svg" class="chart" width="\(w)" height="\(h)" viewBox="0 0 \(w) \(h)" role="img">
      <title>\(Markup.escaped(title))</title>
      <style>\(ChartStyle.colourVariables)\(ChartStyle.css)</style>
      \(contents(width, height))
      </svg>

      """
  }

  // MARK: Drawing

  private func contents(_ width: Double, _ height: Double) -> String {
    var svg = ""
    var y = 8.0
    if !title.isEmpty {
      svg += "<text class=\"h\" x=\"12\" y=\"20\">\(Markup.escaped(title))</text>"
      y = 30
    }
    let (legend, end) = self.legend(width, top: y)
    svg += legend
    return svg + plot(width, height, top: end + 6)
  }

  /// The names of the curves with a piece of each, in as many lines as they need; and where they end.
  private func legend(_ width: Double, top: Double) -> (svg: String, end: Double) {
    guard series.count > 1 else { return ("", top) }
    var (svg, x, y) = ("", 12.0, top)
    for (index, curve) in series.enumerated() {
      let room = 34 + ChartStyle.textWidth(curve.name) + 10
      if x > 12, x + room > width { (x, y) = (12, y + 18) }
      svg += "<path class=\"v\" \(stroke(index)) d=\"M\(Markup.length(x)) \(Markup.length(y + 8))h28\"/>"
      svg += mark(index, x + 14, y + 8)
      svg += "<text class=\"t\" x=\"\(Markup.length(x + 34))\" y=\"\(Markup.length(y + 12))\">"
      svg += Markup.escaped(curve.name) + "</text>"
      x += room
    }
    return (svg, y + 18)
  }

  private func isShown(_ point: Point) -> Bool {
    // Beyond that, differences of values are none.
    point.x.magnitude <= 1e300 && point.y.magnitude <= 1e300 && (scale == .linear || point.y > 0)
  }

  private func plot(_ width: Double, _ height: Double, top: Double) -> String {
    let shown = series.flatMap(\.points).filter(isShown)
    let bottom = height - 46
    // Both axes are chosen before the margin is known that the texts of one need.
    let rows = Int(max(40, bottom - top) / 34)
    let steps = LinearAxis(shown.map(\.y), count: max(2, rows))
    let powers = Axis(shown.isEmpty ? [1] : shown.map(\.y))
    let isLogarithmic = scale == .logarithmic
    let marks = isLogarithmic ? powers.ticks(most: max(2, rows)) : steps.ticks
    let names = marks.map(Axis.text)
    let left = 28 + (names.map(ChartStyle.textWidth).max() ?? 0)
    let right = width - 16
    let areWhole = shown.allSatisfy { $0.x == $0.x.rounded() }
    let columns = LinearAxis(
      shown.map(\.x), count: max(2, Int((right - left) / 64)), areWhole: areWhole, isWidened: false)

    func x(_ value: Double) -> Double { left + (right - left) * columns.place(value) }
    func y(_ value: Double) -> Double {
      bottom - (bottom - top) * (isLogarithmic ? powers.place(value) : steps.place(value))
    }
    let (l, r) = (Markup.length(left), Markup.length(right))
    let (t, b) = (Markup.length(top), Markup.length(bottom))
    var svg = ""
    for (mark, name) in zip(marks, names) {
      svg += "<path class=\"g\" d=\"M\(l) \(Markup.length(y(mark)))H\(r)\"/>"
      svg += "<text x=\"\(Markup.length(left - 6))\" y=\"\(Markup.length(y(mark) + 4))\" text-anchor=\"end\">"
      svg += "\(name)</text>"
    }
    for tick in columns.ticks {
      svg += "<path class=\"a\" d=\"M\(Markup.length(x(tick))) \(b)v4\"/>"
      svg += "<text x=\"\(Markup.length(x(tick)))\" y=\"\(Markup.length(bottom + 18))\" "
      svg += "text-anchor=\"middle\">\(Axis.text(tick))</text>"
    }
    svg += "<path class=\"a\" d=\"M\(l) \(t)V\(b)H\(r)\"/>"
    svg += "<text class=\"t\" x=\"\(Markup.length((left + right) / 2))\" "
    svg += "y=\"\(Markup.length(bottom + 38))\" text-anchor=\"middle\">\(Markup.escaped(xTitle))</text>"
    svg += "<text class=\"t\" transform=\"translate(13 \(Markup.length((top + bottom) / 2))) rotate(-90)\" "
    svg += "text-anchor=\"middle\">\(Markup.escaped(yTitle))</text>"
    for (index, curve) in series.enumerated() {
      svg += line(index, curve, Int(max(1, right - left)), x, y)
    }
    return svg
  }

  /// A curve, with marks where its points are few.
  private func line(
    _ index: Int, _ curve: Series, _ columns: Int, _ x: (Double) -> Double, _ y: (Double) -> Double
  ) -> String {
    var path = ""
    var isOpen = false
    let points = Self.thinned(curve.points, columns)
    for point in points {
      guard isShown(point) else {
        isOpen = false
        continue
      }
      path += "\(isOpen ? "L" : "M")\(Markup.length(x(point.x))) \(Markup.length(y(point.y)))"
      isOpen = true
    }
    guard !path.isEmpty else { return "" }
    var svg = "<path class=\"v\" \(stroke(index)) d=\"\(path)\">"
    svg += "<title>\(Markup.escaped(curve.name))</title></path>"
    guard points.count <= 40 else { return svg }
    for point in points where isShown(point) {
      let values = "\(DecimalText.general(point.x, digits: 6)): \(DecimalText.general(point.y, digits: 6))"
      svg += mark(index, x(point.x), y(point.y), tip: "\(curve.name)\n\(values)")
    }
    return svg
  }

  /// As many points as can be told apart: of those in a column of pixels the lowest and the highest.
  private static func thinned(_ points: [Point], _ columns: Int) -> [Point] {
    guard points.count > 4 * columns else { return points }
    let size = (points.count + columns - 1) / columns
    return stride(from: 0, to: points.count, by: size).flatMap { start -> [Point] in
      let part = points[start..<min(start + size, points.count)]
      let finite = part.indices.filter { points[$0].y.isFinite }
      guard let least = finite.min(by: { points[$0].y < points[$1].y }),
        let most = finite.max(by: { points[$0].y < points[$1].y })
      else { return [points[start]] }
      return Set([least, most]).sorted().map { points[$0] }
    }
  }

  private func stroke(_ index: Int) -> String {
    let dashes = ["", "7 4", "2 3", "9 3 2 3"][index % 4]
    let colour = ChartStyle.colours[index % ChartStyle.colours.count]
    return "stroke=\"\(colour)\"" + (dashes.isEmpty ? "" : " stroke-dasharray=\"\(dashes)\"")
  }

  /// A disc, a square, a triangle or a diamond.
  private func mark(_ index: Int, _ x: Double, _ y: Double, tip: String? = nil) -> String {
    let shapes = [
      "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z", "m-3-3h6v6h-6z", "m0-4l4 7h-8z", "m0-4l4 4l-4 4l-4-4z",
    ]
    let colour = ChartStyle.colours[index % ChartStyle.colours.count]
    let path =
      "<path fill=\"\(colour)\" d=\"M\(Markup.length(x)) \(Markup.length(y))\(shapes[index % shapes.count])\""
    return tip.map { "\(path)><title>\(Markup.escaped($0))</title></path>" } ?? path + "/>"
  }
}
