/// The ranges in which the operands of a network's layers lie, from which the scales of 8-bit integers follow.
///
/// `Module.calibrate(on:)` makes one, `Calibrator` out of any number of batches.
public struct Calibration: Sendable, Hashable {
  /// The numbers that 8 bits stand for: 255 steps from 0 to a limit, or 127 to each side of 0.
  public struct Range: Sendable, Hashable {
    /// The largest magnitude; what lies beyond is cut off.
    public let limit: Float
    /// Whether there are numbers below 0.
    public let isSigned: Bool

    /// Creates a range.
    public init(limit: Float, isSigned: Bool) {
      self.limit = limit
      self.isSigned = isSigned
    }
  }

  /// What a convolution or linear layer reads besides its parameters.
  public struct Layer: Sendable, Hashable {
    /// The image, or the rows.
    public var input: Range
    /// What is added to the result before its activation, where something is.
    public var residual: Range?

    /// Creates the ranges of a layer.
    public init(input: Range, residual: Range? = nil) {
      self.input = input
      self.residual = residual
    }
  }

  /// How a range follows from the numbers that were seen. PyTorch has the first and the last as `MinMaxObserver` and
  /// `HistogramObserver`, ONNX Runtime the first and the second.
  public enum Method: Sendable, Hashable {
    /// All numbers lie inside.
    case minMax
    /// So many percent of them lie inside.
    case percentile(Double)
    /// What rounding and cutting off lose together, squared, is least.
    case meanSquaredError

    /// What lost least where networks with trained weights were tried: 99.99 percent of the numbers lie inside.
    public static var standard: Method { .percentile(99.99) }
  }

  /// The layers by the paths of their modules, `layer1.0.conv1`.
  public let layers: [String: Layer]
  /// Tells calibrations apart.
  package let digest: UInt64

  /// Creates a calibration of known ranges.
  public init(layers: [String: Layer]) {
    self.layers = layers
    var digest: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ number: some FixedWidthInteger) {
      digest = (digest ^ UInt64(truncatingIfNeeded: number)) &* 0x100_0000_01b3
    }
    for (path, layer) in layers.sorted(by: { $0.key < $1.key }) {
      for byte in path.utf8 { add(byte) }
      for range in [layer.input, layer.residual] {
        add(range?.limit.bitPattern ?? 1)
        add(range?.isSigned == true ? 1 : 0)
      }
    }
    self.digest = digest
  }
}
