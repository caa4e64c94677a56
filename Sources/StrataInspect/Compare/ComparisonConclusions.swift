import StrataCore

extension ModelComparison {
  /// What the numbers say, in sentences; one whose condition they do not meet is left out.
  public var conclusions: [String] { conclusions(in: .english) }

  /// What the numbers say, in the sentences of a language.
  public func conclusions(in language: ReportLanguage) -> [String] {
    Conclusions(entries: entries, words: .of(language)).all
  }
}

/// Finds what there is to say about networks.
private struct Conclusions {
  typealias Entry = ModelComparison.Entry

  let entries: [Entry]
  let words: ConclusionWords

  var all: [String] {
    guard entries.count > 1 else { return separable + classifiers }
    let few = entries.count <= 6
    return [sizes, arithmetic].compactMap { $0 } + separable + (few ? classifiers + pointwise : [])
      + [misleading, sameArithmetic, depth, intensity].compactMap { $0 } + (few ? activations : [])
  }

  private func most(_ figure: (ModelSummary) -> Int) -> Entry? {
    entries.max { figure($0.summary) < figure($1.summary) }
  }

  private func least(_ figure: (ModelSummary) -> Int) -> Entry? {
    entries.min { figure($0.summary) < figure($1.summary) }
  }

  /// `0.06%`; what would round to nothing is `<0.01%`.
  private static func percent(_ share: Double) -> String {
    share < 0.000_05 ? "<0.01%" : DecimalText.fixed(100 * share, digits: 2) + "%"
  }

  /// `7.19×`.
  private func times(_ a: Int, _ b: Int) -> String {
    let ratio = Text.ratio(a, b)
    let number =
      ratio < 100 ? DecimalText.fixed(ratio, digits: 2) : Text.grouped(Int(min(ratio, 1e15).rounded()))
    return number + words.timesSign
  }

  private var sizes: String? {
    guard let most = most({ $0.parameters }), let least = least({ $0.parameters }),
      most.summary.parameters > least.summary.parameters, least.summary.parameters > 0
    else { return nil }
    return words.sizes(
      most.name, Text.grouped(most.summary.parameters),
      times(most.summary.parameters, least.summary.parameters), least.name)
  }

  /// The least arithmetic against the others; of many networks, against the most.
  private var arithmetic: String? {
    guard let least = least({ $0.macs }), least.summary.macs > 0 else { return nil }
    let others = entries.filter { $0.summary.macs > least.summary.macs }
      .sorted { $0.summary.macs < $1.summary.macs }
    let shown = others.count > 5 ? Array(others.suffix(1)) : others
    guard !shown.isEmpty else { return nil }
    let parts = shown.enumerated().map { index, entry in
      words.fewer(times(entry.summary.macs, least.summary.macs), entry.name, index == 0)
    }
    return words.needs(least.name, words.list(parts))
  }

  private var separable: [String] {
    entries.prefix(entries.count > 6 ? 0 : entries.count).compactMap { entry in
      guard let ordinary = entry.summary.ordinaryMACs, ordinary > entry.summary.macs else { return nil }
      return words.separable(entry.name, times(ordinary, entry.summary.macs), Text.grouped(ordinary))
    }
  }

  /// Where fully connected layers hold most parameters, or next to none.
  private var classifiers: [String] {
    entries.compactMap { entry in
      let (parameters, macs) = (entry.summary.parameters, entry.summary.macs)
      guard parameters > 0, macs > 0, let held = entry.summary.spending.parameters[.linear] else {
        return nil
      }
      let done = entry.summary.spending.macs[.linear] ?? 0
      guard 2 * held > parameters || 100 * done < macs else { return nil }
      return words.classifier(
        entry.name, Text.percent(held, of: parameters),
        DecimalText.fixed(100 * Text.ratio(done, macs), digits: 2) + "%")
    }
  }

