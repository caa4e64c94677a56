import StrataCore
import StrataGraph
import StrataModels
import StrataNN
import StrataRuntime

/// The whole lab as one report: the environment, the networks one by one, and what their numbers say together.
public struct LabReport {
  /// What was found out about one network.
  struct Entry {
    let complexity: Complexity
    let benchmark: Benchmark
  }

  private let words: Words
  private let write: (String) throws(StrataError) -> Void
  private var entries: [Entry] = []
  private var chapter = 0
  /// Whether everything that was checked holds.
  public private(set) var ok = true

  /// Creates a report in a language that hands its sections to `write` as they are ready.
  public init(_ language: ReportLanguage, write: @escaping (String) throws(StrataError) -> Void) {
    words = Words.of(language)
    self.write = write
  }

  /// Writes the heading and the environment.
  public mutating func writeEnvironment(_ environment: EnvironmentReport, in language: ReportLanguage)
    throws(StrataError)
  {
    try write(words.title)
    try writeHeading(words.environment)
    try write(environment.text(in: language))
    let passed = environment.checks.count { $0.ok }
    try write("\n" + words.selfTest(passed, environment.checks.count))
    for check in environment.checks where !check.ok { try write("  \(check.sentence)") }
    ok = ok && environment.ok
  }

  /// Builds, prints, runs and verifies a network.
  public mutating func writeNetwork(
    _ model: Module, reference: String, specification: Specification?, input: Shape = [1, 3, 224, 224]
  ) throws(StrataError) {
    model.eval()
    try writeHeading("\(model.typeName) — \(reference)")
    try write(model.description)

    let structure = try specification.map { specification throws(StrataError) in
      try StructureCheck(model, against: specification, input: input)
    }
    let complexity = try Complexity(of: model, input: input)
    let image = HostTensor.normal(shape: input, key: RandomKey(seed: 0))
    var outputs: [[Float]] = []
    let benchmark = try Benchmark(model, input: image, macs: complexity.macs, effort: .brief) { output in
      if outputs.count < 2 { outputs.append(output.scalars(as: Float.self)) }
    }
    var checks = structure?.results ?? []
    checks.append(BehaviourCheck.finite(outputs))
    if outputs.count == 2 { checks.append(BehaviourCheck.deterministic(outputs[0], outputs[1])) }

    try write("\n" + summary(complexity, benchmark, checks))
    for check in checks where !check.ok { try write("  \(check.sentence)") }
    ok = ok && checks.allSatisfy(\.ok)
    entries.append(Entry(complexity: complexity, benchmark: benchmark))
  }

  private func summary(_ complexity: Complexity, _ benchmark: Benchmark, _ checks: [CheckResult]) -> String {
    let total = complexity.parameters
    func part(_ count: Int) -> String { "\(Text.grouped(count)) (\(Text.percent(count, of: total)))" }
    return Text.pairs([
      (words.input, "\(complexity.input)"),
      (words.output, "\(complexity.output)"),
      (words.parameters, Text.grouped(total)),
      (words.features, part(complexity.featureParameters)),
      (words.classifier, part(complexity.classifierParameters)),
      (words.macs, Text.grouped(complexity.macs)),
      (
        words.forward,
        words.forwardTime(Text.milliseconds(benchmark.median), benchmark.seconds.count, benchmark.threads)
      ),
      (words.verified, words.verifiedCount(checks.count { $0.ok }, checks.count)),
    ])
  }

  /// Writes the table of all networks and what follows from it.
  public mutating func writeComparison() throws(StrataError) {
    guard !entries.isEmpty else { return }
    try writeHeading(words.comparison)
    let rows = entries.map { entry in
      let cost = entry.complexity
      return [
        cost.name, "\(cost.depth)", Text.grouped(cost.parameters), Text.grouped(cost.macs),
        Text.megabytes(cost.weightBytes), Text.megabytes(cost.activationBytes),
        Text.milliseconds(entry.benchmark.median),
      ]
    }
    try write(Text.table([words.columns] + rows) + "\n\n" + words.notes)
    let sentences = LabConclusions(entries, words.conclusion).sentences
    guard !sentences.isEmpty else { return }
    try writeHeading(words.conclusions)
    try write(sentences.map { "- \($0)" }.joined(separator: "\n"))
  }

  private mutating func writeHeading(_ title: String) throws(StrataError) {
    chapter += 1
    let line = "\(chapter). \(title)"
    try write("\n\(line)\n\(String(repeating: "=", count: Text.width(line)))\n")
  }
}
