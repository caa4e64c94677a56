import StrataCore
import StrataGraph
import StrataRuntime

extension Module {
  /// Runs the network on images and finds the ranges of what its layers read, for `Engine.autocast(to: .int8(…))`.
  ///
  /// The images are to be such as will come later, a hundred of them or more; the network runs in evaluation mode.
  ///
  /// - Parameters:
  ///   - images: Images as the network takes them, `[N, C, H, W]`.
  ///   - method: How a range follows from the numbers that were seen.
  ///   - batchSize: Images that run at once. All that layers read has to fit into memory, and more are no faster.
  public final func calibrate(
    on images: HostTensor, method: Calibration.Method = .standard, batchSize: Int = 1
  ) throws(StrataError) -> Calibration {
    let mode = isTraining
    eval()
    defer { if mode { train() } }
    let count = images.shape.first ?? 0
    guard count > 0 else { throw StrataError(.argument, "calibration needs at least one image") }
    var calibrator = Calibrator()
    let size = max(1, batchSize)
    for first in stride(from: 0, to: count, by: size) {
      let shape = Shape([min(size, count - first)] + images.shape.dropFirst())
      let part = HostTensor(
        dtype: images.dtype, shape: shape, buffer: images.buffer,
        byteOffset: images.byteOffset + images.byteCount / count * first)
      try calibrator.observe(self(Tensor(part)))
    }
    return try calibrator.calibration(by: method)
  }
}
