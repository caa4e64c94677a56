import StrataKernels

/// A linear layer for few rows: rows, weights, result, then bias and residual where there are.
struct LinearKernel: Kernel {
  let job: strata_linear
  let hasBias: Bool
  let hasResidual: Bool

  var name: String { job.halves == 0 ? "linear" : "linear:float16" }

  /// With more rows arithmetic outweighs reading, and oneDNN's matrix product is as fast.
  static func isFaster(rows: Int) -> Bool { rows <= 16 }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    func floats(_ index: Int) -> UnsafeMutablePointer<Float> {
      slots[index].assumingMemoryBound(to: Float.self)
    }
    withUnsafePointer(to: job) { job in
      strata_linear_run(
        job, floats(0), slots[1], hasBias ? floats(3) : nil, hasResidual ? floats(hasBias ? 4 : 3) : nil,
        floats(2))
    }
  }
}

/// Rounds weights to half precision.
struct LinearPreparation: Kernel {
  let job: strata_linear
  var name: String { "linear:weights" }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    withUnsafePointer(to: job) {
      strata_linear_halve($0, slots[0].assumingMemoryBound(to: Float.self), slots[1])
    }
  }
}

extension strata_linear {
  /// Bytes of weights in half precision, in whole floats.
  var halvedByteCount: Int { (Int(withUnsafePointer(to: self, strata_linear_halved_bytes)) + 3) / 4 * 4 }
}
