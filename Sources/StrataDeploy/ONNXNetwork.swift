import StrataCore
import StrataFormats
import StrataGraph
import StrataNN

/// An ONNX model as a module: it prints, runs, is summarised, measured and traced as other networks are.
///
/// Its layers are the model's operators, under the names that the file gives them.
public final class ONNXNetwork: ModuleDict {
  /// The model.
  public let graph: ONNXGraph
  private let operators: [ONNXOperator]

  /// Reads a model.
  public convenience init(contentsOf path: String) throws(StrataError) {
    try self.init(try ONNX.load(path), name: path)
  }

  /// Takes a model over; it must have one input. `name` is what messages call it.
  public init(_ graph: ONNXGraph, name: String = "ONNX") throws(StrataError) {
    guard graph.inputs.count == 1, !graph.model.outputs.isEmpty else {
      throw StrataError(
        .argument,
        "\(name): a network has one input and at least one output, and this model has "
          + "\(graph.inputs.count) and \(graph.model.outputs.count)")
    }
    self.graph = graph
    var owners = ONNXState(graph)
    let tree = Branch()
    var operators: [ONNXOperator] = []
    for (index, node) in graph.model.nodes.enumerated() {
      let module = ONNXOperator(node, owners.take(node))
      tree.insert(module, at: Branch.path(of: node, index), index)
      operators.append(module)
    }
    self.operators = operators
    super.init(tree.modules)
  }

  /// Computes the model's first output.
  public override func forward(_ x: Tensor) -> Tensor {
    let input = graph.inputs[0].name
    do throws(StrataError) {
      let outputs = try graph.call([input: x]) { index, operand, body in
        operators[index].run(operand, body)
      }
      return outputs[0]
    } catch {
      return .invalid(error)
    }
  }

  /// The name of the model's graph.
  public override var typeName: String { "ONNX" }

  /// The shape of one image, `[C, H, W]`, with usual sizes where each call may choose.
  public var imageShape: Shape {
    let usual = [3, 224, 224]
    let shape = graph.inputs[0].shape ?? []
    guard shape.count == 4 else { return Shape(usual) }
    return Shape(
      zip(shape.dropFirst(), usual).map { dimension, usual in
        if case .size(let size) = dimension { size } else { usual }
      })
  }

  /// The number of images that a call must have, where the model fixes it.
  public var batchSize: Int? {
    guard case .size(let size)? = graph.inputs[0].shape?.first else { return nil }
    return size
  }
}

/// One operator of an ONNX model with the values that it alone, or it first, reads.
final class ONNXOperator: Module {
  private let node: ONNXNode
  private let state: NamedState

  /// What the call under way computes.
  private struct Body: @unchecked Sendable {
    // Holds because it is called only inside the call that binds it, on the same thread.
    let compute: () -> Tensor
  }
  @TaskLocal private static var body: Body?

  init(_ node: ONNXNode, _ state: NamedState) {
    self.node = node
    self.state = state
    super.init()
  }

  override var typeName: String { node.op }

  override func extraDescription(dialect: PrintDialect) -> String {
    node.attributes.sorted { $0.key < $1.key }.compactMap { name, value in
      value.text.map { "\(name)=\($0)" }
    }.joined(separator: ", ")
  }

  func run(_ operand: Tensor, _ body: () -> Tensor) -> Tensor {
    withoutActuallyEscaping(body) { body in
      Self.$body.withValue(Body(compute: body)) { self(operand) }
    }
  }

  override func forward(_ x: Tensor) -> Tensor {
    Self.body?.compute() ?? .invalid(StrataError(.argument, "\(node.op) is called through its model alone"))
  }
}

extension ONNXAttribute {
  /// The setting as it is printed; nil for what would fill pages.
  fileprivate var text: String? {
    switch self {
    case .integer(let value): "\(value)"
    case .float(let value): "\(value)"
    case .string(let value): value.count > 40 ? nil : value
    case .integers(let values): values.count > 16 ? nil : "\(values)"
    case .floats(let values): values.count > 16 ? nil : "\(values)"
    case .strings, .tensor, .other: nil
    }
  }
}

/// Gives each stored value to the first operator that reads it.
private struct ONNXState {
  private var variables: [String: Variable]

  init(_ graph: ONNXGraph) { variables = graph.parameters }

  mutating func take(_ node: ONNXNode) -> NamedState {
    var state = NamedState()
    var taken: Set<String> = []
    for (place, input) in node.inputs.enumerated() {
      guard let variable = variables.removeValue(forKey: input) else { continue }
      var name = input.split(separator: ".").last.map(String.init) ?? input
      if !taken.insert(name).inserted {
        name = input.replacing(".", with: "_")
        taken.insert(name)
      }
      // Moving averages are not trained.
      if node.op == "BatchNormalization", place >= 3 {
        state.buffers.append((name: name, buffer: StateBuffer(sharing: variable)))
      } else {
        state.parameters.append((name: name, parameter: Parameter(sharing: variable)))
      }
    }
    return state
  }
}

/// A part of the tree that the operators' names make.
private final class Branch {
  private var children: [(name: String, part: Part)] = []
  private var places: [String: Int] = [:]

  private enum Part {
    case branch(Branch)
    case leaf(ONNXOperator)
  }

  /// Deeper names are taken for one word.
  private static let greatestDepth = 16

  /// The parts of an operator's name: `/layer1/layer1.0/conv1/Conv` as PyTorch writes it, `layer1.0.conv1.Conv`.
  static func path(of node: ONNXNode, _ index: Int) -> [String] {
    let name = node.name.isEmpty ? "\(node.op)_\(index)" : node.name
    var parts = name.split { $0 == "/" || $0 == "." }.map(String.init)
    if parts.isEmpty { parts = ["\(node.op)_\(index)"] }
    return parts.count > greatestDepth ? [parts.joined(separator: "_")] : parts
  }

  /// Puts an operator where its name says; one that is all of its module, into the module's place.
  func insert(_ leaf: ONNXOperator, at path: [String], _ index: Int) {
    if path.count > 1, path.last == leaf.typeName, insert(leaf, path.dropLast()) { return }
    if insert(leaf, path[...]) { return }
    let name = path.joined(separator: "_")
    append(.leaf(leaf), places[name] == nil ? name : "\(name)_\(index)")
  }

  /// Whether there was room.
  private func insert(_ leaf: ONNXOperator, _ path: ArraySlice<String>) -> Bool {
    guard let first = path.first else { return false }
    switch (places[first].map { children[$0].part }, path.count) {
    case (.branch(let branch)?, 2...): return branch.insert(leaf, path.dropFirst())
    case (nil, 2...):
      let branch = Branch()
      append(.branch(branch), first)
      return branch.insert(leaf, path.dropFirst())
    case (nil, _):
      append(.leaf(leaf), first)
      return true
    default: return false
    }
  }

  private func append(_ part: Part, _ name: String) {
    places[name] = children.count
    children.append((name: name, part: part))
  }

  var modules: [(name: String, module: Module)] {
    children.map { name, part in
      switch part {
      case .branch(let branch): (name: name, module: ModuleDict(branch.modules))
      case .leaf(let leaf): (name: name, module: leaf)
      }
    }
  }
}
