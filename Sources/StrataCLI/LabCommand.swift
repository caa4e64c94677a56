import Strata

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Command {
  /// The whole lab as one report.
  static let lab = Command(
    name: "lab", summary: "Check the environment, then build, print, run, verify and compare the networks.",
    details:
      "The lab's four networks are taken unless some are named. The exit status is 1 if a check fails.",
    operands: .any("MODEL"),
    options: [
      Option(
        name: "lang", value: "LANGUAGE",
        summary: "Write in en (English) or zh (Chinese), by default that of LANG.")
    ]
  ) { arguments in
    let chosen = try arguments.choice("lang", of: ReportLanguage.allCases.map(\.rawValue))
    let language = chosen.flatMap(ReportLanguage.init(rawValue:)) ?? ReportLanguage(locale: locale)
    let names = arguments.operands.isEmpty ? Specification.labNetworks : arguments.operands
    var entries: [ModelEntry] = []
    for name in names { entries.append(try ModelRegistry.entry(named: name)) }

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

  /// The language's name in the environment, from the variables that override each other.
  private static var locale: String {
    for name in ["LC_ALL", "LC_MESSAGES", "LANG"] {
      if let value = getenv(name), value.pointee != 0 { return String(cString: value) }
    }
    return ""
  }
}
