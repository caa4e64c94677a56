import StrataCore
import StrataGraph
import StrataNN

/// The figures of a layer, each unfolded into its formula, its numbers and where they come from.
public struct LayerExplanation: Sendable {
  /// A figure.
  public struct Figure: Sendable, Hashable {
    /// What it is: `Parameters`.
    public let name: String
    /// Its value with the numbers that give it: `36,864 = 64 · 64 / 1 · 3 · 3`.
    public let value: String
    /// The formula in words, or where it comes from; empty where the value says it all.
    public let formula: String
  }

  /// The layer, its settings, the network and its input.
  public let heading: String
  /// The figures.
  public let figures: [Figure]

  /// Explains a layer, a container or the network itself; throws where there is none at the path.
  public init(_ model: Module, layer path: String, input: Shape) throws(StrataError) {
    let module = try model.submodule(path)
    let trace = try NetworkTrace(model, input: input)
    let summary = try ModelSummary(model, trace)
    let rows = summary.rows.filter {
      $0.path == path && $0.call > 0 && $0.kind != .operation && $0.kind != .parameter
    }
    let setting = module.children.isEmpty ? "(\(module.extraDescription(dialect: .torch2_15)))" : ""
    heading =
      "\(path.isEmpty ? "" : path + "  ")\(module.typeName)\(setting)\nin \(model.typeName) on \(input)"
    guard let row = rows.first else {
      let calls = Figure(name: "Calls", value: "none", formula: "the network does not call it")
      let parameters = Figure(
        name: "Parameters", value: Text.grouped(module.parameterCount),
        formula: "part of the network all the same")
      figures = [calls] + (module.parameterCount > 0 ? [parameters] : [])
      return
    }
    var writer = ExplanationWriter(
      module, path, row, calls: rows.count, trace, summary)
    writer.write()
    figures = writer.figures
  }

  /// The figures as lines: value first, formula behind it.
  public var text: String {
    let names = figures.map { Text.width($0.name) }.max() ?? 0
    let values =
      figures.filter { !$0.formula.isEmpty }.map { Text.width($0.value) }.filter { $0 < 70 }.max() ?? 0
    let lines = figures.map { figure in
      let name = figure.name + String(repeating: " ", count: names - Text.width(figure.name) + 2)
      guard !figure.formula.isEmpty else { return name + figure.value }
      let padding = String(repeating: " ", count: max(2, values - Text.width(figure.value) + 3))
      return name + figure.value + padding + figure.formula
    }
    return heading + "\n\n" + lines.joined(separator: "\n")
  }
}

/// Finds the numbers behind a layer's figures.
private struct ExplanationWriter {
  let module: Module
  let path: String
  let row: ModelSummary.Row
  let calls: Int
  let trace: NetworkTrace
  let summary: ModelSummary
  private let reaches: [Reach?]
  /// The nodes that the layer's own code built at its first call.
  private let own: [Int]
  private(set) var figures: [LayerExplanation.Figure] = []

  init(
    _ module: Module, _ path: String, _ row: ModelSummary.Row, calls: Int, _ trace: NetworkTrace,
    _ summary: ModelSummary
  ) {
    self.module = module
    self.path = path
    self.row = row
    self.calls = calls
    self.trace = trace
    self.summary = summary
    reaches = Reach.of(trace.graph)
    let call = trace.calls.first { $0.path == path }?.number
    own = trace.graph.nodes.indices.filter { index in
      let node = trace.graph.nodes[index]
      return node.op.leafSlot == nil && node.origin.call == call
    }
  }

  private mutating func add(_ name: String, _ value: String, _ formula: String = "") {
    figures.append(LayerExplanation.Figure(name: name, value: value, formula: formula))
  }

  private func grouped(_ value: Int) -> String { Text.grouped(value) }

  mutating func write() {
    if calls > 1 { add("Calls", "\(calls)", "figures are those of the first call; parameters count once") }
    addInput()
    if module.children.isEmpty {
      addSizes()
      addParameters()
      addMACs()
    } else {
      addSums()
    }
    add("Share", Text.percent(row.macs, of: summary.macs), "of \(grouped(summary.macs)) MACs of the network")
    addOperations()
    addResults()
    addField()
    addReaders()
    if let link = module.source { add("Source", link) }
  }

