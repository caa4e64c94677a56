import StrataCore
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

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
    /// Makes the first value; forgotten afterwards, with what it holds.
    var recipe: (@Sendable () -> HostTensor)?
    var version: UInt64 = 0
    /// Whether a run is writing the next value over this one.
    var isLent = false
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
  public init(_ value: HostTensor) {
    id = Variable.lastID.add(1, ordering: .relaxed).newValue
    type = TensorType(value.shape, value.dtype)
    state = Mutex(State(value: value))
  }

  /// The sizes of the axes.
  public var shape: Shape { type.shape }
  /// The type of the elements.
  public var dtype: DType { type.dtype }

  /// Rises with every replacement of the value, so that what was derived from it can be told stale.
  public var version: UInt64 { state.withLock { $0.version } }

  /// Whether memory holds the value; false until it is first needed.
  public var isAllocated: Bool { state.withLock { $0.value != nil || $0.isLent } }

  /// The update that waits for evaluation, if any.
  public var pending: Tensor? { state.withLock { $0.pending } }

  /// The value last stored or made by the recipe; a pending update is not run.
  public var stored: HostTensor { snapshot.value }

  /// The value and its version, read together. While a run writes the next value over it, this waits.
  public var snapshot: (value: HostTensor, version: UInt64) {
    while true {
      if let known = state.withLock({ $0.isLent ? nil : known(&$0) }) { return known }
      usleep(50)
    }
  }

  private func known(_ state: inout State) -> (value: HostTensor, version: UInt64)? {
    if state.value == nil, let recipe = state.recipe {
      let value = recipe()
      precondition(
        value.shape == type.shape && value.dtype == type.dtype, "recipe made \(value.shape), not \(type)")
      state.value = value
      state.recipe = nil
    }
    return state.value.map { ($0, state.version) }
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

  /// Gives up the value of a version, so that a run which holds it may write the next one over it. Until
  /// `finishUpdate` or `takeBack` everybody who asks for the value waits.
  package func lend(version: UInt64) -> Bool {
    state.withLock {
      guard !$0.isLent, $0.version == version, $0.value != nil else { return false }
      $0.value = nil
      $0.isLent = true
      return true
    }
  }

  /// Takes a lent value back as it is, unless another was stored since.
  package func takeBack(_ value: HostTensor) {
    state.withLock {
      if $0.value == nil { $0.value = value }
      $0.isLent = false
    }
  }

  /// Stores what an evaluation computed for the pending update; one assigned since then stays pending.
  package func finishUpdate(_ value: HostTensor, of tensor: Tensor) {
    state.withLock {
      $0.value = value
      $0.version += 1
      $0.isLent = false
      if let pending = $0.pending, pending.isSame(as: tensor) { $0.pending = nil }
    }
  }
}
