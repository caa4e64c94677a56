import StrataGraph

/// Modules called one after the other (`torch.nn.Sequential`).
///
///     let block = Sequential {
///       Conv2d(3, 64, kernelSize: 3, padding: 1, bias: !usesNorm)
///       if usesNorm { BatchNorm2d(64) }
///       for _ in 0..<2 { ReLU(inplace: true) }
///     }
open class Sequential: Module, Sequence {
  /// Creates a sequence of modules.
  public init(_ modules: Module...) { super.init(children: modules.numbered) }

  /// Creates a sequence of modules.
  public init(_ modules: [Module]) { super.init(children: modules.numbered) }

  /// Creates a sequence of modules with names: `Sequential(["conv": …, "act": …])`.
  public init(_ modules: KeyValuePairs<String, Module>) {
    super.init(children: modules.map { (name: $0.key, module: $0.value) })
  }

  /// Creates a sequence of modules whose names are computed.
  public init(named modules: [(name: String, module: Module)]) { super.init(children: modules) }

  /// Creates a sequence of the modules that a block lists.
  public init(@ModuleBuilder _ modules: () -> [Module]) { super.init(children: modules().numbered) }

  open override func forward(_ x: Tensor) -> Tensor {
    members.children.reduce(x) { x, child in child.current(x) }
  }

  /// The number of modules.
  public final var count: Int { members.children.count }

  /// The module at a place, counted from the end where negative.
  public final subscript(index: Int) -> Module { members.child(at: index, of: typeName) }

  /// The modules at some places as a sequence of their own; they stay the same modules.
  public final subscript(range: some RangeExpression<Int>) -> Sequential {
    let children = members.children
    return Sequential(children[range.relative(to: children.indices)].map(\.current))
  }

  /// Adds a module at the end (`append`).
  @discardableResult
  public final func append(_ module: Module) -> Self {
    append(module, named: "\(count)")
    return self
  }

  /// The modules in order.
  public final func makeIterator() -> IndexingIterator<[Module]> {
    members.children.map(\.current).makeIterator()
  }
}

/// A list of modules, which whoever holds it calls as it likes (`torch.nn.ModuleList`).
open class ModuleList: Module, Sequence {
  /// Creates a list.
  public init(_ modules: Module...) { super.init(children: modules.numbered) }

  /// Creates a list.
  public init(_ modules: [Module]) { super.init(children: modules.numbered) }

  /// Creates a list of the modules that a block lists.
  public init(@ModuleBuilder _ modules: () -> [Module]) { super.init(children: modules().numbered) }

  /// The number of modules.
  public final var count: Int { members.children.count }

  /// The module at a place, counted from the end where negative.
  public final subscript(index: Int) -> Module { members.child(at: index, of: typeName) }

  /// Adds a module at the end (`append`).
  @discardableResult
  public final func append(_ module: Module) -> Self {
    append(module, named: "\(count)")
    return self
  }

  /// The modules in order.
  public final func makeIterator() -> IndexingIterator<[Module]> {
    members.children.map(\.current).makeIterator()
  }

  /// Equal neighbours are printed once, as only this container of PyTorch does.
  override func childLines(dialect: PrintDialect) -> [String] {
    var runs: [(first: Int, last: Int, text: String)] = []
    for (index, child) in members.children.enumerated() {
      let text = child.current.description(dialect: dialect)
      if let run = runs.last, run.text == text {
        runs[runs.count - 1].last = index
      } else {
        runs.append((index, index, text))
      }
    }
    return runs.map { first, last, text in
      first == last ? "(\(first)): \(text)" : "(\(first)-\(last)): \(last - first + 1) x \(text)"
    }
  }
}

/// Builds lists of modules from blocks with `if`, `switch` and `for`.
@resultBuilder
public enum ModuleBuilder {
  /// One module.
  public static func buildExpression(_ module: Module) -> [Module] { [module] }
  /// Several modules.
  public static func buildExpression(_ modules: [Module]) -> [Module] { modules }
  /// A module or none.
  public static func buildExpression(_ module: Module?) -> [Module] { module.map { [$0] } ?? [] }
  /// One after the other.
  public static func buildBlock(_ parts: [Module]...) -> [Module] { parts.flatMap { $0 } }
  /// `if` without `else`.
  public static func buildOptional(_ part: [Module]?) -> [Module] { part ?? [] }
  /// `if`.
  public static func buildEither(first part: [Module]) -> [Module] { part }
  /// `else`.
  public static func buildEither(second part: [Module]) -> [Module] { part }
  /// `for`.
  public static func buildArray(_ parts: [[Module]]) -> [Module] { parts.flatMap { $0 } }
  /// `if #available`.
  public static func buildLimitedAvailability(_ part: [Module]) -> [Module] { part }
}

extension [Module] {
  fileprivate var numbered: [(name: String, module: Module)] {
    enumerated().map { (name: "\($0.offset)", module: $0.element) }
  }
}

extension Members {
  fileprivate func child(at index: Int, of container: String) -> Module {
    let place = index < 0 ? index + children.count : index
    precondition(
      children.indices.contains(place), "\(container) has \(children.count) modules, none at \(index)")
    return children[place].current
  }
}
