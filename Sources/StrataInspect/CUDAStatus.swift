#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

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

/// Whether CUDA devices are available, and if not, why.
public struct CUDAStatus: Sendable, Hashable {
  /// The newest version of CUDA that the driver supports, `12.4`, where there is a driver.
  public let driver: String?
  /// The devices.
  public let devices: [CUDADevice]
  /// Why there is none, in a clause that follows a colon; nil where there is one.
  public let reason: String?

  /// Whether there is a device.
  public var isAvailable: Bool { reason == nil && !devices.isEmpty }

  /// Creates a status.
  public init(driver: String? = nil, devices: [CUDADevice] = [], reason: String? = nil) {
    self.driver = driver
    self.devices = devices
    self.reason = reason
  }

  /// Asks the driver library of this machine, which is looked for now: nothing of CUDA is linked in.
  public static func current() -> CUDAStatus {
    #if os(macOS)
      return CUDAStatus(reason: "CUDA does not exist on macOS")
    #else
      let loaded = CUDADriver.load()
      guard let driver = loaded.driver else { return CUDAStatus(reason: loaded.reason) }
      return CUDAStatus(asking: driver)
    #endif
  }

  /// The oldest version of CUDA worth using: 12.0 reads the code of every later 12.x.
  static let oldestVersion: Int32 = 12_000

  /// Asks a driver.
  init(asking driver: CUDADriver) {
    let version = driver.version()
    let text = version.map { "\($0 / 1000).\($0 % 1000 / 10)" }
    let code = driver.initialise()
    guard code == 0 else {
      self.init(driver: text, reason: Self.reason(code, named: driver.errorName(code), driver: text))
      return
    }
    if let version, version < Self.oldestVersion {
      self.init(driver: text, reason: "the driver is too old: it supports CUDA \(text ?? "?"), needed is 12.0")
      return
    }
    let count = driver.deviceCount()
    guard count.code == 0 else {
      self.init(driver: text, reason: Self.reason(count.code, named: driver.errorName(count.code), driver: text))
      return
    }
    let devices = (0..<max(0, count.count)).compactMap { driver.device($0) }
    self.init(driver: text, devices: devices, reason: devices.isEmpty ? "the driver offers no device" : nil)
  }

  private static func reason(_ code: Int32, named name: String?, driver: String?) -> String {
    let label = name.map { "\($0), \(code)" } ?? "error \(code)"
    switch code {
    case 100: return "there is no device (\(label))"
    case 34: return "the driver library is a stub that only serves linking (\(label))"
    case 35: return "the driver is too old for this library (\(label))"
    case 803: return "the driver and its library are of different versions (\(label)): restart after an update"
    default: return "the driver refuses to start (\(label))"
    }
  }
}

/// The few questions asked of the CUDA driver.
struct CUDADriver {
  var initialise: () -> Int32
  var version: () -> Int32?
  var deviceCount: () -> (code: Int32, count: Int32)
  var device: (Int32) -> CUDADevice?
  var errorName: (Int32) -> String?
}

#if !os(macOS)
  extension CUDADriver {
    private typealias Initialise = @convention(c) (UInt32) -> Int32
    private typealias Number = @convention(c) (UnsafeMutablePointer<Int32>) -> Int32
    private typealias Device = @convention(c) (UnsafeMutablePointer<Int32>, Int32) -> Int32
    private typealias Name = @convention(c) (UnsafeMutablePointer<CChar>, Int32, Int32) -> Int32
    private typealias Size = @convention(c) (UnsafeMutablePointer<Int>, Int32) -> Int32
    private typealias ErrorName = @convention(c) (Int32, UnsafeMutablePointer<UnsafePointer<CChar>?>) -> Int32

    /// Loads the driver library, or says why it cannot be used. It stays loaded: it keeps threads of its own.
    static func load() -> (driver: CUDADriver?, reason: String?) {
      guard let library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL) else {
        // A library that is there but cannot be loaded deserves the loader's own words.
        let message = dlerror().map { String(cString: $0) } ?? ""
        let isAbsent = message.contains("No such file") || message.isEmpty
        return (nil, isAbsent ? "there is no driver library (libcuda.so.1)" : "the driver library fails: \(message)")
      }
      func symbol<Function>(_ name: String, as type: Function.Type) -> Function? {
        dlsym(library, name).map { unsafeBitCast($0, to: type) }
      }
      guard let initialise = symbol("cuInit", as: Initialise.self),
        let version = symbol("cuDriverGetVersion", as: Number.self),
        let count = symbol("cuDeviceGetCount", as: Number.self),
        let device = symbol("cuDeviceGet", as: Device.self), let name = symbol("cuDeviceGetName", as: Name.self),
        let size = symbol("cuDeviceTotalMem_v2", as: Size.self)
      else { return (nil, "libcuda.so.1 lacks functions that every CUDA driver has") }
      let errorName = symbol("cuGetErrorName", as: ErrorName.self)

      let driver = CUDADriver(
        initialise: { initialise(0) },
        version: {
          var number: Int32 = 0
          return version(&number) == 0 ? number : nil
        },
        deviceCount: {
          var number: Int32 = 0
          return (count(&number), number)
        },
        device: { ordinal in
          var handle: Int32 = 0
          var text = [CChar](repeating: 0, count: 256)
          var bytes = 0
          guard device(&handle, ordinal) == 0, name(&text, Int32(text.count - 1), handle) == 0,
            size(&bytes, handle) == 0
          else { return nil }
          let characters = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
          return CUDADevice(name: String(decoding: characters, as: UTF8.self), memory: bytes)
        },
        errorName: { code in
          var text: UnsafePointer<CChar>?
          guard let errorName, errorName(code, &text) == 0 else { return nil }
          return text.map { String(cString: $0) }
        })
      return (driver, nil)
    }
  }
#endif
