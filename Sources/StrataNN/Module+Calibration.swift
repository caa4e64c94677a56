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
    let count = images.shape.first ?? 0
    guard count > 0 else { throw StrataError(.argument, "calibration needs at least one image") }
    let size = max(1, batchSize)
    let batches = stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
    return try calibrate(on: batches, by: method) { range throws(StrataError) in images.rows(range) }
  }

  /// The same on batches that are made one after the other.
  package final func calibrate<Batch>(
    on batches: [Batch], by method: Calibration.Method, _ images: (Batch) throws(StrataError) -> HostTensor
  ) throws(StrataError) -> Calibration {
    let wasTraining = isTraining
    defer { train(wasTraining) }
    eval()
    var calibrator = Calibrator()
    for batch in batches { try calibrator.observe(self(Tensor(try images(batch)))) }
    return try calibrator.calibration(by: method)
  }
}
