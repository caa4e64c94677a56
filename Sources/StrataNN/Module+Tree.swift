import StrataCore

extension Module {
  /// The direct children with their names, each module once (`named_children`).
  public final var namedChildren: [(name: String, module: Module)] {
    var known: Set<ObjectIdentifier> = []
    return members.children.compactMap { child in
      known.insert(ObjectIdentifier(child.current)).inserted ? (child.name, child.current) : nil
    }
  }

  /// The direct children (`children`).
  public final var children: [Module] { namedChildren.map(\.module) }

  /// This module and all below it with dotted paths, each once, parents first; its own path is empty
  /// (`named_modules`).
  public final var namedModules: [(name: String, module: Module)] {
    var known: Set<ObjectIdentifier> = []
    var result: [(name: String, module: Module)] = []
    func visit(_ module: Module, _ path: String) {
      guard known.insert(ObjectIdentifier(module)).inserted else { return }
      result.append((path, module))
      for child in module.members.children { visit(child.current, dotted(path, child.name)) }
    }
    visit(self, "")
    return result
  }

  /// This module and all below it (`modules`).
  public final var modules: [Module] { namedModules.map(\.module) }

  /// The parameters with dotted names, a shared one under its first (`named_parameters`).
  public final var namedParameters: [(name: String, parameter: Parameter)] {
    var known: Set<ObjectIdentifier> = []
    return namedModules.flatMap { path, module in
      module.members.parameters.compactMap { name, parameter in
        known.insert(ObjectIdentifier(parameter)).inserted ? (dotted(path, name), parameter) : nil
      }
    }
  }

  /// The parameters (`parameters`).
  public final var parameters: [Parameter] { namedParameters.map(\.parameter) }

  /// The buffers with dotted names, a shared one under its first (`named_buffers`).
  public final var namedBuffers: [(name: String, buffer: StateBuffer)] {
    var known: Set<ObjectIdentifier> = []
    return namedModules.flatMap { path, module in
      module.members.buffers.compactMap { name, buffer in
        known.insert(ObjectIdentifier(buffer)).inserted ? (dotted(path, name), buffer) : nil
      }
    }
  }

  /// The buffers (`buffers`).
  public final var buffers: [StateBuffer] { namedBuffers.map(\.buffer) }

  /// The number of elements of all parameters, shared ones counted once. Nothing is allocated.
  public final var parameterCount: Int { parameters.reduce(0) { $0 + $1.elementCount } }

  /// The number of elements of the parameters that are not frozen.
  public final var trainableParameterCount: Int {
    parameters.reduce(0) { $0 + ($1.requiresGrad ? $1.elementCount : 0) }
  }

  /// Calls `body` with every module, children before their parents, and returns this one (`apply`).
  @discardableResult
  public final func apply(_ body: (Module) throws -> Void) rethrows -> Self {
    for child in children { try child.apply(body) }
    try body(self)
    return self
  }
}

// Fine-tuning.
extension Module {
  /// Stops training parameters, all of them or those whose names match, and returns how many there are.
  ///
  /// A pattern is a name in which `*` stands for any text: `layer4.*.weight`. One that names a module means
  /// everything in it: `features`.
  @discardableResult
  public final func freeze(_ pattern: String? = nil) -> Int { setRequiresGrad(false, pattern) }

  /// Trains parameters again, all of them or those whose names match, and returns how many there are.
  @discardableResult
  public final func unfreeze(_ pattern: String? = nil) -> Int { setRequiresGrad(true, pattern) }

  private func setRequiresGrad(_ isTrainable: Bool, _ pattern: String?) -> Int {
    let chosen = namedParameters.filter { name, _ in
      guard let pattern else { return true }
      return name.matches(pattern: pattern) || name.matches(pattern: pattern + ".*")
    }
    for (_, parameter) in chosen { parameter.requiresGrad = isTrainable }
    return chosen.count
  }

  /// The module at a dotted path (`get_submodule`); the empty path is this module.
  public final func submodule(_ path: String) throws(StrataError) -> Module {
    var module = self
    for name in path.split(separator: ".", omittingEmptySubsequences: path.isEmpty) {
      guard let child = module.members.child(named: String(name)) else { throw unknown("module", path) }
      module = child.current
    }
    return module
  }

  /// The parameter with a dotted name (`get_parameter`).
  public final func parameter(_ name: String) throws(StrataError) -> Parameter {
    for (known, parameter) in namedParameters where known == name { return parameter }
    let hint = suggestion(for: name, among: namedParameters.map(\.name))
    throw StrataError(.argument, "\(typeName) has no parameter `\(name)`\(hint)")
  }

  /// Puts another module in the place of the one at a dotted path and returns the old one.
  ///
  /// The new one prints, trains, saves and loads in its place, and is called where the old one is written,
  /// even though the property still holds that: `try model.replace("fc", with: Linear(2048, 10))`. Code that
  /// reads the old one's properties, or a `callAsFunction` of its own, is not redirected.
  @discardableResult
  public final func replace(_ path: String, with module: Module) throws(StrataError) -> Module {
    let old = try submodule(path)
    guard !path.isEmpty else {
      throw StrataError(.argument, "a network cannot be replaced in itself; name a part")
    }
    let cut = path.lastIndex(of: ".")
    let parent = try cut.map { index throws(StrataError) in try submodule(String(path[..<index])) } ?? self
    parent.exchange(cut.map { String(path[path.index(after: $0)...]) } ?? path, for: module)
    return old
  }

  private func unknown(_ kind: String, _ path: String) -> StrataError {
    let hint = suggestion(for: path, among: namedModules.map(\.name).filter { !$0.isEmpty })
    return StrataError(.argument, "\(typeName) has no \(kind) `\(path)`\(hint)")
  }
}
