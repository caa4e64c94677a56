import StrataCore
import StrataGraph

extension ONNX {
  /// How a graph becomes a model.
  public struct ExportOptions: Sendable {
    /// The name of the graph in the file.
    public var name = "main"
    /// Whether batch normalisations behind convolutions go into their weights.
    public var foldsBatchNorm = false
    /// Whether the first axis of inputs may have any size at each call, `N`; otherwise the traced one holds.
    public var hasOpenBatch = true

    /// Creates the usual options.
    public init() {}
  }

  /// What a leaf of a graph becomes.
  public enum Leaf: Sendable {
    /// A value that each call gives, under its name.
    case input(String)
    /// A stored value; without a name one is made up.
    case value(String?, HostTensor)
    /// The value that a variable has now, under the name that a state dictionary gives it.
    case variable(String?, Variable)
  }

  /// Exports what computes `outputs` from `inputs`: a call of a network that has not been evaluated.
  ///
  /// ```swift
  /// let image = Tensor.placeholder([2, 3, 224, 224])
  /// let model = try ONNX.export(inputs: [("image", image)], outputs: [("scores", network(image))], variables: …)
  /// ```
  ///
  /// Operators of opset 17 are written. A batch of 2 or more tells the batch axis apart from axes of size 1.
  /// - Parameter variables: The names of parameters and buffers, as a state dictionary has them.
  public static func export(
    inputs: [(name: String, tensor: Tensor)], outputs: [(name: String, tensor: Tensor)],
    variables: [(name: String, variable: Variable)] = [], options: ExportOptions = ExportOptions()
  ) throws(StrataError) -> ONNXModel {
    for (_, tensor) in inputs + outputs { if let error = tensor.error { throw error } }
    let trace = Trace(of: inputs.map(\.tensor) + outputs.map(\.tensor))
    var names: [UInt64: String] = [:]
    for (name, variable) in variables { names[variable.id] = name }
    var leaves: [Leaf] = trace.sources.map { source in
      switch source {
      case .value(let value): .value(nil, value)
      case .variable(let variable): .variable(names[variable.id], variable)
      case .placeholder: .input("")
      }
    }
    for (input, id) in zip(inputs, trace.graph.outputs) {
      guard case .input(let slot) = trace.graph[id].op.leafSlot else {
        throw StrataError(.argument, "the input \(quoted(input.name)) is computed and cannot be given")
      }
      leaves[slot] = .input(input.name)
    }
    if leaves.contains(where: { if case .input("") = $0 { true } else { false } }) {
      throw StrataError(.argument, "the outputs depend on a placeholder that is not among the inputs")
    }
    var graph = trace.graph
    graph.outputs = Array(graph.outputs.dropFirst(inputs.count))
    withExtendedLifetime(trace) {}
    return try export(graph, leaves: leaves, outputs: outputs.map(\.name), options: options)
  }

  /// Exports a graph.
  /// - Parameter leaves: What each leaf slot of the graph becomes.
  /// - Parameter outputs: The names of the graph's outputs.
  public static func export(
    _ graph: Graph, leaves: [Leaf], outputs: [String], options: ExportOptions = ExportOptions()
  ) throws(StrataError) -> ONNXModel {
    guard outputs.count == graph.outputs.count else {
      throw StrataError(
        .argument, "the graph has \(graph.outputs.count) outputs, and \(outputs.count) names are given")
    }
    var exporter = ONNXExporter(graph: graph, leaves: leaves, options: options)
    return try exporter.model(outputs: outputs)
  }
}

/// Walks a graph from its first node to its last and writes each as one or a few operators.
struct ONNXExporter {
  let graph: Graph
  let leaves: [ONNX.Leaf]
  let options: ONNX.ExportOptions
  /// The axis of each value whose size each call chooses.
  private(set) var batchAxes: [Int?] = []
  private var nodes: [ONNXNode] = []
  private var initializers = TensorArchive()
  /// The names of values that are there already.
  private var names: [NodeID: String] = [:]
  private var outputNames: [NodeID: String] = [:]
  private var taken: Set<String> = []
  private var constants: [[UInt8]: String] = [:]
  /// The batch normalisation that goes into each of these convolutions.
  var normalized: [NodeID: NodeID] = [:]

  init(graph: Graph, leaves: [ONNX.Leaf], options: ONNX.ExportOptions) {
    self.graph = graph
    self.leaves = leaves
    self.options = options
  }

  mutating func model(outputs: [String]) throws(StrataError) -> ONNXModel {
    var model = ONNXModel()
    model.producer = ("Strata", "")
    model.name = options.name
    batchAxes = try BatchAxes(graph: graph, leaves: leaves, isOpen: options.hasOpenBatch).axes()
    for (index, node) in graph.nodes.enumerated() {
      guard let slot = node.op.leafSlot?.index, case .input(let name) = leaves[slot] else { continue }
      names[NodeID(index)] = try reserve(name)
      model.inputs.append(ONNXValue(name, node.type.dtype, dimensions(NodeID(index))))
    }
    for (name, id) in zip(outputs, graph.outputs) {
      let name = try reserve(name)
      if graph[id].op.leafSlot == nil, outputNames[id] == nil { outputNames[id] = name }
      model.outputs.append(ONNXValue(name, graph[id].type.dtype, dimensions(id)))
    }
    reserveVariables()
    if options.foldsBatchNorm { findNormalizedConvolutions() }
    for (index, node) in graph.nodes.enumerated() where node.op.leafSlot == nil {
      let id = NodeID(index)
      // Made with its convolution.
      if names[id] == nil { try write(id) }
    }
    for (name, id) in zip(outputs, graph.outputs) where names[id] != name {
      nodes.append(
        ONNXNode("Identity", name: unique("\(name).Identity"), inputs: [try operand(id)], outputs: [name]))
    }
    model.nodes = nodes
    model.initializers = initializers
    return model
  }

