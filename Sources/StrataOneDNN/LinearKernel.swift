import StrataKernels

/// A linear layer for few rows: rows, weights, result, then bias and residual where there are.
struct LinearKernel: Kernel {
  let job: strata_linear
  let hasBias: Bool
  let hasResidual: Bool

  var name: String { "linear" }

  /// With more rows arithmetic outweighs reading, and oneDNN's matrix product is as fast.
  static func isFaster(rows: Int) -> Bool { rows <= 16 }

  func run(_ slots: [UnsafeMutableRawPointer]) {
    func floats(_ index: Int) -> UnsafeMutablePointer<Float> {
      slots[index].assumingMemoryBound(to: Float.self)
    }
    withUnsafePointer(to: job) { job in
      strata_linear_run(
        job, floats(0), floats(1), hasBias ? floats(3) : nil, hasResidual ? floats(hasBias ? 4 : 3) : nil,
        floats(2))
    }
  }
}
