/// The versions that this build was made of.
public enum StrataVersion {
  /// Strata's own.
  public static let strata = "0.1.0"

  /// The Swift compiler's. A source file can only ask whether the compiler is at least of some version,
  /// and the standard library does not count patches, so patches known today are asked for one by one.
  public static let swift: String = {
    #if compiler(>=6.4)
      "\(_SwiftStdlibVersion.current)"
    #elseif compiler(>=6.3.3)
      "6.3.3"
    #elseif compiler(>=6.3.2)
      "6.3.2"
    #elseif compiler(>=6.3.1)
      "6.3.1"
    #else
      "\(_SwiftStdlibVersion.current)"
    #endif
  }()
}
