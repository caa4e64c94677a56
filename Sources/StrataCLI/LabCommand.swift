import Strata

extension Command {
  /// The whole lab as one report.
  static let lab = Command(
    name: "lab", summary: "Check the environment, then build, print, run, verify and compare the networks.",
    details:
      "The lab's four networks are taken unless some are named. The exit status is 1 if a check fails.",
    operands: .any("MODEL"),
    options: [.language]
  ) { arguments in
    let language = try arguments.language()
    let names = arguments.operands.isEmpty ? Specification.labNetworks : arguments.operands
    var entries: [ModelEntry] = []
    for name in names { entries += try arguments.entries(name) }

    manualSeed(0)
    var report = LabReport(language) { text throws(StrataError) in try Output.print(text) }
    try report.writeEnvironment(EnvironmentReport(engine: .linked), in: language)
    for entry in entries {
      try report.writeNetwork(
        entry.make(), reference: "\(entry.authors), \(entry.year)",
        specification: Specification.named(entry.name), input: Shape([1] + entry.imageShape))
      // The next network needs the memory that this one's plans hold.
      Engine.clearCache()
    }
    try report.writeComparison()
    return report.ok ? .done : .no
  }
}
