import StrataGraph
import Synchronization

/// A call of a module that is under way: which, and where it stands in the outermost one called.
///
/// `@unchecked Sendable` holds although a module is not: tasks started inside `forward` read only the tree,
/// which is locked.
struct ModuleCall: @unchecked Sendable {
  let module: Module
  let path: String
  let number: Int
  /// The number of the call inside which this one happens.
  let caller: Int?
  let input: CallInput

  @TaskLocal static var current: ModuleCall?

  private static let count = Atomic(0)

  init(of called: Module, with x: Tensor, caller: StaticString) {
    let outer = ModuleCall.current
    if let outer {
      (module, path) = outer.locate(called)
    } else if caller.isModuleFunction {
      // The outermost module is called through a function of its own, which announces nothing.
      (module, path) = called.locatedFromRoot()
    } else {
      (module, path) = (called, "")
    }
    input = outer?.input ?? CallInput(x)
    self.caller = outer?.number
    number = ModuleCall.count.add(1, ordering: .relaxed).newValue
  }

  var origin: ModuleOrigin { ModuleOrigin(path: path, typeName: module.typeName, call: number) }

  /// What stands where `called` does in this call's module, and its path.
  private func locate(_ called: Module) -> (Module, String) {
    if let child = module.members.child(called) { return (child.replacing(called), dotted(path, child.name)) }
    // Modules between may have been called through functions of their own: go up until one is known.
    var names: [String] = []
    var target: Module?
    var current = called
    while let owner = current.owner, let child = owner.members.child(current) {
      if target == nil { target = child.replacing(called) }
      names.append(child.name)
      if owner === module { return (target ?? called, names.reversed().reduce(path, dotted)) }
      current = owner
    }
    // A module that is nobody's child counts as a part of its caller.
    return (called, path)
  }
}

extension Module {
  /// What stands in this module's place, and its path from the root of the tree that it was built into.
  fileprivate func locatedFromRoot() -> (Module, String) {
    var names: [String] = []
    var target: Module?
    var current = self
    while let owner = current.owner, let child = owner.members.child(current) {
      if target == nil { target = child.replacing(self) }
      names.append(child.name)
      current = owner
    }
    return (target ?? self, names.reversed().reduce("", dotted))
  }
}

extension Members.Child {
  /// The module to call where `called` was meant.
  fileprivate func replacing(_ called: Module) -> Module { called === original ? current : called }
}

extension StaticString {
  /// Whether it is the name of a function in which modules call each other.
  fileprivate var isModuleFunction: Bool {
    withUTF8Buffer { $0.starts(with: "forward(".utf8) || $0.starts(with: "callAsFunction(".utf8) }
  }
}

/// A dotted path and a name below it.
func dotted(_ path: String, _ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

/// What a network was called with, and whether that can be computed.
final class CallInput: Sendable {
  private let tensor: Tensor
  private let answer = Mutex<Bool?>(nil)

  init(_ tensor: Tensor) { self.tensor = tensor }

  /// Whether no placeholder stands behind the input.
  var hasNumbers: Bool {
    answer.withLock { answer in
      if let answer { return answer }
      let found = tensor.error == nil && !Trace(of: [tensor]).needsPlaceholder
      answer = found
      return found
    }
  }
}

extension Trace {
  fileprivate var needsPlaceholder: Bool {
    sources.contains { if case .placeholder = $0 { true } else { false } }
  }
}
