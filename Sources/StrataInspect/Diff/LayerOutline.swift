import StrataCore
import StrataGraph
import StrataNN

/// A layer as a diff sees it: where it stands, what it is, how it is set.
struct LayerOutline: Sendable, Hashable {
  let path: String
  let typeName: String
  /// The settings by PyTorch's names, in the order in which they are printed.
  let settings: [Setting]
  /// The elements of its parameters.
  let parameters: Int
  /// Multiply-accumulates of all its calls; nil where the network was not called.
  let macs: Int?

  /// A setting and its value as they are printed.
  struct Setting: Sendable, Hashable {
    let name: String
    let value: String
  }

  /// `Conv2d(3, 64, kernel_size=(7, 7), …)`.
  let text: String

  /// The layers of a network in the order of declaration; parameters that containers have themselves count as such.
  static func all(of model: Module, _ summary: ModelSummary?) -> [LayerOutline] {
    let macs = summary?.leaves.reduce(into: [String: Int]()) { $0[$1.path, default: 0] += $1.macs }
    return model.namedModules.flatMap { path, module -> [LayerOutline] in
      if module.children.isEmpty {
        guard !path.isEmpty || !(module is Sequential) else { return [] }
        return [LayerOutline(path, module, macs.map { $0[path] ?? 0 })]
      }
      return module.ownParameters.map { name, parameter in
        LayerOutline(
          path: dotted(path, name), typeName: "Parameter",
          settings: [Setting(name: "shape", value: parameter.shape.description)],
          parameters: parameter.elementCount, macs: nil, text: "Parameter(\(parameter.shape))")
      }
    }
  }

  private init(_ path: String, _ module: Module, _ macs: Int?) {
    let extra = module.extraDescription(dialect: .torch2_15)
    self.init(
      path: path, typeName: module.typeName,
      settings: Self.settings(extra, module.positionalNames),
      parameters: module.parameterCount, macs: macs, text: "\(module.typeName)(\(extra))")
  }

  private init(
    path: String, typeName: String, settings: [Setting], parameters: Int, macs: Int?, text: String
  ) {
    self.path = path
    self.typeName = typeName
    self.settings = settings
    self.parameters = parameters
    self.macs = macs
    self.text = text
  }

  /// Takes `3, 64, kernel_size=(7, 7)` apart; commas inside brackets do not separate.
  static func settings(_ text: String, _ positions: [String]) -> [Setting] {
    var parts: [String] = []
    var depth = 0
    var part = ""
    for character in text {
      if "([".contains(character) { depth += 1 }
      if ")]".contains(character) { depth -= 1 }
      if character == ",", depth == 0 {
        parts.append(part)
        part = ""
      } else if !(part.isEmpty && character == " ") {
        part.append(character)
      }
    }
    if !part.isEmpty { parts.append(part) }
    return parts.enumerated().map { index, part in
      guard let equals = part.firstIndex(of: "=") else {
        return Setting(
          name: index < positions.count ? positions[index] : "argument \(index + 1)", value: part)
      }
      return Setting(name: String(part[..<equals]), value: String(part[part.index(after: equals)...]))
    }
  }

  /// What differs in another layer: `stride (1, 1) -> (2, 2)`.
  func changes(to other: LayerOutline) -> [String] {
    if typeName != other.typeName { return ["\(text) -> \(other.text)"] }
    let own = Dictionary(settings.map { ($0.name, $0.value) }) { $1 }
    let others = Dictionary(other.settings.map { ($0.name, $0.value) }) { $1 }
    let names = settings.map(\.name) + other.settings.map(\.name).filter { own[$0] == nil }
    return names.compactMap { name in
      // What is not printed has the value that PyTorch gives it.
      let (a, b) = (own[name] ?? Self.unprinted(name), others[name] ?? Self.unprinted(name))
      return a == b ? nil : "\(name) \(a) -> \(b)"
    }
  }

  private static func unprinted(_ name: String) -> String {
    switch name {
    case "padding": "(0, 0)"
    case "dilation": "(1, 1)"
    case "groups": "1"
    case "bias": "True"
    case "inplace": "False"
    default: "none"
    }
  }
}

extension Module {
  /// The names of settings that are printed without them.
  fileprivate var positionalNames: [String] {
    switch self {
    case is Conv2d: ["in_channels", "out_channels"]
    case is BatchNorm2d: ["num_features"]
    case is LayerNorm: ["normalized_shape"]
    default: []
    }
  }
}
