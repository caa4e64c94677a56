import StrataCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Things as bubbles over two axes in powers of ten: networks by parameters and multiply-accumulates, or layers under
/// the roofline of a machine.
struct BubbleChart {
  /// A bubble.
  struct Point {
    /// What stands in a table beside the chart, where there is one.
    var number: Int?
    /// The name beside the bubble; nil for none.
    let name: String?
    let x: Double
    let y: Double
    /// What the area stands for.
    let weight: Double
    let tip: String
  }

  /// The most that is possible at each place: what memory allows, rising, up to what arithmetic allows.
  struct Roof {
    /// The factor of the rising part.
    let slope: Double
    let height: Double
  }

  /// What tells bubbles apart besides colours.
  private static let hatchings = [
    "M0 8L8 0", "M0 0L8 8", "M0 4H8", "M4 0V8", "M0 4H8M4 0V8", "M0 0L8 8M0 8L8 0", "M2 2h1M6 6h1", "",
  ]

  private struct Bubble {
    let point: Point
    let x: Double
    let y: Double
    let radius: Double
    let colour: Int
  }

  private struct Box {
    var x: Double
    var y: Double
    var width: Double
    var height: Double

    func overlaps(_ other: Box) -> Bool {
      x < other.x + other.width && other.x < x + width && y < other.y + other.height && other.y < y + height
    }

    func overlaps(_ bubble: Bubble) -> Bool {
      let dx = max(x - bubble.x, 0, bubble.x - x - width)
      let dy = max(y - bubble.y, 0, bubble.y - y - height)
      return dx * dx + dy * dy < bubble.radius * bubble.radius
    }
  }

  /// What the chart is called.
  let title: String
  let xTitle: String
  let yTitle: String
  let points: [Point]
  var roof: Roof?

  /// The chart for wide screens and for phones, of which a page shows one; `name` tells its patterns from those of other
  /// charts in the page.
  func html(height: Double, name: String) -> String {
    svg(width: 860, height: height, style: "wide", name: name + "w") + "\n"
      + svg(width: 350, height: min(height, 360), style: "narrow", name: name + "n")
  }

  private func svg(width: Double, height: Double, style: String, name: String) -> String {
    let plot = Box(x: 68, y: 14, width: width - 82, height: height - 62)
    // The roof's edge is part of what is shown.
    let edge = roof.map { ($0.height / $0.slope, $0.height) }
    let horizontal = Axis(points.map(\.x) + (edge.map { [$0.0] } ?? []))
    let vertical = Axis(points.map(\.y) + (edge.map { [$0.1] } ?? []))
    let largest = max(points.map(\.weight).max() ?? 1, 1e-300)
    let bubbles = points.enumerated().map { index, point in
      Bubble(
        point: point, x: plot.x + plot.width * horizontal.place(point.x),
        y: plot.y + plot.height * (1 - vertical.place(point.y)),
        radius: max(
          roof == nil ? 5 : 3,
          (point.weight / largest).squareRoot() * min(plot.width, plot.height) / (roof == nil ? 11 : 18)),
        colour: roof == nil ? index % ChartStyle.colours.count : 0)
    }.sorted { $0.radius > $1.radius }
    let (w, h) = (Markup.length(width), Markup.length(height))
    var svg =
      "<svg class=\"chart \(style)\" width=\"\(w)\" height=\"\(h)\" viewBox=\"0 0 \(w) \(h)\" role=\"img\" "
      + "aria-label=\"\(Markup.escaped(title))\"><defs>"
    for index in Set(bubbles.map(\.colour)).sorted() { svg += pattern(index, name) }
    svg += "</defs>" + axes(horizontal, vertical, plot)
    if let roof { svg += line(roof, horizontal, vertical, plot) }
    for bubble in bubbles {
      let (x, y, r) = (Markup.length(bubble.x), Markup.length(bubble.y), Markup.length(bubble.radius))
      svg += "<circle cx=\"\(x)\" cy=\"\(y)\" r=\"\(r)\" fill=\"url(#\(name)\(bubble.colour))\" "
      svg += "stroke=\"\(ChartStyle.colours[bubble.colour])\">"
      svg += "<title>\(Markup.escaped(bubble.point.tip))</title></circle>"
    }
    return svg + labels(bubbles, plot) + "</svg>"
  }

  /// The roof, as far as it lies in the plot.
  private func line(_ roof: Roof, _ horizontal: Axis, _ vertical: Axis, _ plot: Box) -> String {
    func x(_ value: Double) -> String { Markup.length(plot.x + plot.width * horizontal.place(value)) }
    func y(_ value: Double) -> String { Markup.length(plot.y + plot.height * (1 - vertical.place(value))) }
    let start = max(horizontal.least, vertical.least / roof.slope)
    return "<path class=\"roof\" d=\"M\(x(start)) \(y(start * roof.slope))L\(x(roof.height / roof.slope)) "
      + "\(y(roof.height))H\(x(horizontal.most))\"/>"
  }

  private func pattern(_ index: Int, _ name: String) -> String {
    let colour = ChartStyle.colours[index]
    return "<pattern id=\"\(name)\(index)\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">"
      + "<rect width=\"8\" height=\"8\" fill=\"\(colour)\" fill-opacity=\".3\"/>"
      + "<path d=\"\(Self.hatchings[index])\" stroke=\"\(colour)\" stroke-width=\"1.2\" fill=\"none\"/></pattern>"
  }

