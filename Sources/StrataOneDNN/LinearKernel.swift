import StrataKernels

/// A linear layer for few rows: rows, weights, result, then bias and residual where there are.
struct LinearKernel: Kernel {
  let job: strata_linear
  let hasBias: Bool
  let hasResidual: Bool

  var name: String { job.halves == 0 ? "linear" : "linear:float16" }

  /// With more rows arithmetic outweighs reading, and oneDNN's matrix product is as fast.
  static func isFaster(rows: Int) -> Bool { rows <= 64 }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    withUnsafePointer(to: job) { job in
      strata_linear_run(
        job, slots.floats(0), slots[1], slots.floats(3, isThere: hasBias),
        slots.floats(hasBias ? 4 : 3, isThere: hasResidual),
        slots.floats(2))
    }
  }
}

/// Rounds weights to half precision.
struct LinearPreparation: Kernel {
  let job: strata_linear
  var name: String { "linear:weights" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    withUnsafePointer(to: job) {
      strata_linear_halve($0, slots.floats(0), slots[1])
    }
  }
}

extension strata_linear {
  /// Bytes of weights in half precision, in whole floats.
  var halvedByteCount: Int { (Int(withUnsafePointer(to: self, strata_linear_halved_bytes)) + 3) / 4 * 4 }
}