  /// What the input is and which operation made it.
  private mutating func addInput() {
    guard let input = row.input else { return }
    var maker = ""
    if let call = trace.calls.first(where: { $0.path == path }), call.input.error == nil {
      let graph = Trace(of: [call.input]).graph
      let node = graph[graph.outputs[0]]
      if case .input = node.op {
        maker = "the network's input"
      } else {
        maker = "from \(node.origin.label), \(node.op.name)"
      }
    }
    add("Input", input.description, maker)
    if let output = row.output { add("Output", output.description) }
  }

  private mutating func addSizes() {
    guard let index = own.first(where: { trace.graph.nodes[$0].makesMap }) else { return }
    let node = trace.graph.nodes[index]
    let image = trace.graph[node.operands[0]].type.shape
    let output = node.type.shape
    var isRoundedUp = false
    let settings: (kernel: IntPair, stride: IntPair, padding: IntPair, dilation: IntPair)
    switch node.op {
    case .conv2d(let convolution, _):
      let weights = trace.graph[node.operands[1]].type.shape
      settings = (
        IntPair(weights[2], weights[3]), convolution.stride, convolution.padding, convolution.dilation
      )
    case .maxPool2d(let pooling), .averagePool2d(let pooling):
      settings = (pooling.kernel, pooling.stride, pooling.padding, pooling.dilation)
      isRoundedUp = pooling.roundsUp
    default: return
    }
    let (left, right) = isRoundedUp ? ("⌈", "⌉") : ("⌊", "⌋")
    let formula = "\(left)(size + 2·padding − dilation·(kernel − 1) − 1) / stride\(right) + 1"
    func line(_ size: Int, _ result: Int, _ side: KeyPath<IntPair, Int>) -> String {
      let (k, s) = (settings.kernel[keyPath: side], settings.stride[keyPath: side])
      let (p, d) = (settings.padding[keyPath: side], settings.dilation[keyPath: side])
      let span = size + 2 * p - d * (k - 1) - 1
      // A window that would begin beyond the image and its border at the near side is left out.
      let windows = (isRoundedUp ? (span + s - 1) / s : span / s) + 1
      let cut = windows > result ? " − 1, which would begin outside" : ""
      return "\(result) = \(left)(\(size) + 2·\(p) − \(d)·(\(k) − 1) − 1) / \(s)\(right) + 1\(cut)"
    }
    add("Height", line(image[2], output[2], \.height), formula)
    add("Width", line(image[3], output[3], \.width), formula)
  }

  private mutating func addParameters() {
    let shared = row.parameters == 0 && row.sharedParameters > 0
    switch module {
    case let layer as Conv2d:
      let weights = """
        \(layer.outChannels)·\(layer.inChannels)/\(layer.groups)·\(layer.kernelSize.height)·\(layer.kernelSize.width)
        """
      let bias = layer.bias == nil ? "" : " + \(layer.outChannels)"
      add(
        "Parameters", "\(grouped(layer.parameterCount)) = \(weights)\(bias)",
        "out · in / groups · kernel height · kernel width"
          + (bias.isEmpty ? ", no bias" : " + out for the bias"))
    case let layer as Linear:
      let bias = layer.bias == nil ? "" : " + \(layer.outFeatures)"
      add(
        "Parameters", "\(grouped(layer.parameterCount)) = \(layer.outFeatures)·\(layer.inFeatures)\(bias)",
        "out · in" + (bias.isEmpty ? ", no bias" : " + out for the bias"))
    default:
      guard module.parameterCount > 0 else { return }
      let parts = module.ownParameters.map { name, parameter in
        "\(name) \(parameter.shape.map(String.init).joined(separator: "·"))"
      }
      add("Parameters", "\(grouped(module.parameterCount)) = \(parts.joined(separator: " + "))")
    }
    if shared { add("Counted", "under another layer that shares them") }
    if row.bufferElements > 0 {
      let parts = module.ownBuffers.map { "\($0.name) \($0.buffer.shape.elementCount)" }
      add("Buffers", "\(grouped(row.bufferElements)) = \(parts.joined(separator: " + "))", "not trained")
    }
  }

  private mutating func addMACs() {
    for index in own {
      let node = trace.graph.nodes[index]
      let macs = trace.macs[index]
      guard macs > 0 else { continue }
      let result = node.type.shape.map(String.init).joined(separator: "·")
      switch node.op {
      case .conv2d:
        let weights = trace.graph[node.operands[1]].type.shape
        add(
          "MACs",
          "\(grouped(macs)) = \(result)·(\(weights.dropFirst().map(String.init).joined(separator: "·")))",
          "elements of the result · weights that meet in each (in / groups · kernel)")
      case .linear:
        add(
          "MACs", "\(grouped(macs)) = \(result)·\(trace.graph[node.operands[1]].type.shape[1])",
          "elements of the result · inputs of each")
      default:
        add("MACs", "\(grouped(macs))", "elements of the result · size of the axis that is summed over")
      }
    }
    if row.macs == 0 { add("MACs", "0", "neither a convolution nor a matrix product") }
  }

