import Strata
import Testing

@Suite("Environment") struct EnvironmentTests {
  private func driver(
    start: Int32 = 0, version: Int32? = 12_040, count: (code: Int32, count: Int32) = (0, 1)
  ) -> CUDADriver {
    CUDADriver(
      initialise: { start }, version: { version }, deviceCount: { count },
      device: { $0 == 7 ? nil : CUDADevice(name: "GPU \($0)", memory: 80_000_000_000) },
      errorName: { $0 == 999 ? "CUDA_ERROR_UNKNOWN" : nil })
  }

  @Test("devices are listed") func devices() {
    let status = CUDAStatus(asking: driver(count: (0, 2)))
    #expect(status.isAvailable && status.obstacle == nil && status.driver == "12.4")
    #expect(status.devices.map(\.name) == ["GPU 0", "GPU 1"])
    #expect(status.devices[0].memory == 80_000_000_000)
  }

  @Test("where there is no device, the reason is told") func reasons() {
    func reason(_ driver: CUDADriver) -> String? {
      let status = CUDAStatus(asking: driver)
      #expect(!status.isAvailable)
      return status.obstacle?.description
    }
    #expect(reason(driver(start: 100)) == "there is a driver but no device")
    #expect(reason(driver(count: (0, 0))) == "there is a driver but no device")
    #expect(reason(driver(count: (100, 0))) == "there is a driver but no device")
    let old = "the driver is too old: it supports CUDA 11.8, needed is 12.0 or newer"
    #expect(reason(driver(version: 11_080)) == old)
    #expect(reason(driver(start: 35, version: 11_080)) == old)
    #expect(reason(driver(start: 35, version: nil)) == "the driver is too old")
    #expect(reason(driver(start: 34)) == "the driver library found only serves linking")
    #expect(reason(driver(start: 999)) == "the driver gives error CUDA_ERROR_UNKNOWN, 999")
    #expect(reason(driver(start: 998)) == "the driver gives error 998")
  }

  @Test("a processor is described by what the system says of it") func processor() {
    let text = """
      processor\t: 0
      model name\t: A processor: fast
      physical id\t: 0
      core id\t\t: 0

      processor\t: 1
      model name\t: A processor: fast
      physical id\t: 0
      core id\t\t: 0

      processor\t: 2
      physical id\t: 1
      core id\t\t: 0
      """
    let intel = ProcessorDescription(text)
    #expect(intel.model == "A processor: fast" && intel.cores == 2)
    let arm = ProcessorDescription("processor\t: 0\nCPU implementer\t: 0x41\n")
    #expect(arm.model == "Arm (implementer 0x41)" && arm.cores == nil)
    let unknown = ProcessorDescription("")
    #expect(unknown.model == nil && unknown.cores == nil)
  }

  @Test("limits of containers are found in both versions of control groups") func limits() {
    func limits(_ files: [String: String]) -> [Double?] {
      let group = ControlGroup { files[$0] }
      return [group.processorQuota, group.memoryLimit]
    }
    #expect(limits([:]) == [nil, nil])
    #expect(
      limits([
        "/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
        "/sys/fs/cgroup/a/cpu.max": "150000 100000\n", "/sys/fs/cgroup/cpu.max": "800000 100000\n",
        "/sys/fs/cgroup/memory.max": "max\n", "/sys/fs/cgroup/a/b/memory.max": "1000000\n",
      ]) == [1.5, 1_000_000])
    #expect(
      limits([
        "/proc/self/cgroup": "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
      ]) == [0.5, nil])
    #expect(
      limits([
        "/proc/self/cgroup": "3:cpu,cpuacct:/\n", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
      ]) == [nil, nil])
  }

  @Test("this machine has a processor and memory") func machine() {
    let processor = Processor.current(usable: Engine.availableCores)
    #expect(!processor.model.isEmpty && processor.cores > 0 && processor.threads >= processor.cores)
    #expect(MachineMemory.current.total > 1e8)
    #expect(MachineMemory.current.available ?? 1 > 0)
  }

  @Test("the self-test finds wrong numbers and errors") func selfTest() {
    let right = SelfTest.check(SelfTest.Case(name: "sum", expected: [3]) { Tensor([1.0, 2]).sum() })
    #expect(right.ok && right.sentence == "sum: [3]")
    let wrong = SelfTest.check(SelfTest.Case(name: "sum", expected: [4]) { Tensor([1.0, 2]).sum() })
    #expect(!wrong.ok && wrong.sentence == "sum: expected [4], found [3]")
    let more = SelfTest.check(SelfTest.Case(name: "sum", expected: [3]) { Tensor([1.0, 2]) })
    #expect(!more.ok)
    let error = SelfTest.check(
      SelfTest.Case(name: "add", expected: [1]) { Tensor([1.0, 2]) + Tensor([1.0, 2, 3]) })
    #expect(!error.ok && error.found.contains("do not broadcast"))
    #expect(SelfTest.run().filter { !$0.ok } == [])
  }

  @Test("numbers are written as people read them") func numbers() {
    #expect([0, 999, 1000, -1_234_567].map(Text.grouped) == ["0", "999", "1,000", "-1,234,567"])
    #expect(
      [0, 999, 1000, 249_513_376, 1.2e12].map(Text.bytes) == [
        "0 bytes", "999 bytes", "1.0 kB", "249.5 MB", "1.2 TB",
      ])
    #expect([0.0012345, 0.0987, 1.5].map(Text.milliseconds) == ["1.23", "98.7", "1500"])
    #expect(Text.percent(58_631_144, of: 62_378_344) == "94.0%")
    #expect(Text.width("参数量：x") == 9)
    #expect(Text.table([["a", "1"], ["层数", "10"]]) == "a      1\n层数  10")
  }
}
