import StrataCore

/// A multi-dimensional array of numbers: a handle on a node of a graph.
///
/// Operations compute nothing; they build nodes whose shapes are known at once. Reading numbers
/// (`print`, `scalars`, `evaluate`) runs the graph behind the tensor.
public struct Tensor: Sendable {
  let storage: TensorStorage

  /// The shape and element type.
  public var type: TensorType { storage.type }
  /// The sizes of the axes; of an invalid tensor, empty.
  public var shape: Shape { storage.type.shape }
  /// The type of the elements.
  public var dtype: DType { storage.type.dtype }
  /// The number of axes.
  public var rank: Int { shape.rank }

  /// Why the tensor has no value: the first operation whose operands did not fit. Evaluation throws it.
  public var error: StrataError? {
    if case .failed(let error) = storage.content { return error }
    return nil
  }

  /// Creates a tensor from numbers in memory.
  public init(_ value: HostTensor) {
    storage = TensorStorage(TensorType(value.shape, value.dtype), .value(value))
  }

  /// Creates a tensor that has a shape but no numbers, for analysis; evaluating it throws.
  public static func placeholder(_ shape: Shape, dtype: DType = .float32) -> Tensor {
    Tensor(storage: TensorStorage(TensorType(shape, dtype), .placeholder))
  }

  init(variable: Variable) {
    storage = TensorStorage(variable.type, .variable(variable))
  }

  init(storage: TensorStorage) { self.storage = storage }

  /// A tensor whose evaluation throws `error`.
  public static func invalid(_ error: StrataError) -> Tensor {
    Tensor(storage: TensorStorage(TensorType([], .float32), .failed(error)))
  }

  /// Whether both are handles on one value.
  public func isSame(as other: Tensor) -> Bool { storage === other.storage }

  /// The numbers, where they are known without evaluation.
  public var knownValue: HostTensor? {
    switch storage.content {
    case .value(let value): value
    case .variable(let variable): variable.stored
    case .node, .placeholder, .failed: nil
    }
  }

  /// Appends an operation to the graph of its operands.
  public static func apply(_ op: Op, _ operands: [Tensor]) -> Tensor {
    for operand in operands { if let error = operand.error { return .invalid(error) } }
    let origin = ModuleOrigin.current
    let recomputation = Recomputation.current
    do throws(StrataError) {
      let type = try op.resultType(operands.map(\.type))
      return GraphArena.locked {
        let (arena, ids) = placed(operands)
        var node = Node(op: op, operands: ids, type: type, origin: origin)
        node.recomputation = recomputation
        let id = arena.append(node)
        return Tensor(storage: TensorStorage(type, .node(arena, id)))
      }
    } catch {
      return .invalid(origin.labelling(error))
    }
  }

  /// Brings operands into one arena, the largest that any of them has. Called with the lock held.
  static func placed(_ operands: [Tensor]) -> (GraphArena, [NodeID]) {
    var target: GraphArena?
    for operand in operands {
      guard case .node(let arena, let id) = operand.storage.lockedContent else { continue }
      let home = GraphArena.resolve(arena, id).arena
      guard let current = target, current !== home else {
        target = home
        continue
      }
      let (large, small) = current.nodes.count >= home.nodes.count ? (current, home) : (home, current)
      large.absorb(small)
      target = large
    }
    let arena = target ?? GraphArena()
    return (arena, operands.map { $0.storage.place(in: arena) })
  }

  func registerUpdate(of variable: Variable) {
    GraphArena.locked {
      let (arena, _) = Tensor.placed([self])
      arena.updates.removeAll { $0.variable === variable }
      arena.updates.append(GraphArena.Update(variable: variable, storage: storage))
    }
  }
}

/// What a tensor is a handle on.
///
/// `@unchecked Sendable` holds because `stored` is read and written only with the arenas' lock held.
final class TensorStorage: @unchecked Sendable {
  enum Content {
    case value(HostTensor)
    case variable(Variable)
    case placeholder
    case node(GraphArena, NodeID)
    case failed(StrataError)
  }

  let type: TensorType
  private var stored: Content

  init(_ type: TensorType, _ content: Content) {
    self.type = type
    stored = content
  }

  var content: Content { GraphArena.locked { stored } }
  var lockedContent: Content { stored }

  /// The node that stands for this value in `arena`; called with the lock held.
  func place(in arena: GraphArena) -> NodeID {
    switch stored {
    case .value(let value): arena.leaf(.value(value), type: type, identity: self)
    case .variable(let variable): arena.leaf(.variable(variable), type: type, identity: variable)
    case .placeholder: arena.leaf(.placeholder, type: type, identity: self)
    case .node(let home, let id): GraphArena.resolve(home, id).id
    case .failed: preconditionFailure("an invalid tensor has no place in a graph")
    }
  }

  /// Replaces the node by its value; called with the lock held.
  func resolve(to value: HostTensor) { stored = .value(value) }
}