  private var pointwise: [String] {
    entries.compactMap { entry in
      let (parameters, macs) = (entry.summary.parameters, entry.summary.macs)
      guard let done = entry.summary.spending.macs[.convolution1x1], 2 * done > macs else { return nil }
      let held = entry.summary.spending.parameters[.convolution1x1] ?? 0
      return words.pointwise(entry.name, Text.percent(done, of: macs), Text.percent(held, of: parameters))
    }
  }

  /// The pair in which one has most more parameters and yet less arithmetic.
  private var misleading: String? {
    var best: (a: Entry, b: Entry, weight: Double)?
    for a in entries {
      for b in entries where a.summary.parameters > b.summary.parameters && a.summary.macs < b.summary.macs {
        let weight =
          Text.ratio(a.summary.parameters, b.summary.parameters) * Text.ratio(b.summary.macs, a.summary.macs)
        if weight > best?.weight ?? 0 { best = (a, b, weight) }
      }
    }
    guard let (a, b, _) = best else { return nil }
    return words.misleading(
      a.name, times(a.summary.parameters, b.summary.parameters), b.name,
      times(b.summary.macs, a.summary.macs))
  }

  /// Two networks whose arithmetic is within a hundredth and whose parameters are not.
  private var sameArithmetic: String? {
    var best: (a: Entry, b: Entry, difference: Double)?
    for (index, a) in entries.enumerated() {
      for b in entries.dropFirst(index + 1) where min(a.summary.macs, b.summary.macs) > 0 {
        let difference = abs(Text.ratio(a.summary.macs, b.summary.macs) - 1)
        let sizes = Text.ratio(a.summary.parameters, max(1, b.summary.parameters))
        guard difference > 0, difference < 0.01, sizes > 1.2 || sizes < 1 / 1.2 else { continue }
        if difference < best?.difference ?? .infinity { best = (a, b, difference) }
      }
    }
    guard let (a, b, difference) = best else { return nil }
    let (more, less) = a.summary.parameters > b.summary.parameters ? (a, b) : (b, a)
    return words.sameArithmetic(
      a.name, b.name, Self.percent(difference), more.name,
      times(more.summary.parameters, less.summary.parameters))
  }

  /// The deepest, against the largest of those that are not as deep.
  private var depth: String? {
    guard let deepest = most({ $0.depth }) else { return nil }
    let others = entries.filter { $0.summary.depth < deepest.summary.depth }
    guard let other = others.max(by: { $0.summary.parameters < $1.summary.parameters }),
      other.summary.parameters > deepest.summary.parameters, deepest.summary.parameters > 0
    else { return nil }
    return words.depth(
      deepest.name, "\(deepest.summary.depth)", other.name, "\(other.summary.depth)",
      times(other.summary.parameters, deepest.summary.parameters))
  }

  /// Who does most and least arithmetic for the bytes that move, where that differs much.
  private var intensity: String? {
    guard let most = entries.max(by: { $0.summary.arithmeticIntensity < $1.summary.arithmeticIntensity }),
      let least = entries.min(by: { $0.summary.arithmeticIntensity < $1.summary.arithmeticIntensity }),
      most.summary.arithmeticIntensity > 2 * least.summary.arithmeticIntensity
    else { return nil }
    func digits(_ entry: Entry) -> String { DecimalText.fixed(entry.summary.arithmeticIntensity, digits: 1) }
    return words.intensity(most.name, digits(most), least.name, digits(least))
  }

  private var activations: [String] {
    entries.compactMap { entry in
      let summary = entry.summary
      guard summary.activationBytes > summary.weightBytes, summary.weightBytes > 0 else { return nil }
      return words.activations(entry.name, times(summary.activationBytes, summary.weightBytes))
    }
  }
}

extension Text {
  /// `a, b and c`.
  package static func list(_ words: [String]) -> String {
    guard words.count > 1, let last = words.last else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " and " + last
  }
}
