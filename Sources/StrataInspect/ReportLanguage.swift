/// A language that reports are written in.
public enum ReportLanguage: String, Sendable, CaseIterable {
  /// English.
  case english = "en"
  /// Simplified Chinese.
  case chinese = "zh"

  /// The language of a locale's name such as `zh_CN.UTF-8`.
  public init(locale: String) { self = locale.hasPrefix("zh") ? .chinese : .english }
}
