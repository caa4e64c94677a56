#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The memory of this process.
public enum ProcessMemory {
  /// Bytes that the process had in memory at most until now.
  public static var peak: Int {
    var usage = rusage()
    // Linux counts kilobytes, macOS bytes.
    #if canImport(Glibc)
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return Int(usage.ru_maxrss) * 1024
    #elseif canImport(Musl)
      getrusage(RUSAGE_SELF, &usage)
      return Int(usage.ru_maxrss) * 1024
    #else
      getrusage(RUSAGE_SELF, &usage)
      return Int(usage.ru_maxrss)
    #endif
  }

  /// Bytes in memory that are the process's own, not those of a file that it has mapped; nil where the system does
  /// not tell.
  public static var own: Int? {
    let counts = (SystemFile.text("/proc/self/statm") ?? "").split(separator: " ").compactMap { Int($0) }
    return counts.count > 2 ? (counts[1] - counts[2]) * Int(sysconf(Int32(_SC_PAGESIZE))) : nil
  }
}
