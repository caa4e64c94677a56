import COneDNN
import StrataKernels
import StrataRuntime

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What the lowering may do besides giving each operation its primitive: kernels of our own in oneDNN's place, and
/// choices across operations. Each has a switch, so that a difference can be traced to it.
public enum OwnKernel: String, Sendable, Hashable, CaseIterable {
  /// 3×3 and 5×5 convolutions with stride 1 by Winograd's minimal filtering.
  case winograd
  /// The gradients of 3×3 convolutions' weights in the same way.
  case winogradGradients
  /// 1×1 convolutions.
  case pointwise
  /// Depthwise 3×3 convolutions together with the 1×1 convolution that follows.
  case separable
  /// In both, and in 3×3 convolutions with a stride or of few pixels, values that are zeros are skipped where there are
  /// many, as behind a rectifier.
  case sparse
  /// Convolutions of images of few channels, which networks begin with.
  case stem
  /// Linear layers for few rows, which read their weights once.
  case linear
  /// Operations on single elements together, in one pass over memory.
  case elementwise
  /// Batch norm in training and its gradient.
  case norms
  /// Batch norm in training with the rectifier behind it.
  case rectifiedNorms
  /// Batch norm in training with the residual that is added to it and the rectifier behind the sum.
  case residualNorms
  /// One layout for a convolution and its gradients.
  case trainingLayouts
  /// Large batches in parts, so that intermediate results stay in the cache.
  case batchParts
}

/// How a convolution is done by Winograd's filtering.
public struct WinogradForm: Sendable, Hashable {
  /// Results of a tile along each axis: 2 or 4.
  public let tile: Int
  /// Whether weights are transformed as they are used: transformed in advance, there are more of them to read.
  public let isLate: Bool

  /// Creates a form.
  public init(tile: Int, isLate: Bool) {
    self.tile = tile
    self.isLate = isLate
  }
}

/// Which kernels of our own are used, and for which processors they are made.
public struct KernelOptions: Sendable, Hashable, CustomStringConvertible {
  /// The instruction sets that kernels are written for.
  public enum InstructionSet: Int32, Sendable, Hashable, Comparable, CaseIterable {
    /// What every processor of the architecture has.
    case base = 0
    /// x86 from 2013 on: vectors of 8 floats, multiplication and addition in one.
    case avx2 = 1
    /// Vectors of 16 floats.
    case avx512 = 2

    /// Older sets are less.
    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// The best that the processor has and oneDNN is allowed to use: `ONEDNN_MAX_CPU_ISA` limits both.
    public static var best: Self {
      let own = Self(rawValue: strata_instruction_set()) ?? .base
      #if arch(x86_64)
        let isa = dnnl_get_effective_cpu_isa().rawValue
        func has(_ wanted: dnnl_cpu_isa_t) -> Bool { isa & wanted.rawValue == wanted.rawValue }
        let allowed: Self = has(dnnl_cpu_isa_avx512_core) ? .avx512 : has(dnnl_cpu_isa_avx2) ? .avx2 : .base
        return min(own, allowed)
      #else
        return own
      #endif
    }
  }

  /// The kernels that are on.
  public var kernels: Set<OwnKernel>
  /// The instructions that they use.
  public var instructionSet: InstructionSet
  /// In what convolutions and linear layers multiply.
  public var precision = Precision.float32
  /// How Winograd's filtering is done wherever it can be, faster or not; for tests.
  public var forcedWinograd: WinogradForm?
  /// Images of a part, wherever batches can be computed in parts, faster or not; for tests.
  public var forcedPart: Int?

  /// Creates a choice.
  public init(
    _ kernels: Set<OwnKernel> = Set(OwnKernel.allCases), instructionSet: InstructionSet = .best,
    forcedWinograd: WinogradForm? = nil, forcedPart: Int? = nil
  ) {
    self.kernels = kernels
    self.instructionSet = instructionSet
    self.forcedWinograd = forcedWinograd
    self.forcedPart = forcedPart
  }

  /// All kernels with the best instructions. `STRATA_KERNELS` names those that are on instead, or `none`.
  public static let standard: KernelOptions = {
    guard let text = getenv("STRATA_KERNELS") else { return KernelOptions() }
    let names = String(cString: text).split(whereSeparator: { $0 == "," || $0 == " " })
    return KernelOptions(Set(names.compactMap { OwnKernel(rawValue: String($0)) }))
  }()

  /// The kernels that are on, and their instructions.
  public var description: String {
    let names = OwnKernel.allCases.filter(kernels.contains).map(\.rawValue).joined(separator: " ")
    let tile = forcedWinograd.map { ", tiles of \($0.tile)\($0.isLate ? ", late weights" : "")" } ?? ""
    let part = forcedPart.map { ", parts of \($0)" } ?? ""
    var numbers = precision == .float32 ? "" : ", \(precision)"
    // Plans of different calibrations are not the same.
    if case .int8(let calibration) = precision { numbers += " \(String(calibration.digest, radix: 16))" }
    return "own kernels: \(names.isEmpty ? "none" : names), \(instructionSet)\(tile)\(part)\(numbers)"
  }
}
