import StrataCore

/// What was measured of a network, as HTML: the layers under the roofline of the machine, and the time of each beside
/// the time that the machine would need at best.
struct MeasuredTimes {
  /// More lines than this are hard to take in.
  private static let mostLines = 64
  /// How many bubbles have names.
  private static let mostNames = 5

  private let profile: ModelProfile
  private let layers: [ModelProfile.Layer]
  private let words: ReportWords.Measured

  init(_ profile: ModelProfile, _ words: ReportWords.Measured) {
    (self.profile, self.words) = (profile, words)
    layers = profile.timedLayers
  }

  /// The section; `name` tells its patterns from those of other charts in the page.
  func html(name: String) -> String {
    let ceilings = profile.ceilings
    var note = words.note
    let values = [
      Text.milliseconds(profile.seconds), "\(profile.runs)", "\(profile.threads)", giga(ceilings.flops),
      giga(ceilings.bandwidth),
    ]
    for (index, value) in values.enumerated() { note.replace("%\(index + 1)", with: value) }
    let isCut = layers.count > Self.mostLines
    if isCut { note += " " + words.slowest.replacing("%1", with: "\(Self.mostLines)") }
    return """
      <h3>\(words.heading)</h3>
      <p class="note">\(Markup.escaped(note))</p>
      \(table)
      <h3>\(words.roofline)</h3>
      \(chart.html(height: 400, name: name))
      <p class="note">\(Markup.escaped(words.rooflineNote))</p>

      """
  }

  private func giga(_ value: Double) -> String { DecimalText.fixed(value / 1e9, digits: 1) }

  private func label(_ layer: ModelProfile.Layer) -> String {
    layer.path.isEmpty ? layer.operation : layer.path
  }

  // MARK: Roofline

  private var chart: BubbleChart {
    let slowest = Set(
      layers.indices.sorted { layers[$0].seconds > layers[$1].seconds }
        .prefix(Self.mostNames))
    let points = layers.enumerated().compactMap { index, layer -> BubbleChart.Point? in
      // What does no arithmetic has no place under the roof.
      guard layer.flops > 0, layer.bytes > 0, layer.seconds > 0 else { return nil }
      return BubbleChart.Point(
        name: slowest.contains(index) ? label(layer) : nil, x: Double(layer.flops) / Double(layer.bytes),
        y: layer.flopsPerSecond / 1e9, weight: layer.seconds,
        tip: "\(label(layer)): \(layer.operation)\n\(Text.milliseconds(layer.seconds)) ms\n\(rates(layer))")
    }
    return BubbleChart(
      title: words.roofline, xTitle: words.intensity, yTitle: words.speed, points: points,
      roof: BubbleChart.Roof(slope: profile.ceilings.bandwidth / 1e9, height: profile.ceilings.flops / 1e9))
  }

  private func rates(_ layer: ModelProfile.Layer) -> String {
    (layer.flops > 0 ? "\(giga(layer.flopsPerSecond)) GFLOP/s · " : "") + "\(giga(layer.bytesPerSecond)) GB/s"
  }

  // MARK: Table

  private var table: String {
    let ceilings = profile.ceilings
    var shown = Array(layers.indices)
    if shown.count > Self.mostLines {
      shown = shown.sorted { layers[$0].seconds > layers[$1].seconds }
      shown = shown.prefix(Self.mostLines).sorted()
    }
    let lines = shown.map { layers[$0] }
    func bound(_ layer: ModelProfile.Layer) -> Double { layer.efficiency(ceilings) * layer.seconds }
    let longest = max(lines.map { max($0.seconds, bound($0)) }.max() ?? 1, 1e-12)
    let heads = [words.layer, words.time, words.rates, words.bound]
    var html = "<table class=\"bars\"><thead><tr>"
    html += heads.map { "<th scope=\"col\">\(Markup.escaped($0))</th>" }.joined() + "</tr></thead><tbody>\n"
    for layer in lines {
      let time = Markup.length(max(0.3, 100 * layer.seconds / longest))
      let mark = Markup.length(100 * bound(layer) / longest)
      let limit = layer.isBoundByMemory(ceilings) ? words.memory : words.arithmetic
      html += "<tr title=\"\(Markup.escaped(layer.implementations.joined(separator: ", ")))\">"
      html += "<th scope=\"row\">\(Markup.breakable(label(layer)))"
      html += " <em>\(Markup.escaped(layer.operation))</em></th>"
      html +=
        "<td><svg class=\"bar\" viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
      html +=
        "<rect class=\"m\" width=\"\(time)\" height=\"1\"/><path class=\"bound\" d=\"M\(mark) 0V1\"/></svg>"
      html += "<span>\(Text.milliseconds(layer.seconds)) ms</span></td>"
      html += "<td><span class=\"wrap\">\(rates(layer))</span></td>"
      html += "<td><span class=\"wrap\">\(DecimalText.fixed(100 * layer.efficiency(ceilings), digits: 0))% "
      html += "\(Markup.escaped(limit))</span></td></tr>\n"
    }
    return html + "</tbody></table>"
  }
}
