#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Real numbers as decimal text with a given number of digits, correctly rounded, as C's `printf` writes them.
public enum DecimalText {
  /// `3.1416`: as `%.4f` has it; not-a-number is `nan` whatever its sign.
  public static func fixed(_ value: Double, digits: Int = 4) -> String { format("%.*f", value, digits) }

  /// `3.1416e+00`: as `%.4e` has it.
  public static func scientific(_ value: Double, digits: Int = 4) -> String { format("%.*e", value, digits) }

  /// `3.142`: as `%.4g` has it, the shorter of both with that many significant digits.
  public static func general(_ value: Double, digits: Int = 6) -> String { format("%.*g", value, digits) }

  private static func format(_ pattern: String, _ value: Double, _ digits: Int) -> String {
    if value.isNaN { return "nan" }
    let digits = max(0, min(digits, 1000))
    // The largest number has 309 digits before the point.
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: digits + 320) { text in
      let length = withVaList([CInt(digits), value]) { vsnprintf(text.baseAddress, text.count, pattern, $0) }
      return String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }
}
