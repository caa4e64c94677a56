import COneDNN
import StrataCore
import StrataGraph
import StrataPasses
import StrataRuntime

/// The CPU engine: oneDNN 3, with the reference kernels for what it does not offer.
public struct OneDNNBackend: Backend {
  /// Which kernels of our own may take oneDNN's place.
  public var options: KernelOptions

  /// Creates the backend; nothing is loaded until a plan is compiled.
  public init(_ options: KernelOptions = .standard) { self.options = options }

  /// `onednn`, with what differs from the standard choice of kernels.
  public var name: String { options == .standard ? "onednn" : "onednn, \(options)" }
  /// Convolutions and linear layers take epilogues.
  public var capabilities: BackendCapabilities { BackendCapabilities(fusesEpilogues: true) }

  /// Chooses primitives and layouts for a plan, and places its buffers.
  public func compile(_ plan: Plan) throws(StrataError) -> any Executable {
    try QuantisationRules.check(plan, options.precision)
    if let split = BatchRules(plan: plan, options: options).split() {
      return try SplitExecutable(split, options, threads: Engine.threadCount)
    }
    return try OneDNNExecutable(plan, options, threads: Engine.threadCount)
  }

  /// The same with convolutions and linear layers in another precision. Kernels of our own compute in float32 alone;
  /// where oneDNN's are faster in fewer bits, Winograd's and the one for stems are kept, since they save more than
  /// shorter numbers do.
  public func computing(in precision: Precision) throws(StrataError) -> any Backend {
    guard precision != options.precision else { return self }
    guard OneDNNBackend.hasInstructions(for: precision.name) else {
      throw StrataError(
        .engine, "this processor has no instructions for \(precision): leave the precision at float32")
    }
    var options = options
    options.precision = precision
    if [.bfloat16, .int8].contains(precision.name) {
      options.kernels.subtract([.pointwise, .separable, .sparse])
    }
    return OneDNNBackend(options)
  }

  /// Whether the processor multiplies such numbers, and oneDNN may let it: `ONEDNN_MAX_CPU_ISA` limits it.
  public static func hasInstructions(for precision: Precision.Name) -> Bool {
    #if arch(x86_64)
      let wanted: [dnnl_cpu_isa_t]
      switch precision {
      // Halves are widened by arithmetic where there is no instruction for it.
      case .float32, .float16: return true
      case .bfloat16:
        wanted = [dnnl_cpu_isa_avx512_core_bf16, dnnl_cpu_isa_avx2_vnni_2, dnnl_cpu_isa_avx512_core_amx]
      // Without them products of two bytes are summed up in 16 bits, which overflow.
      case .int8: wanted = [dnnl_cpu_isa_avx512_core_vnni, dnnl_cpu_isa_avx2_vnni]
      }
      let isa = dnnl_get_effective_cpu_isa().rawValue
      return wanted.contains { isa & $0.rawValue == $0.rawValue }
    #else
      return precision == .float32 || precision == .float16
    #endif
  }

  /// The version of oneDNN in use, `3.2.0`.
  public static var version: String {
    guard let version = dnnl_version()?.pointee else { return "unknown" }
    return "\(version.major).\(version.minor).\(version.patch)"
  }

  /// The instruction set that oneDNN generates code for, as it names it: `AVX2`, `AVX512_CORE`.
  public static var instructionSet: String {
    let isa = dnnl_get_effective_cpu_isa()
    let names: [(dnnl_cpu_isa_t, String)] = [
      (dnnl_cpu_isa_sse41, "SSE4.1"), (dnnl_cpu_isa_avx, "AVX"), (dnnl_cpu_isa_avx2, "AVX2"),
      (dnnl_cpu_isa_avx2_vnni, "AVX2 with VNNI"), (dnnl_cpu_isa_avx2_vnni_2, "AVX2 with VNNI 2"),
      (dnnl_cpu_isa_avx512_core, "AVX-512"), (dnnl_cpu_isa_avx512_core_vnni, "AVX-512 with VNNI"),
      (dnnl_cpu_isa_avx512_core_bf16, "AVX-512 with bfloat16"),
      (dnnl_cpu_isa_avx512_core_fp16, "AVX-512 with float16"),
      (dnnl_cpu_isa_avx512_core_amx, "AVX-512 with AMX"),
    ]
    return names.first { $0.0 == isa }?.1 ?? "baseline"
  }
}

/// Called from C when a program first needs a backend.
@_cdecl("strata_install_onednn")
public func installOneDNN() { Engine.install(OneDNNBackend()) }
