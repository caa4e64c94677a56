/// What a module consists of, in the order of declaration.
struct Members {
  /// A layer in its place; `current` differs from `original`, the property, once it is replaced.
  struct Child {
    let name: String
    let original: Module
    var current: Module
  }

  var children: [Child] = []
  var parameters: [(name: String, parameter: Parameter)] = []
  var buffers: [(name: String, buffer: StateBuffer)] = []
  /// Whether an optional was empty that could have held one of these.
  var hasEmptyOptional = false
  /// Where those optionals stand: how many classes up, and the place among that class's properties.
  private var emptyOptionals: [(level: Int, place: Int)] = []
  /// Modules in arrays, which are not found by name and must be reachable otherwise.
  fileprivate var loose: [(name: String, module: Module)] = []

  init() {}

  /// Finds the members of `module` among its stored properties, those of the superclass first.
  init(of module: Module) {
    let mirrors = Members.mirrors(of: module)
    for (level, mirror) in mirrors.enumerated().reversed() {
      for (place, (label, value)) in mirror.children.enumerated() {
        // `lazy var` is stored under a prefixed name.
        guard let label, let member = value as? any Member else { continue }
        let wasEmpty = hasEmptyOptional
        hasEmptyOptional = false
        member.join(&self, name: label.hasPrefix("$__lazy_storage_$_") ? String(label.dropFirst(18)) : label)
        if hasEmptyOptional { emptyOptionals.append((level, place)) }
        hasEmptyOptional = hasEmptyOptional || wasEmpty
      }
    }
  }

  /// The module's own class first, then those above it.
  private static func mirrors(of module: Module) -> [Mirror] {
    var mirrors: [Mirror] = []
    var next: Mirror? = Mirror(reflecting: module)
    while let mirror = next, mirror.subjectType != Module.self {
      mirrors.append(mirror)
      next = mirror.superclassMirror
    }
    return mirrors
  }

  /// Whether an optional that was empty has been filled since. Looks at those alone: reading a property by
  /// reflection takes a microsecond, and a convolution without bias has nine others.
  func hasFilledOptional(in module: Module) -> Bool {
    let mirrors = Members.mirrors(of: module)
    return emptyOptionals.contains { level, place in
      let children = mirrors[level].children
      guard let member = children[children.index(children.startIndex, offsetBy: place)].value as? any Member
      else { return false }
      var probe = Members()
      member.join(&probe, name: "")
      return !probe.hasEmptyOptional
    }
  }

  /// The child that `module` is, as property or as replacement.
  func child(_ module: Module) -> Child? {
    children.first { $0.original === module || $0.current === module }
  }

  func child(named name: String) -> Child? { children.first { $0.name == name } }

  /// Stops a program whose module keeps layers in a plain array: they would be neither trained nor saved.
  func checkLooseModules(of owner: Module) {
    guard !loose.isEmpty else { return }
    let known = Set(owner.modules.map(ObjectIdentifier.init))
    for (name, module) in loose where !known.contains(ObjectIdentifier(module)) {
      preconditionFailure(
        "\(owner.typeName).\(name) is an array of modules; make it a ModuleList, so that they are found")
    }
  }
}

/// What may be a member of a module.
protocol Member {
  func join(_ members: inout Members, name: String)
}

extension Module: Member {
  func join(_ members: inout Members, name: String) {
    members.children.append(Members.Child(name: name, original: self, current: self))
  }
}

extension Parameter: Member {
  func join(_ members: inout Members, name: String) { members.parameters.append((name, self)) }
}

extension StateBuffer: Member {
  func join(_ members: inout Members, name: String) { members.buffers.append((name, self)) }
}

/// Parameters and buffers whose names are known only when a module is made: a property that stands for them all.
package struct NamedState {
  /// The parameters, in order.
  package var parameters: [(name: String, parameter: Parameter)] = []
  /// The buffers, in order.
  package var buffers: [(name: String, buffer: StateBuffer)] = []

  /// Creates a property that stands for none.
  package init() {}
}

extension NamedState: Member {
  func join(_ members: inout Members, name: String) {
    members.parameters += parameters
    members.buffers += buffers
  }
}

extension Optional: Member where Wrapped: Member {
  func join(_ members: inout Members, name: String) {
    if let self { self.join(&members, name: name) } else { members.hasEmptyOptional = true }
  }
}

extension Array: Member where Element: Module {
  func join(_ members: inout Members, name: String) {
    members.loose += map { (name, $0) }
  }
}
