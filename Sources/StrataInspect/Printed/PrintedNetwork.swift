import StrataCore
import StrataGraph
import StrataModels
import StrataNN

/// A network read from the text that PyTorch prints of one.
///
/// The text tells what a network consists of, but not how data flows through modules of its own: that is known for
/// sequences, for the networks of the registry, and for a few classes that many networks are made of.
public struct PrintedNetwork {
  /// The network. It prints as the text does.
  public let model: Module
  /// The network of the registry that prints the same, if there is one.
  public let entry: ModelEntry?
  /// The paths and classes of containers through which the flow of data is not known; empty where it can be called.
  public let unknownContainers: [String]

  /// Whether shapes and costs can be given, and not only parameters.
  public var canBeCalled: Bool { unknownContainers.isEmpty }

  /// Why only parameters can be given.
  public var limitation: String? {
    guard let first = unknownContainers.first else { return nil }
    let others = unknownContainers.count > 1 ? " and \(unknownContainers.count - 1) more" : ""
    return """
      the text does not tell in which order \(first)\(others) calls what it holds: parameters can be counted, \
      shapes and multiply-accumulates cannot
      """
  }

  /// Reads the text of `print(model)`, of PyTorch 2.15 or older.
  public init(parsing text: String) throws(StrataError) {
    let root = try PrintedParser.parse(text)
    if let (entry, model) = try Self.registered(root) {
      self.model = model
      self.entry = entry
      unknownContainers = []
      return
    }
    var builder = Builder()
    model = try builder.module(root, path: "")
    entry = nil
    unknownContainers = builder.unknown
  }

  /// The network of the registry that consists of the same.
  private static func registered(_ root: PrintedNode) throws(StrataError) -> (ModelEntry, Module)? {
    let text = root.outline
    let leaves = root.leaves
    let classes = leaves.last { $0.typeName == "Linear" || $0.typeName == "Conv2d" }
      .flatMap { leaf in
        let arguments = PrintedArguments(leaf, ["in", "out"])
        return (arguments.text("out_features") ?? arguments.text("out")).flatMap { Int($0) }
      }
    let channels = leaves.first { $0.typeName == "Conv2d" }
      .flatMap { PrintedArguments($0, ["in", "out"]).text("in") }.flatMap { Int($0) }
    for entry in ModelRegistry.entries where entry.title == root.typeName {
      guard let model = try? entry.make(ModelOptions(classes: classes, inputChannels: channels)) else {
        continue
      }
      for dialect in PrintDialect.allCases {
        if try PrintedParser.parse(model.description(dialect: dialect)).outline == text {
          return (entry, model)
        }
      }
    }
    return nil
  }

  private struct Builder {
    var unknown: [String] = []

    mutating func module(_ node: PrintedNode, path: String) throws(StrataError) -> Module {
      if node.children.isEmpty {
        if let layer = try PrintedLayers.make(node) { return layer }
        if node.typeName == "Sequential" { return Sequential() }
        throw StrataError(
          .format, "line \(node.line): the layer \(node.typeName) is not known\(hint(node.typeName))")
      }
      var children: [(name: String, module: Module)] = []
      for (name, child) in node.children {
        guard !children.contains(where: { $0.name == name }) else {
          throw StrataError(.format, "line \(child.line): there are two modules called \(name)")
        }
        children.append((name, try module(child, path: dotted(path, name))))
      }
      if node.typeName == "Sequential" { return Sequential(named: children) }
      let flow = PrintedFlow(node.typeName, children.map(\.name))
      if flow == nil { unknown.append(ModuleOrigin(path: path, typeName: node.typeName).label) }
      return PrintedContainer(node, children, flow)
    }

    private func hint(_ name: String) -> String {
      let known = [
        "Conv2d", "Linear", "BatchNorm2d", "LayerNorm", "MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d",
        "Dropout",
        "Flatten", "Identity", "ReLU", "ReLU6", "LeakyReLU", "Hardswish", "Hardsigmoid", "Sigmoid", "Tanh",
        "SiLU",
        "GELU", "Softmax", "LogSoftmax",
      ]
      return suggestion(for: name, among: known)
    }
  }
}

