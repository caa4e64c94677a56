import StrataCore
import Synchronization

/// A value that outlives evaluations and may be replaced: a parameter, a running statistic.
///
/// Nothing is allocated until the value is asked for: construction keeps a recipe.
public final class Variable: Sendable {
  /// Tells this variable from all others of the process, also from those that are gone.
  public let id: UInt64
  /// The shape and element type, which never change.
  public let type: TensorType

  private struct State {
    var value: HostTensor?
    var pending: Tensor?
    var recipe: @Sendable () -> HostTensor
    var version: UInt64 = 0
  }
  private let state: Mutex<State>
  private static let lastID = Atomic<UInt64>(0)

  /// Creates a variable whose first value `recipe` makes when it is needed.
  public init(_ shape: Shape, _ dtype: DType = .float32, recipe: @escaping @Sendable () -> HostTensor) {
    id = Variable.lastID.add(1, ordering: .relaxed).newValue
    type = TensorType(shape, dtype)
    state = Mutex(State(recipe: recipe))
  }

  /// Creates a variable with a value.
  public convenience init(_ value: HostTensor) {
    self.init(value.shape, value.dtype) { value }
  }

  /// The sizes of the axes.
  public var shape: Shape { type.shape }
  /// The type of the elements.
  public var dtype: DType { type.dtype }

  /// Rises with every replacement of the value, so that what was derived from it can be told stale.
  public var version: UInt64 { state.withLock { $0.version } }

  /// Whether memory holds the value; false until it is first needed.
  public var isAllocated: Bool { state.withLock { $0.value != nil } }

  /// The update that waits for evaluation, if any.
  public var pending: Tensor? { state.withLock { $0.pending } }

  /// The value last stored or made by the recipe; a pending update is not run.
  public var stored: HostTensor { snapshot.value }

  /// The value and its version, read together.
  public var snapshot: (value: HostTensor, version: UInt64) {
    state.withLock { state in
      if let value = state.value { return (value, state.version) }
      let value = state.recipe()
      precondition(
        value.shape == type.shape && value.dtype == type.dtype, "recipe made \(value.shape), not \(type)")
      state.value = value
      return (value, state.version)
    }
  }

  /// Replaces the value; shape and element type must be the variable's.
  public func store(_ value: HostTensor) {
    precondition(value.shape == type.shape && value.dtype == type.dtype, "\(value.shape) stored into \(type)")
    state.withLock {
      $0.value = value
      $0.pending = nil
      $0.version += 1
    }
  }

  /// Makes the value `recipe`'s again, without allocating it now.
  public func reset(recipe: @escaping @Sendable () -> HostTensor) {
    state.withLock {
      $0.value = nil
      $0.pending = nil
      $0.recipe = recipe
      $0.version += 1
    }
  }

  /// The value as an operand of operations: the pending update where there is one.
  public var tensor: Tensor { state.withLock { $0.pending } ?? Tensor(variable: self) }

  /// Makes a computed value the variable's next one. It is run with the next evaluation of its graph.
  public func assign(_ tensor: Tensor) {
    precondition(tensor.type == type, "\(tensor.type) assigned to \(type)")
    state.withLock { $0.pending = tensor }
    tensor.registerUpdate(of: self)
  }

  /// Forgets an update that nobody can ask for any more; called when the variable's last user goes.
  package func abandonUpdate() {
    let abandoned = state.withLock { state in
      defer { state.pending = nil }
      return state.pending
    }
    _ = abandoned
  }

  /// Stores what an evaluation computed for the pending update; one assigned since then stays pending.
  package func finishUpdate(_ value: HostTensor, of tensor: Tensor) {
    state.withLock {
      $0.value = value
      $0.version += 1
      if let pending = $0.pending, pending.isSame(as: tensor) { $0.pending = nil }
    }
  }
}
