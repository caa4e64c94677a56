#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The few questions asked of the CUDA driver.
package struct CUDADriver {
  package var initialise: () -> Int32
  package var version: () -> Int32?
  package var deviceCount: () -> (code: Int32, count: Int32)
  package var device: (Int32) -> CUDADevice?
  package var errorName: (Int32) -> String?

  package init(
    initialise: @escaping () -> Int32, version: @escaping () -> Int32?,
    deviceCount: @escaping () -> (code: Int32, count: Int32), device: @escaping (Int32) -> CUDADevice?,
    errorName: @escaping (Int32) -> String?
  ) {
    self.initialise = initialise
    self.version = version
    self.deviceCount = deviceCount
    self.device = device
    self.errorName = errorName
  }
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
    static func load() -> Result<CUDADriver, CUDAObstacle> {
      guard let library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL) else {
        // A library that is there but cannot be loaded deserves the loader's own words.
        let message = dlerror().map { String(cString: $0) } ?? ""
        let isAbsent = message.contains("No such file") || message.isEmpty
        return .failure(isAbsent ? .noLibrary : .brokenLibrary(message))
      }
      func symbol<Function>(_ name: String, as type: Function.Type) -> Function? {
        dlsym(library, name).map { unsafeBitCast($0, to: type) }
      }
      guard let initialise = symbol("cuInit", as: Initialise.self),
        let version = symbol("cuDriverGetVersion", as: Number.self),
        let count = symbol("cuDeviceGetCount", as: Number.self),
        let device = symbol("cuDeviceGet", as: Device.self),
        let name = symbol("cuDeviceGetName", as: Name.self),
        let size = symbol("cuDeviceTotalMem_v2", as: Size.self)
      else { return .failure(.brokenLibrary("it lacks functions of the driver interface")) }
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
      return .success(driver)
    }
  }
#endif