  /// The figures of a container: what lies directly in it.
  private mutating func addSums() {
    guard let start = summary.rows.firstIndex(of: row) else { return }
    let inside = summary.rows[(start + 1)...].prefix { $0.depth > row.depth && $0.call > 0 }
      .filter { $0.depth == row.depth + 1 }
    func sum(_ figure: (ModelSummary.Row) -> Int) -> String {
      let parts = inside.filter { figure($0) > 0 }
      let shown = parts.map { "\(grouped(figure($0))) \($0.kind == .operation ? $0.typeName : $0.path)" }
      return grouped(parts.reduce(0) { $0 + figure($1) }) + " = "
        + (shown.isEmpty ? "0" : shown.joined(separator: " + "))
    }
    add("Parameters", sum { $0.parameters })
    add("MACs", sum { $0.macs })
  }

  /// What other conventions count.
  private mutating func addOperations() {
    let counts = CountingConvention.allCases.dropFirst().map {
      "\($0.rawValue) \(grouped(row.operations[$0]))"
    }
    add(
      "Other counts", counts.joined(separator: ", "), "`strata summary MODEL --convention all` has the rules")
  }

  private mutating func addResults() {
    let bytes = row.activationBytes
    guard bytes > 0, module.children.isEmpty, let output = row.output, output.elementCount * 4 == bytes else {
      let reason = bytes > 0 ? "the sum of what lies inside" : "written over its input, or a view of it"
      add("Results", Text.bytes(Double(bytes)), reason)
      return
    }
    add(
      "Results", "\(grouped(bytes)) bytes = \(output.map(String.init).joined(separator: "·"))·4",
      "elements of the result · bytes of each")
  }

  private mutating func addField() {
    guard let index = own.first(where: { trace.graph.nodes[$0].makesMap }), let after = reaches[index],
      let operand = trace.graph.nodes[index].operands.first, let before = reaches[operand.index],
      let field = after.field, let previous = before.field, let kernel = row.kernel
    else {
      let source = module.children.isEmpty ? "as its input" : "of its result, the largest of all ways to it"
      if let field = row.field { add("Receptive field", field.times, source) }
      return
    }
    var dilation = IntPair(1)
    if case .conv2d(let settings, _) = trace.graph.nodes[index].op { dilation = settings.dilation }
    if case .maxPool2d(let pooling) = trace.graph.nodes[index].op { dilation = pooling.dilation }
    add(
      "Receptive field",
      "\(field.height) = \(previous.height) + (\(kernel.height) − 1)·\(dilation.height)·\(before.stride.height)",
      "field of the input + (kernel − 1) · dilation · stride of the input, in pixels of the image")
    add("Stride", after.stride.times, "pixels between neighbours: the product of all strides so far")
  }

  private mutating func addReaders() {
    guard let last = own.last else { return }
    let readers = trace.graph.nodes.filter { $0.operands.contains(NodeID(last)) }
    let names = readers.map { $0.origin.path.isEmpty ? $0.op.name : "\($0.origin.path) (\($0.op.name))" }
    add("Read by", names.isEmpty ? "nobody: it is the result" : Text.list(names))
  }
}

extension Module {
  /// Where the layer's definition can be read.
  fileprivate var source: String? {
    switch self {
    case is Conv2d, is Linear, is BatchNorm2d, is MaxPool2d, is AvgPool2d, is AdaptiveAvgPool2d, is LayerNorm,
      is ActivationLayer, is Dropout, is Flatten, is Sequential:
      let name = String(describing: type(of: self))
      let known = [
        "Conv2d", "Linear", "BatchNorm2d", "MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d", "LayerNorm", "ReLU",
        "ReLU6", "Hardswish", "Hardsigmoid", "Sigmoid", "SiLU", "Tanh", "GELU", "LeakyReLU", "Dropout",
        "Flatten",
        "Sequential",
      ]
      guard known.contains(name) else { return nil }
      return "https://docs.pytorch.org/docs/stable/generated/torch.nn.\(name).html"
    default: return nil
    }
  }
}