extension Module {
  /// The parameters of each layer, for a network of which no more is known.
  public var parameterTable: String {
    var rows = [["Layer", "Parameters", "Share"]]
    let all = parameterCount
    for (path, module) in namedModules {
      let own = module.ownParameters.reduce(0) { $0 + $1.parameter.elementCount }
      guard own > 0 else { continue }
      rows.append(["\(path)  \(module.typeName)", Text.grouped(own), Text.share(own, of: all)])
    }
    return Text.table(rows) + "\n\n" + Text.pairs([("Parameters", Text.grouped(all))])
  }
}

extension PrintedNode {
  /// The text without indentation and names of lines: what must agree for networks to be the same.
  fileprivate var outline: String {
    "\(typeName)(\(arguments)){\(children.map { "\($0.name):\($0.node.outline)" }.joined(separator: ";"))}"
  }

  /// The modules without modules inside.
  fileprivate var leaves: [PrintedNode] { children.isEmpty ? [self] : children.flatMap(\.node.leaves) }
}

/// How data flows through a container of a known class.
enum PrintedFlow: Hashable {
  /// One after the other.
  case inOrder
  /// A residual block of two or three convolutions.
  case residual
  /// ResNet: a stem, four stages, pooling, a classifier.
  case resNet
  /// Features, perhaps pooling, flattened, then a classifier.
  case classifier

  /// The flow of a class, where the class and what it holds are known.
  init?(_ typeName: String, _ children: [String]) {
    let names = Set(children)
    switch typeName {
    case "Conv2dNormActivation", "ConvNormActivation", "ConvBNReLU", "ConvBNActivation",
      "DepthwiseSeparableConv":
      self = .inOrder
    // A block with more in it than that, such as attention, calls it at a place that the text does not tell.
    case "BasicBlock" where names.subtracting(["downsample"]) == ["conv1", "bn1", "relu", "conv2", "bn2"]:
      self = .residual
    case "Bottleneck"
    where names.subtracting(["downsample"]) == ["conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "relu"]:
      self = .residual
    case "AlexNet", "VGG", "VGG16", "MobileNetV1":
      guard names == ["features", "classifier"] || names == ["features", "avgpool", "classifier"] else {
        return nil
      }
      self = .classifier
    default:
      let stem: Set = [
        "conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc",
      ]
      guard typeName.hasPrefix("ResNet"), names == stem else { return nil }
      self = .resNet
    }
  }
}

/// A container of a printed network.
private final class PrintedContainer: Sequential {
  private let name: String
  private let settings: String
  private let flow: PrintedFlow?
  private let parts: [String: Module]

  init(_ node: PrintedNode, _ children: [(name: String, module: Module)], _ flow: PrintedFlow?) {
    name = node.typeName
    settings = node.arguments
    self.flow = flow
    parts = Dictionary(children.map { ($0.name, $0.module) }) { first, _ in first }
    super.init(named: children)
  }

  override var typeName: String { name }

  override func extraDescription(dialect: PrintDialect) -> String { settings }

  override func forward(_ x: Tensor) -> Tensor {
    func call(_ names: [String], _ x: Tensor) -> Tensor {
      names.reduce(x) { x, name in parts[name]?(x) ?? x }
    }
    switch flow {
    case .inOrder: return super.forward(x)
    case .residual:
      let last = parts["conv3"] == nil ? ["conv2", "bn2"] : ["conv2", "bn2", "relu", "conv3", "bn3"]
      let y = call(["conv1", "bn1", "relu"] + last, x)
      return call(["relu"], y + call(["downsample"], x))
    case .resNet:
      let stem = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool"]
      return call(["fc"], call(stem, x).flatten(start: 1))
    case .classifier: return call(["classifier"], call(["features", "avgpool"], x).flatten(start: 1))
    case nil:
      return .invalid(
        StrataError(
          .argument, "\(name): the printed text does not tell in which order it calls what it holds"))
    }
  }
}
