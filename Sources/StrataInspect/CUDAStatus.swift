/// A device that the CUDA driver offers.
public struct CUDADevice: Sendable, Hashable {
  /// Its name.
  public let name: String
  /// Its memory in bytes.
  public let memory: Int

  /// Creates a description.
  public init(name: String, memory: Int) {
    self.name = name
    self.memory = memory
  }
}

/// Why there is no CUDA device.
public enum CUDAObstacle: Error, Sendable, Hashable, CustomStringConvertible {
  /// CUDA does not exist on this operating system.
  case otherSystem
  /// The driver library is not installed.
  case noLibrary
  /// The driver library cannot be loaded; the loader's words.
  case brokenLibrary(String)
  /// The library is one that only serves linking.
  case stubLibrary
  /// The driver is too old: what it supports, where that is known.
  case oldDriver(supports: String?)
  /// The driver and its library are of different versions.
  case mixedVersions
  /// The driver sees no device.
  case noDevice
  /// The driver gave an error: its name and number.
  case refusal(String)

  /// The reason, as a clause that can follow a colon.
  public var description: String { Words.english.cudaObstacle(self) }
}

/// Whether CUDA devices are available, and if not, why.
public struct CUDAStatus: Sendable, Hashable {
  /// The newest version of CUDA that the driver supports, `12.4`, where there is a driver.
  public let driver: String?
  /// The devices.
  public let devices: [CUDADevice]
  /// Why there is none; nil where there is one.
  public let obstacle: CUDAObstacle?

  /// Whether there is a device.
  public var isAvailable: Bool { obstacle == nil }

  private init(driver: String? = nil, devices: [CUDADevice] = [], obstacle: CUDAObstacle? = nil) {
    self.driver = driver
    self.devices = devices
    self.obstacle = obstacle
  }

  /// Asks the driver library of this machine, which is looked for now: nothing of CUDA is linked in.
  public static func current() -> CUDAStatus {
    #if os(macOS)
      return CUDAStatus(obstacle: .otherSystem)
    #else
      switch CUDADriver.load() {
      case .success(let driver): return CUDAStatus(asking: driver)
      case .failure(let obstacle): return CUDAStatus(obstacle: obstacle)
      }
    #endif
  }

  /// The oldest version of CUDA worth using: 12.0 reads the code of every later 12.x.
  static let oldestVersion: Int32 = 12_000

  /// Asks a driver.
  package init(asking driver: CUDADriver) {
    let version = driver.version()
    let text = version.map { "\($0 / 1000).\($0 % 1000 / 10)" }
    func failure(_ code: Int32) -> CUDAStatus {
      CUDAStatus(driver: text, obstacle: Self.obstacle(code, named: driver.errorName(code), driver: text))
    }
    let start = driver.initialise()
    guard start == 0 else {
      self = failure(start)
      return
    }
    if let version, version < Self.oldestVersion {
      self.init(driver: text, obstacle: .oldDriver(supports: text))
      return
    }
    let count = driver.deviceCount()
    guard count.code == 0 else {
      self = failure(count.code)
      return
    }
    let devices = (0..<max(0, count.count)).compactMap { driver.device($0) }
    self.init(driver: text, devices: devices, obstacle: devices.isEmpty ? .noDevice : nil)
  }

  private static func obstacle(_ code: Int32, named name: String?, driver: String?) -> CUDAObstacle {
    switch code {
    case 34: .stubLibrary
    case 35: .oldDriver(supports: driver)
    case 100: .noDevice
    case 803: .mixedVersions
    default: .refusal(name.map { "\($0), \(code)" } ?? "\(code)")
    }
  }
}
