import StrataCore
import StrataGraph
import StrataRuntime
import Synchronization

/// A tensor that training changes (`torch.nn.Parameter`). No memory is taken before its value is needed.
public final class Parameter: Sendable {
  /// Where the value lives.
  public let variable: Variable
  private let isTrainable = Atomic(true)

  /// Creates a parameter whose first value `recipe` makes when it is needed; zeros where none is given.
  public init(
    _ shape: Shape, dtype: DType = .float32, recipe: (@Sendable () -> HostTensor)? = nil
  ) {
    variable = Variable(shape, dtype, recipe: recipe ?? { .zeros(shape, dtype: dtype) })
  }

  /// Creates a parameter with a value.
  public init(_ value: HostTensor) { variable = Variable(value) }

  /// Makes a variable that something else holds too a parameter.
  package init(sharing variable: Variable) { self.variable = variable }

  deinit { variable.abandonUpdate() }

  /// Whether gradients are wanted; false for a frozen parameter.
  public var requiresGrad: Bool {
    get { isTrainable.load(ordering: .relaxed) }
    set { isTrainable.store(newValue, ordering: .relaxed) }
  }

  /// The sizes of the axes.
  public var shape: Shape { variable.shape }
  /// The type of the elements.
  public var dtype: DType { variable.dtype }
  /// The number of elements (`numel`).
  public var elementCount: Int { shape.elementCount }

  /// The value as an operand of operations.
  public var tensor: Tensor { variable.tensor }

  /// The numbers; reading them runs an update that waits. A new value must have the same shape and type.
  public var value: HostTensor {
    get { variable.currentValue }
    set { variable.store(newValue) }
  }
}

/// A tensor that belongs to a module but is not trained, such as a running mean (`register_buffer`).
public final class StateBuffer: Sendable {
  /// Where the value lives.
  public let variable: Variable

  /// Creates a buffer whose first value `recipe` makes when it is needed; zeros where none is given.
  public init(
    _ shape: Shape, dtype: DType = .float32, recipe: (@Sendable () -> HostTensor)? = nil
  ) {
    variable = Variable(shape, dtype, recipe: recipe ?? { .zeros(shape, dtype: dtype) })
  }

  /// Creates a buffer with a value.
  public init(_ value: HostTensor) { variable = Variable(value) }

  /// Makes a variable that something else holds too a buffer.
  package init(sharing variable: Variable) { self.variable = variable }

  deinit { variable.abandonUpdate() }

  /// The sizes of the axes.
  public var shape: Shape { variable.shape }
  /// The type of the elements.
  public var dtype: DType { variable.dtype }

  /// The value as an operand of operations.
  public var tensor: Tensor { variable.tensor }

  /// The numbers; reading them runs an update that waits. A new value must have the same shape and type.
  public var value: HostTensor {
    get { variable.currentValue }
    set { variable.store(newValue) }
  }
}

extension Variable {
  /// The value with the update that waits; stops the program where that cannot be computed.
  var currentValue: HostTensor {
    do { return try value() } catch { preconditionFailure(error.message) }
  }
}