  private func dimensions(_ id: NodeID) -> [ONNXValue.Dimension] {
    graph[id].type.shape.enumerated().map { axis, size in
      axis == batchAxes[id.index] ? .named("N") : .size(size)
    }
  }

  // MARK: - Names

  private mutating func reserve(_ name: String) throws(StrataError) -> String {
    guard !name.isEmpty, taken.insert(name).inserted else {
      throw StrataError(.argument, "inputs and outputs need names of their own, and \(quoted(name)) is none")
    }
    return name
  }

  private mutating func reserveVariables() {
    for leaf in leaves {
      switch leaf {
      case .variable(let name?, _), .value(let name?, _): taken.insert(name)
      case .input, .variable, .value: break
      }
    }
  }

  private mutating func unique(_ wanted: String) -> String {
    var (name, number) = (wanted, 1)
    while !taken.insert(name).inserted {
      name = "\(wanted)_\(number)"
      number += 1
    }
    return name
  }

  // MARK: - Values

  /// The name of a value, which is stored now if it is a leaf that was not asked for before.
  mutating func operand(_ id: NodeID) throws(StrataError) -> String {
    if let name = names[id] { return name }
    guard let slot = graph[id].op.leafSlot?.index else {
      throw StrataError(.engine, "\(id) is read before it is computed")
    }
    let (wanted, value): (String?, HostTensor)
    switch leaves[slot] {
    case .input(let name): return name
    case .value(let name, let tensor): (wanted, value) = (name, tensor)
    case .variable(let name, let variable): (wanted, value) = (name, variable.stored)
    }
    let name = wanted ?? unique("value")
    initializers[name] = value
    names[id] = name
    return name
  }

  /// The numbers of a value that no call changes, or nil.
  func known(_ id: NodeID) -> HostTensor? {
    if case .full(let shape, let dtype, let value) = graph[id].op {
      return .filled(value, shape: shape, dtype: dtype)
    }
    guard let slot = graph[id].op.leafSlot?.index else { return nil }
    switch leaves[slot] {
    case .input: return nil
    case .value(_, let tensor): return tensor
    case .variable(_, let variable): return variable.stored
    }
  }

  /// The name under which a known value is stored.
  func storedName(_ id: NodeID) -> String? {
    guard let slot = graph[id].op.leafSlot?.index else { return nil }
    switch leaves[slot] {
    case .input: return nil
    case .value(let name, _), .variable(let name, _): return name
    }
  }

  /// A stored value under a name of its own.
  mutating func store(_ tensor: HostTensor, _ wanted: String) -> String {
    let name = unique(wanted)
    initializers[name] = tensor
    return name
  }

  /// Stores a value under a name that the graph's own value of that name no longer needs.
  mutating func replace(_ tensor: HostTensor, _ name: String) { initializers[name] = tensor }

  /// A small stored value; equal ones are stored once.
  mutating func constant(_ tensor: HostTensor) -> String {
    let key = Array("\(tensor.dtype.rawValue)\(tensor.shape)".utf8) + Array(tensor.bytes)
    defer { withExtendedLifetime(tensor) {} }
    if let name = constants[key] { return name }
    let name = store(tensor, "constant")
    constants[key] = name
    return name
  }

  mutating func constant(_ values: [Int]) -> String { constant(HostTensor(values)) }

  mutating func scalar(_ value: Double, _ dtype: DType) -> String {
    constant(HostTensor.filled(value, shape: [], dtype: dtype))
  }

  /// Appends an operator that computes a step towards a node, and gives the name of its result.
  mutating func emit(
    _ op: String, _ inputs: [String], _ attributes: [String: ONNXAttribute] = [:], for id: NodeID
  ) -> String {
    append(op, inputs, attributes, id, output: nil)
  }

  /// Appends the operator whose result is a node's.
  mutating func finish(
    _ op: String, _ inputs: [String], _ attributes: [String: ONNXAttribute] = [:], _ id: NodeID
  ) {
    names[id] = append(op, inputs, attributes, id, output: outputNames[id])
  }

  /// Appends the operator one of whose several results is a node's.
  mutating func finish(
    _ op: String, _ inputs: [String], _ attributes: [String: ONNXAttribute], _ id: NodeID, resultNumber: Int
  ) {
    finish(op, inputs, attributes, id)
    let last = nodes.count - 1
    // Those in front of it have names that nothing reads.
    for _ in 0..<resultNumber { nodes[last].outputs.insert(unique("\(nodes[last].name).unused"), at: 0) }
    if resultNumber == 0 { nodes[last].outputs.append(unique("\(nodes[last].name).unused")) }
  }

  /// Makes a node's result the same as that of another, which was just computed.
  mutating func alias(_ id: NodeID, to other: NodeID) { names[id] = names[other] }

  /// The name that an output asks for, passed on to the node that computes it instead.
  mutating func passOutputName(from id: NodeID, to other: NodeID) { outputNames[other] = outputNames[id] }

  private mutating func append(
    _ op: String, _ inputs: [String], _ attributes: [String: ONNXAttribute], _ id: NodeID, output: String?
  ) -> String {
    let path = graph[id].origin.path
    let name = unique(path.isEmpty ? op : "\(path).\(op)")
    let result = output ?? unique("\(name).output")
    nodes.append(ONNXNode(op, name: name, inputs: inputs, outputs: [result], attributes: attributes))
    return result
  }
}
