import StrataCore

/// In what numbers convolutions and linear layers multiply. Sums, parameters and results stay 32-bit floats.
public enum Precision: Sendable, Hashable, CustomStringConvertible {
  /// As the tensors say.
  case float32
  /// 8 bits of exponent as float32, 8 bits of precision.
  case bfloat16
  /// 11 bits of precision: what linear layers keep their weights in, where reading those takes the time. They are
  /// widened as they are read, and all is computed in 32-bit floats.
  case float16
  /// Integers of 8 bits, whose scales follow from what was seen in a calibration: static quantisation after training.
  case int8(Calibration)

  /// What precisions are called.
  public enum Name: String, Sendable, Hashable, CaseIterable {
    case float32, bfloat16, float16, int8

    /// Reads a name, or the short form of it that PyTorch's users write: `f32`, `bf16`, `f16`.
    public init?(_ text: String) {
      let short = [
        "f32": Name.float32, "fp32": .float32, "bf16": .bfloat16, "f16": .float16, "fp16": .float16,
      ]
      guard let name = short[text] ?? Name(rawValue: text) else { return nil }
      self = name
    }
  }

  /// The precision's name.
  public var name: Name {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .float16: .float16
    case .int8: .int8
    }
  }

  /// The name of the type.
  public var description: String { name.rawValue }
}

extension Engine {
  /// Evaluates what `body` evaluates with convolutions and linear layers in another precision, as `torch.autocast`.
  ///
  ///     let calibration = try model.calibrate(on: images)
  ///     let scores = try Engine.autocast(to: .int8(calibration)) { try model(image).value() }
  ///
  /// What is only described in `body` and evaluated later is computed in float32. Throws what `body` throws, and
  /// where the processor cannot do it.
  public static func autocast<Result>(to precision: Precision, _ body: () throws -> Result) throws -> Result {
    guard precision != .float32 else { return try body() }
    var configuration = configuration
    configuration.backend = try configuration.backend.computing(in: precision)
    return try $override.withValue(configuration, operation: body)
  }
}
