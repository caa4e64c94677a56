#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The processor that the tool runs on.
public struct Processor: Sendable, Hashable {
  /// Its name, as it gives it itself.
  public let model: String
  /// Cores.
  public let cores: Int
  /// Hardware threads; more than cores where each core runs several.
  public let threads: Int
  /// Hardware threads that this process may run on.
  public let usable: Int
  /// Hardware threads' worth of time that the process's control group may use, where it is limited.
  public let quota: Double?

  /// Creates a description.
  public init(model: String, cores: Int, threads: Int, usable: Int, quota: Double? = nil) {
    self.model = model
    self.cores = cores
    self.threads = threads
    self.usable = usable
    self.quota = quota
  }

  /// Asks the system.
  public static func current(usable: Int) -> Processor {
    #if canImport(Darwin)
      let threads = systemNumber("hw.logicalcpu") ?? usable
      return Processor(
        model: systemText("machdep.cpu.brand_string") ?? "unknown",
        cores: systemNumber("hw.physicalcpu") ?? threads,
        threads: threads, usable: usable)
    #else
      let threads = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
      let description = ProcessorDescription(SystemFile.text("/proc/cpuinfo") ?? "")
      let board = SystemFile.text("/proc/device-tree/model").map { String($0.filter { $0 != "\0" }) }
      return Processor(
        model: description.model ?? board ?? "unknown", cores: description.cores ?? threads, threads: threads,
        usable: usable, quota: ControlGroup.current.processorQuota)
    #endif
  }

  #if canImport(Darwin)
    private static func systemNumber(_ name: String) -> Int? {
      var value: Int32 = 0
      var size = MemoryLayout<Int32>.size
      return sysctlbyname(name, &value, &size, nil, 0) == 0 ? Int(value) : nil
    }

    private static func systemText(_ name: String) -> String? {
      var size = 0
      guard sysctlbyname(name, nil, &size, nil, 0) == 0, size > 0 else { return nil }
      var text = [UInt8](repeating: 0, count: size)
      guard sysctlbyname(name, &text, &size, nil, 0) == 0 else { return nil }
      return String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
    }
  #endif
}

/// What Linux's `/proc/cpuinfo` says.
package struct ProcessorDescription {
  package let model: String?
  package let cores: Int?

  package init(_ text: String) {
    var model: String?
    var implementer: String?
    var places: Set<String> = []
    var socket = "0"
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1).map(\.trimmed)
      guard parts.count == 2 else { continue }
      let value = parts[1]
      switch parts[0] {
      case "model name", "Model": model = model ?? value
      case "CPU implementer": implementer = implementer ?? value
      case "physical id": socket = value
      case "core id": places.insert("\(socket)/\(value)")
      default: break
      }
    }
    self.model = model ?? implementer.map { "Arm (implementer \($0))" }
    cores = places.isEmpty ? nil : places.count
  }
}

extension StringProtocol {
  fileprivate var trimmed: String {
    let start = drop { $0 == " " || $0 == "\t" }
    return String(start.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
  }
}

/// The limits that Linux's control groups, and so containers, set to a process.
package struct ControlGroup: Equatable {
  package var processorQuota: Double?
  package var memoryLimit: Double?

  /// The limits of this process.
  static let current = ControlGroup { SystemFile.text($0) }

  /// Reads the limits of both versions of control groups through `read`, the tightest of all levels of the tree.
  package init(read: (String) -> String?) {
    for line in (read("/proc/self/cgroup") ?? "").split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 3 else { continue }
      let controllers = parts[1].split(separator: ",")
      for folder in Self.levels(parts[2]) {
        if controllers.isEmpty {
          tighten(read("/sys/fs/cgroup\(folder)/cpu.max"))
          tightenMemory(read("/sys/fs/cgroup\(folder)/memory.max"))
        }
        if controllers.contains("cpu") {
          let place = "/sys/fs/cgroup/cpu\(folder)"
          if let quota = read(place + "/cpu.cfs_quota_us"), let period = read(place + "/cpu.cfs_period_us") {
            tighten("\(quota) \(period)")
          }
        }
        if controllers.contains("memory") {
          tightenMemory(read("/sys/fs/cgroup/memory\(folder)/memory.limit_in_bytes"))
        }
      }
    }
  }

  /// `/a/b`, `/a` and the root: in a container, the path may be the host's and only the root be there.
  private static func levels(_ path: String) -> [String] {
    var parts = path.split(separator: "/").map(String.init)
    var levels: [String] = []
    while !parts.isEmpty {
      levels.append("/" + parts.joined(separator: "/"))
      parts.removeLast()
    }
    return levels + [""]
  }

  /// `200000 100000` is two processors' time; `max` and -1 are no limit.
  private mutating func tighten(_ text: String?) {
    let numbers = (text ?? "").split(whereSeparator: \.isWhitespace).map { Double($0) }
    guard numbers.count == 2, let quota = numbers[0], let period = numbers[1], quota > 0, period > 0 else {
      return
    }
    processorQuota = min(processorQuota ?? .infinity, quota / period)
  }

  private mutating func tightenMemory(_ text: String?) {
    guard let word = text?.split(whereSeparator: \.isWhitespace).first, let limit = Double(word) else {
      return
    }
    // Version 1 writes a number near 2⁶³ for no limit.
    if limit > 0, limit < 9e18 { memoryLimit = min(memoryLimit ?? .infinity, limit) }
  }
}

/// The memory of the machine.
public struct MachineMemory: Sendable, Hashable {
  /// Bytes that the process may use at most: what is built in, or what its control group allows.
  public let total: Double
  /// Bytes that are free or could be made so at once, where the system tells.
  public let available: Double?

  /// Creates a description.
  public init(total: Double, available: Double? = nil) {
    self.total = total
    self.available = available
  }

  /// Asks the system.
  public static let current: MachineMemory = {
    let total = Double(sysconf(Int32(_SC_PHYS_PAGES))) * Double(sysconf(Int32(_SC_PAGESIZE)))
    #if canImport(Darwin)
      return MachineMemory(total: total)
    #else
      let line = (SystemFile.text("/proc/meminfo") ?? "").split(separator: "\n").first {
        $0.hasPrefix("MemAvailable:")
      }
      let available = line?.split(separator: " ").dropFirst().first.flatMap { Double($0) }.map { $0 * 1024 }
      let limit = min(total, ControlGroup.current.memoryLimit ?? .infinity)
      return MachineMemory(total: limit, available: available.map { min($0, limit) })
    #endif
  }()
}
