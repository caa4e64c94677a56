import StrataCore

/// What the numbers of several networks say; a sentence whose condition they do not meet is left out.
struct LabConclusions {
  private let entries: [LabReport.Entry]
  private let words: Words.Conclusions

  init(_ entries: [LabReport.Entry], _ words: Words.Conclusions) {
    self.entries = entries
    self.words = words
  }

  var sentences: [String] {
    [sizes].compactMap { $0 } + shares + [countsMislead, depth].compactMap { $0 } + separable + activations
      + [times, speed].compactMap { $0 }
  }

  private var costs: [Complexity] { entries.map(\.complexity) }

  private func ratio(_ a: Double, _ b: Double) -> String {
    let value = a / b
    return DecimalText.fixed(value, digits: value < 100 ? 1 : 0)
  }

  private func ratio(_ a: Int, _ b: Int) -> String { ratio(Double(a), Double(b)) }

  /// The largest and the smallest.
  private var sizes: String? {
    guard let largest = costs.max(by: { $0.parameters < $1.parameters }),
      let smallest = costs.min(by: { $0.parameters < $1.parameters }),
      largest.parameters > smallest.parameters
    else { return nil }
    return words.sizes(
      largest.name, Text.grouped(largest.parameters), ratio(largest.parameters, smallest.parameters),
      smallest.name)
  }

  /// Where parameters sit.
  private var shares: [String] {
    costs.map { cost in
      if 2 * cost.classifierParameters > cost.parameters {
        return words.classifierHeavy(
          cost.name, Text.percent(cost.classifierParameters, of: cost.parameters),
          Text.percent(cost.classifierMACs, of: cost.macs))
      }
      return words.featureHeavy(cost.name, Text.percent(cost.featureParameters, of: cost.parameters))
    }
  }

  /// The pair in which one has most more parameters and yet less arithmetic.
  private var countsMislead: String? {
    var best: (a: Complexity, b: Complexity, weight: Double)?
    for a in costs {
      for b in costs where a.parameters > b.parameters && a.macs < b.macs {
        let weight = Double(a.parameters) / Double(b.parameters) * Double(b.macs) / Double(a.macs)
        if weight > best?.weight ?? 0 { best = (a, b, weight) }
      }
    }
    return best.map {
      words.countsMislead(
        $0.a.name, $0.b.name, ratio($0.a.parameters, $0.b.parameters), ratio($0.b.macs, $0.a.macs))
    }
  }

  /// The deepest, against the largest of the shallower ones.
  private var depth: String? {
    guard let deepest = costs.max(by: { $0.depth < $1.depth }),
      let other = costs.filter({ $0.depth < deepest.depth }).max(by: { $0.parameters < $1.parameters }),
      other.parameters > deepest.parameters
    else { return nil }
    return words.depth(
      deepest.name, deepest.depth, other.name, other.depth, ratio(other.parameters, deepest.parameters))
  }

  private var separable: [String] {
    costs.compactMap { cost in cost.separableSaving.map { words.separable(cost.name, Text.times($0)) } }
  }

  private var activations: [String] {
    costs.filter { $0.activationBytes > $0.weightBytes }.map {
      words.activations($0.name, ratio($0.activationBytes, $0.weightBytes))
    }
  }

  private var times: String? {
    guard let fastest = entries.min(by: { $0.benchmark.median < $1.benchmark.median }),
      let slowest = entries.max(by: { $0.benchmark.median < $1.benchmark.median }),
      slowest.complexity.name != fastest.complexity.name
    else { return nil }
    return words.times(
      fastest.complexity.name, Text.milliseconds(fastest.benchmark.median), slowest.complexity.name,
      Text.milliseconds(slowest.benchmark.median), ratio(slowest.benchmark.median, fastest.benchmark.median))
  }

  /// Who makes most and least of the processor, where that differs much.
  private var speed: String? {
    guard let best = entries.max(by: { $0.benchmark.gigaflops < $1.benchmark.gigaflops }),
      let worst = entries.min(by: { $0.benchmark.gigaflops < $1.benchmark.gigaflops }),
      best.benchmark.gigaflops > 1.5 * worst.benchmark.gigaflops
    else { return nil }
    return words.speed(
      best.complexity.name, DecimalText.fixed(best.benchmark.gigaflops, digits: 0), worst.complexity.name,
      DecimalText.fixed(worst.benchmark.gigaflops, digits: 0))
  }
}
