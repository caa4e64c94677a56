import Strata

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Option {
  static let language = Option(
    name: "lang", value: "LANGUAGE",
    summary: "Write in en (English) or zh (Chinese), by default that of LANG.")
}

extension Arguments {
  /// The language asked for, or that of the environment.
  func language() throws(StrataError) -> ReportLanguage {
    let chosen = try choice("lang", of: ReportLanguage.allCases.map(\.rawValue))
    return chosen.flatMap(ReportLanguage.init(rawValue:)) ?? ReportLanguage(locale: Self.locale)
  }

  /// The language's name in the environment, from the variables that override each other.
  private static var locale: String {
    for name in ["LC_ALL", "LC_MESSAGES", "LANG"] {
      if let value = getenv(name), value.pointee != 0 { return String(cString: value) }
    }
    return ""
  }
}
