import StrataCore
import StrataDistributed
import StrataGraph
import StrataRuntime

/// The engine that computes, described by the program that linked it.
public struct EngineDescription: Sendable, Hashable {
  /// `oneDNN`.
  public let name: String
  /// Its version.
  public let version: String
  /// The instruction set that it chose.
  public let isa: String

  /// Creates a description.
  public init(name: String, version: String, isa: String) {
    self.name = name
    self.version = version
    self.isa = isa
  }
}

/// What Strata finds where it runs, and whether its basic operations compute rightly there.
public struct EnvironmentReport: Sendable {
  /// The engine.
  public let engine: EngineDescription
  /// The processor.
  public let processor: Processor
  /// The memory.
  public let memory: MachineMemory
  /// Threads that operations use.
  public let threads: Int
  /// The MPI library, `Open MPI v4.1.4`; nil in a program that was built without one.
  public let mpi: String?
  /// The CUDA devices.
  public let cuda: CUDAStatus
  /// Two small tensors and their sum, as text.
  public let tensors: [(name: String, text: String)]
  /// The self-test.
  public let checks: [CheckResult]

  /// Looks around and runs the self-test.
  public init(engine: EngineDescription) {
    self.engine = engine
    processor = Processor.current(usable: Engine.availableCores)
    memory = MachineMemory.current
    threads = Engine.threadCount
    mpi = MPICommunicator.library
    cuda = CUDAStatus.current()
    let x = Tensor([[1, 2], [3, 4]])
    let y = Tensor([[5, 6], [7, 8]])
    tensors = [("x", x.description), ("y", y.description), ("x + y", (x + y).description)]
    checks = SelfTest.run()
  }

  /// Whether every operation of the self-test gave its known answer.
  public var ok: Bool { checks.allSatisfy(\.ok) }

  /// `Linux x86_64`.
  public static var system: String {
    #if os(macOS)
      let name = "macOS"
    #elseif os(Linux)
      let name = "Linux"
    #else
      let name = "unknown"
    #endif
    #if arch(x86_64)
      return "\(name) x86_64"
    #elseif arch(arm64)
      return "\(name) arm64"
    #else
      return name
    #endif
  }
}

extension EnvironmentReport {
  /// The report in sections: versions and machine, tensors, CUDA.
  public func text(in language: ReportLanguage = .english) -> String {
    let words = Words.of(language)
    var cores = words.coreCounts(processor.cores, processor.threads, threads)
    if let quota = processor.quota { cores += words.quota(DecimalText.general(quota)) }
    var size = Text.bytes(memory.total)
    if let available = memory.available { size += words.available(Text.bytes(available)) }
    let machine = Text.pairs([
      ("Strata", StrataVersion.strata), ("Swift", StrataVersion.swift),
      (engine.name, "\(engine.version), \(engine.isa)"),
      (words.system, Self.system), (words.processor, processor.model), (words.cores, cores),
      (words.memory, size),
      ("MPI", mpi ?? words.noMPI),
      ("CUDA", cudaText(words)),
    ])
    let values = tensors.map { "\($0.name)\(words.colon)\n\($0.text)" }.joined(separator: "\n")
    return machine + "\n\n" + values
  }

  private func cudaText(_ words: Words) -> String {
    guard cuda.isAvailable else { return words.noCUDA + (cuda.obstacle.map(words.cudaObstacle) ?? "") }
    let devices = cuda.devices.map { "\($0.name), \(Text.bytes(Double($0.memory)))" }.joined(separator: "; ")
    return words.cuda(cuda.driver ?? "?", devices)
  }
}
