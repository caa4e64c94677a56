import StrataCore

/// In what numbers convolutions and linear layers multiply. Sums, parameters and results stay 32-bit floats.
public enum Precision: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
  /// As the tensors say.
  case float32
  /// 8 bits of exponent as float32, 8 bits of precision.
  case bfloat16
  /// 11 bits of precision: what linear layers keep their weights in, where reading those takes the time. They are
  /// widened as they are read, and all is computed in 32-bit floats.
  case float16

  /// The name of the type.
  public var description: String { rawValue }

  /// Reads a name, or the short form of it that PyTorch's users write: `f32`, `bf16`, `f16`.
  public init?(name: String) {
    let short = [
      "f32": Precision.float32, "fp32": .float32, "bf16": .bfloat16, "f16": .float16, "fp16": .float16,
    ]
    guard let precision = short[name] ?? Precision(rawValue: name) else { return nil }
    self = precision
  }
}

extension Engine {
  /// Evaluates what `body` evaluates with convolutions and linear layers in another precision, as `torch.autocast`.
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
