import StrataCore

/// The place of a node in its graph.
public struct NodeID: Sendable, Hashable, Comparable, CustomStringConvertible {
  let raw: UInt32

  /// Creates an id from a position.
  public init(_ index: Int) { raw = UInt32(index) }

  /// The position in the graph's array of nodes.
  public var index: Int { Int(raw) }

  /// Whether one node lies before another.
  public static func < (a: NodeID, b: NodeID) -> Bool { a.raw < b.raw }

  /// `%12`.
  public var description: String { "%\(raw)" }
}

/// Everything about a value but its numbers.
public struct TensorType: Sendable, Hashable, CustomStringConvertible {
  /// The sizes of the axes.
  public let shape: Shape
  /// The type of the elements.
  public let dtype: DType

  /// Creates a type.
  public init(_ shape: Shape, _ dtype: DType) {
    self.shape = shape
    self.dtype = dtype
  }

  /// Bytes that the elements take, stored densely.
  public var byteCount: Int { shape.elementCount * dtype.byteCount }

  /// `float32[1, 3, 224, 224]`.
  public var description: String { "\(dtype.rawValue)\(shape)" }
}

/// One operation of a graph with its operands.
public struct Node: Sendable, Hashable {
  /// What is computed.
  public var op: Op
  /// What it is computed from; all of them lie before this node.
  public var operands: [NodeID]
  /// The shape and element type of the result.
  public var type: TensorType
  /// The module that built the node, for messages, profiles and names.
  public var origin: ModuleOrigin
  /// The part of the graph that gradients compute again, or 0.
  var recomputation = 0

  /// Creates a node.
  public init(op: Op, operands: [NodeID], type: TensorType, origin: ModuleOrigin = .none) {
    self.op = op
    self.operands = operands
    self.type = type
    self.origin = origin
  }
}

/// The module call that built a node.
public struct ModuleOrigin: Sendable, Hashable {
  /// The path from the outermost module, `layer1.0.conv1`; empty outside modules.
  public let path: String
  /// The module's type, `Conv2d`.
  public let typeName: String
  /// Counts the module calls of a trace, so that a module called twice is told apart; 0 outside modules.
  public let call: Int

  /// Creates an origin.
  public init(path: String, typeName: String, call: Int = 0) {
    self.path = path
    self.typeName = typeName
    self.call = call
  }

  /// No module.
  public static let none = ModuleOrigin(path: "", typeName: "")

  /// The module that is being called on this task.
  @TaskLocal public static var current = ModuleOrigin.none

  /// `features.3 (Conv2d)`.
  public var label: String { path.isEmpty ? typeName : "\(path) (\(typeName))" }

  /// The error with the module in front of its sentence; outside modules, the error as it is.
  package func labelling(_ error: StrataError) -> StrataError {
    label.isEmpty ? error : StrataError(error.kind, "\(label): \(error.message)")
  }
}
