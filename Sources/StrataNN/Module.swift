import StrataCore
import StrataGraph
import Synchronization

/// The base of layers and networks (`torch.nn.Module`).
///
/// A network is a subclass whose stored properties are its layers and whose `forward(_:)` calls them.
/// Layers are found once, in the order of their declaration; the properties' names are PyTorch's, so that
/// keys of a state dictionary agree:
///
///     final class Net: Module {
///       let conv1 = Conv2d(3, 16, kernelSize: 3, padding: 1)
///       let fc = Linear(16, 10)
///
///       override func forward(_ x: Tensor) -> Tensor {
///         fc(conv1(x).relu().mean([2, 3]))
///       }
///     }
///     let logits = Net()(image)
///
/// Layers are `let`; a list of them is a `ModuleList` or `Sequential`; `replace(_:with:)` exchanges one.
///
/// A module is not `Sendable`, for a subclass may hold what it likes. What this class holds is locked, however:
/// `SharedModule` lets several threads call one module, and a subclass whose properties are constant may
/// declare itself `@unchecked Sendable`, as the networks of `StrataModels` do.
open class Module: CustomStringConvertible {
  // All five are read and written with the lock held.
  private var found = Members()
  /// Children that a container was given; they come before those found by reflection.
  private var givenCount = 0
  private weak var firstOwner: Module?
  private var isInTraining = true
  private var isRecomputed = false
  private let lock = Mutex(())

  private func locked<Result>(_ body: () -> Result) -> Result { lock.withLock { _ in body() } }

  /// Creates a module and finds its layers, parameters and buffers.
  ///
  /// The initialiser of the root class runs when all properties of the subclasses are set.
  public init() { adopt(Members(of: self)) }

  /// Creates a container with children that are no stored properties.
  init(children: [(name: String, module: Module)]) {
    var members = Members(of: self)
    let given = children.map { Members.Child(name: $0.name, original: $0.module, current: $0.module) }
    members.children.insert(contentsOf: given, at: 0)
    locked { givenCount = given.count }
    adopt(members)
  }

  /// Computes the result for an input; subclasses override it, callers write `module(x)`.
  open func forward(_ x: Tensor) -> Tensor {
    if let callable = self as? any CallableModule { return callable.callAsFunction(x) }
    return mistake(.argument, "cannot be called, for it overrides no forward(_:)")
  }

  /// Calls the module: `model(x)`.
  ///
  /// Every node built on the way remembers the path of its module, counted from the outermost one called.
  ///
  /// - Parameters:
  ///   - x: The input.
  ///   - caller: Left out. It tells calls from another module's `callAsFunction` from those of a user.
  public final func callAsFunction(_ x: Tensor, caller: StaticString = #function) -> Tensor {
    let call = ModuleCall(of: self, with: x, caller: caller)
    return ModuleCall.$current.withValue(call) {
      ModuleOrigin.$current.withValue(call.origin) {
        let result =
          call.module.isRecomputing ? recomputed { call.module.forward(x) } : call.module.forward(x)
        CallLog.current?.append(call, input: x, output: result)
        return result
      }
    }
  }

  /// An invalid tensor that names this module.
  final func mistake(_ kind: StrataError.Kind, _ message: String) -> Tensor {
    let label = ModuleOrigin.current.label
    return .invalid(StrataError(kind, "\(label.isEmpty ? typeName : label): \(message)"))
  }

  /// The name that is printed: the class.
  open var typeName: String { ClassNames.name(of: type(of: self)) }

  /// The settings printed between the parentheses (`extra_repr`).
  open func extraDescription(dialect: PrintDialect) -> String { "" }

  /// The structure as PyTorch 2.15 prints it.
  public var description: String { description(dialect: .torch2_15) }

  /// Lines that print the children, each indented by nobody yet.
  func childLines(dialect: PrintDialect) -> [String] {
    members.children.map { "(\($0.name)): \($0.current.description(dialect: dialect))" }
  }

  /// Whether gradients compute this module's values again instead of keeping them from the way forward
  /// (`torch.utils.checkpoint`): training then takes less memory and more time.
  public final var recomputesActivations: Bool {
    get { locked { isRecomputed } }
    set { locked { isRecomputed = newValue } }
  }

  private var isRecomputing: Bool { locked { isRecomputed && isInTraining } }

  /// Whether layers behave as in training: dropout drops, batch norm uses the batch (`training`).
  public final var isTraining: Bool { locked { isInTraining } }

  /// Puts this module and all below it into training mode, or out of it (`train`).
  @discardableResult
  open func train(_ isTraining: Bool = true) -> Self {
    locked { isInTraining = isTraining }
    for child in members.children { child.current.train(isTraining) }
    return self
  }

  /// Puts this module and all below it into evaluation mode (`eval`).
  @discardableResult
  public final func eval() -> Self { train(false) }
}

// Children, parameters and buffers.
extension Module {
  /// The module whose property this one first became, while it lives.
  var owner: Module? { locked { firstOwner } }

  var members: Members {
    let (members, givenCount) = locked { (found, self.givenCount) }
    guard members.hasEmptyOptional else { return members }
    // A property such as `var fc: Linear!` may have been set after the root initialiser had looked.
    guard members.hasFilledOptional(in: self) else {
      locked { found.hasEmptyOptional = false }
      return members
    }
    var settled = Members(of: self)
    settled.children.insert(contentsOf: members.children.prefix(givenCount), at: 0)
    settled.hasEmptyOptional = false
    adopt(settled)
    return settled
  }

  private func adopt(_ members: Members) {
    locked { found = members }
    for child in members.children { child.current.join(self) }
    members.checkLooseModules(of: self)
  }

  private func join(_ parent: Module) {
    locked { if firstOwner == nil { firstOwner = parent } }
  }

  func exchange(_ name: String, for module: Module) {
    _ = members
    locked {
      for index in found.children.indices where found.children[index].name == name {
        found.children[index].current = module
      }
    }
    module.join(self)
  }

  func append(_ module: Module, named name: String) {
    locked {
      found.children.insert(Members.Child(name: name, original: module, current: module), at: givenCount)
      givenCount += 1
    }
    module.join(self)
  }
}

/// A module that defines `callAsFunction(_:)` itself and not `forward(_:)`.
///
/// Such a module works on its own without this protocol; with it, containers can call it too.
public protocol CallableModule: AnyObject {
  /// Computes the result for an input.
  func callAsFunction(_ x: Tensor) -> Tensor
}

/// A module that several threads call at once.
///
/// `@unchecked Sendable` holds because the module is handed over (`sending`): nobody else can reach it. What
/// threads share through it, the tree, the mode, parameters and buffers, is locked.
public struct SharedModule: @unchecked Sendable {
  private let module: Module

  /// Takes over a module.
  public init(_ module: sending Module) { self.module = module }

  /// Calls the module.
  public func callAsFunction(_ x: Tensor) -> Tensor { module(x) }
}
