import StrataGraph

/// Modules with names, which whoever holds it calls as it likes (`torch.nn.ModuleDict`).
open class ModuleDict: Module, Sequence {
  /// Creates a dictionary, in the order that is given.
  public init(_ modules: [(name: String, module: Module)]) { super.init(children: modules) }

  /// Creates a dictionary: `ModuleDict(["conv": …, "pool": …])`.
  public init(_ modules: KeyValuePairs<String, Module>) {
    super.init(children: modules.map { (name: $0.key, module: $0.value) })
  }

  /// The names, in order.
  public final var names: [String] { members.children.map(\.name) }

  /// The number of modules.
  public final var count: Int { members.children.count }

  /// The module with a name.
  public final subscript(name: String) -> Module? { members.child(named: name)?.current }

  /// The modules in order.
  public final func makeIterator() -> IndexingIterator<[Module]> {
    members.children.map(\.current).makeIterator()
  }
}