  private func axes(_ horizontal: Axis, _ vertical: Axis, _ plot: Box) -> String {
    var svg = ""
    let (left, right) = (Markup.length(plot.x), Markup.length(plot.x + plot.width))
    let (top, bottom) = (Markup.length(plot.y), Markup.length(plot.y + plot.height))
    for tick in horizontal.ticks(most: Int(plot.width / 56)) {
      let x = Markup.length(plot.x + plot.width * horizontal.place(tick))
      svg += "<path class=\"g\" d=\"M\(x) \(top)V\(bottom)\"/>"
      svg += "<text x=\"\(x)\" y=\"\(Markup.length(plot.y + plot.height + 17))\" text-anchor=\"middle\">"
      svg += "\(Axis.text(tick))</text>"
    }
    for tick in vertical.ticks(most: Int(plot.height / 30)) {
      let y = plot.y + plot.height * (1 - vertical.place(tick))
      svg += "<path class=\"g\" d=\"M\(left) \(Markup.length(y))H\(right)\"/>"
      svg += "<text x=\"\(Markup.length(plot.x - 6))\" y=\"\(Markup.length(y + 4))\" text-anchor=\"end\">"
      svg += "\(Axis.text(tick))</text>"
    }
    let middle = plot.y + plot.height / 2
    svg += "<path class=\"a\" d=\"M\(left) \(top)V\(bottom)H\(right)\"/>"
    svg += "<text class=\"t\" x=\"\(Markup.length(plot.x + plot.width / 2))\" "
    svg += "y=\"\(Markup.length(plot.y + plot.height + 38))\" text-anchor=\"middle\">"
    svg += Markup.escaped(xTitle) + "</text>"
    svg += "<text class=\"t\" transform=\"translate(13 \(Markup.length(middle))) rotate(-90)\" "
    return svg + "text-anchor=\"middle\">\(Markup.escaped(yTitle))</text>"
  }

  /// Names beside their bubbles where there is room, else numbers, else nothing.
  private func labels(_ bubbles: [Bubble], _ plot: Box) -> String {
    var svg = ""
    var taken: [Box] = []
    for bubble in bubbles.reversed() {
      guard let own = bubble.point.name else { continue }
      let names = bubble.point.number.map { ["\($0) \(own)", "\($0)"] } ?? [own]
      search: for (index, name) in names.enumerated() {
        let width = ChartStyle.textWidth(name) + 4
        for distance in index == 0 ? [4.0, 16, 30] : [4.0] {
          for box in candidates(bubble, width, distance) {
            let isInside =
              box.x >= plot.x && box.x + box.width <= plot.x + plot.width + 10 && box.y >= plot.y - 10
              && box.y + box.height <= plot.y + plot.height
            guard isInside, !taken.contains(where: box.overlaps), !bubbles.contains(where: box.overlaps)
            else { continue }
            taken.append(box)
            if distance > 4 { svg += leader(bubble, box) }
            svg += "<text class=\"n\" x=\"\(Markup.length(box.x + 2))\" y=\"\(Markup.length(box.y + 12))\">"
            svg += Markup.escaped(name) + "</text>"
            break search
          }
        }
      }
    }
    return svg
  }

  private func candidates(_ bubble: Bubble, _ width: Double, _ distance: Double) -> [Box] {
    let height = 16.0
    let (far, near) = (bubble.radius + distance, (bubble.radius + distance) * 0.72)
    let (x, y) = (bubble.x, bubble.y)
    return [
      (x + far, y - height / 2), (x - far - width, y - height / 2), (x - width / 2, y - far - height),
      (x - width / 2, y + far), (x + near, y - near - height), (x + near, y + near),
      (x - near - width, y - near - height), (x - near - width, y + near),
    ].map { Box(x: $0.0, y: $0.1, width: width, height: height) }
  }

  private func leader(_ bubble: Bubble, _ box: Box) -> String {
    let x = min(max(bubble.x, box.x), box.x + box.width)
    let y = min(max(bubble.y, box.y), box.y + box.height)
    let length = max(1, ((x - bubble.x) * (x - bubble.x) + (y - bubble.y) * (y - bubble.y)).squareRoot())
    let (dx, dy) = ((x - bubble.x) / length, (y - bubble.y) / length)
    let start = (bubble.x + dx * bubble.radius, bubble.y + dy * bubble.radius)
    return "<path class=\"a\" d=\"M\(Markup.length(start.0)) \(Markup.length(start.1))L\(Markup.length(x)) "
      + "\(Markup.length(y))\"/>"
  }
}

/// An axis in powers of ten.
struct Axis {
  private let low: Double
  private let high: Double

  /// An axis on which values have room on both sides.
  init(_ values: [Double]) {
    let logarithms = values.map { log10($0) }
    let (least, most) = (logarithms.min() ?? 0, logarithms.max() ?? 1)
    let margin = max(0.3, 0.16 * (most - least))
    (low, high) = (least - margin, most + margin)
  }

  /// The value at the lower end.
  var least: Double { pow(10, low) }
  /// The value at the upper end.
  var most: Double { pow(10, high) }

  /// Where a value lies between both ends: 0 to 1.
  func place(_ value: Double) -> Double { (log10(value) - low) / (high - low) }

  /// Round values inside, as many as have room.
  func ticks(most: Int) -> [Double] {
    for steps in [[1.0, 2, 5], [1, 3], [1]] {
      let ticks = (Int(low.rounded(.down))...Int(high.rounded(.up))).flatMap { power in
        steps.map { $0 * pow(10, Double(power)) }
      }.filter { (low...high).contains(log10($0)) }
      if ticks.count <= most || steps.count == 1 { return ticks }
    }
    return []
  }

  /// `20 M`, `0.5`.
  static func text(_ value: Double) -> String {
    let units: [(Double, String)] = [(1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")]
    for (unit, name) in units where value >= 0.999 * unit {
      return DecimalText.general(value / unit, digits: 3) + name
    }
    return DecimalText.general(value, digits: 3)
  }
}
