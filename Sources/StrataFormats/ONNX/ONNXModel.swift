import StrataCore

/// A model in ONNX's terms: operators between named values.
public struct ONNXModel: Sendable {
  /// The version of the file format.
  public var irVersion = 8
  /// The version of the operators' definitions.
  public var opset = 17
  /// The program that made the model, and its version.
  public var producer = (name: "", version: "")
  /// The name of the graph.
  public var name = "main"
  /// Values that are given, in order.
  public var inputs: [ONNXValue] = []
  /// Values that are asked for, in order.
  public var outputs: [ONNXValue] = []
  /// Values that are stored.
  public var initializers = TensorArchive()
  /// The operators, each after those whose results it reads.
  public var nodes: [ONNXNode] = []
  /// Remarks.
  public var metadata: [String: String] = [:]

  /// Creates a model without operators.
  public init() {}
}

/// A value that goes into or comes out of a model.
public struct ONNXValue: Sendable, Hashable {
  /// One size of a shape.
  public enum Dimension: Sendable, Hashable, CustomStringConvertible {
    case size(Int)
    /// A size that each call chooses, by a name such as `N`; empty where it has none.
    case named(String)

    /// The size or the name.
    public var description: String {
      switch self {
      case .size(let size): String(size)
      case .named(let name): name.isEmpty ? "?" : name
      }
    }
  }

  /// The name.
  public var name: String
  /// The type of the elements; nil where the file has one that Strata lacks, or none.
  public var dtype: DType?
  /// The sizes of the axes, where the file tells them.
  public var shape: [Dimension]?

  /// Creates a value.
  public init(_ name: String, _ dtype: DType?, _ shape: [Dimension]?) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
  }
}

/// An operator with its operands.
public struct ONNXNode: Sendable {
  /// The operator, such as `Conv`.
  public var op: String
  /// The name of this use of it.
  public var name: String
  /// The set of operators that it comes from; empty for ONNX's own.
  public var domain = ""
  /// The names of the operands; empty where an optional one is left out.
  public var inputs: [String]
  /// The names of the results.
  public var outputs: [String]
  /// The settings.
  public var attributes: [String: ONNXAttribute]

  /// Creates a use of an operator.
  public init(
    _ op: String, name: String, inputs: [String], outputs: [String], attributes: [String: ONNXAttribute] = [:]
  ) {
    self.op = op
    self.name = name
    self.inputs = inputs
    self.outputs = outputs
    self.attributes = attributes
  }
}

/// A setting of an operator.
public enum ONNXAttribute: Sendable {
  case integer(Int)
  case float(Float)
  case string(String)
  case integers([Int])
  case floats([Float])
  case strings([String])
  case tensor(HostTensor)
  /// One of a kind that is not read, such as a graph.
  case other
}

/// Reads, writes, exports and runs ONNX models.
public enum ONNX {
  /// Element types by their numbers in the format.
  static let types: [(number: Int, type: DType)] = [
    (1, .float32), (2, .uint8), (6, .int32), (7, .int64), (9, .bool), (10, .float16), (11, .float64),
    (16, .bfloat16),
  ]

  static func number(of type: DType) -> Int { types.first { $0.type == type }?.number ?? 0 }
  static func type(of number: Int) -> DType? { types.first { $0.number == number }?.type }
}
