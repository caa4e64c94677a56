import StrataCore
import StrataGraph
import StrataNN

extension ModelSummary {
  /// Reads a summary off a trace.
  package init(_ model: Module, _ trace: NetworkTrace) throws(StrataError) {
    var builder = SummaryBuilder(model, trace)
    builder.addRows()
    rows = builder.rows
    name = model.typeName
    input = trace.input
    output = trace.output
    weightBytes = model.parameters.reduce(0) { $0 + $1.elementCount * $1.dtype.byteCount }
    bufferBytes = model.buffers.reduce(0) { $0 + $1.shape.elementCount * $1.dtype.byteCount }
    parts = builder.parts
    uncounted = builder.uncounted
    let inference = try InferenceMemory(trace.graph)
    peakActivationBytes = inference.peakByteCount
    movedBytes = inference.movedByteCount
    training = TrainingMemory(trace)
    depth = trace.graph.weightedDepth
    spending = Spending(model, trace)
    ordinaryMACs = trace.graph.ordinaryMACs(trace.macs)
    let reach = builder.reachOfLastMap
    field = reach?.field
    stride = reach?.stride
  }
}

/// Assembles the lines of a summary: the tree of calls, with the operations of containers between them.
struct SummaryBuilder {
  private let trace: NetworkTrace
  private let model: Module
  private let reaches: [Reach?]
  /// What each node counts.
  private var counts: [OperationCounts]
  /// What each convention counts, by parts.
  private(set) var parts: [CountingConvention: [CountingConvention.Part: Int]] = [:]
  /// How many nodes of each name a convention counts nothing for.
  private var uncountedNames: [CountingConvention: [String: Int]] = [:]
  /// The nodes that each call's own code built.
  private var nodes: [Int: [Int]] = [:]
  /// The calls inside each call.
  private var inner: [Int: [ObservedCall]] = [:]
  /// The least node below each call.
  private var starts: [Int: Int] = [:]
  private var callCounts: [String: Int] = [:]
  private var countedParameters: Set<ObjectIdentifier> = []
  private var countedBuffers: Set<ObjectIdentifier> = []
  private var listedModules: Set<ObjectIdentifier> = []
  private(set) var rows: [ModelSummary.Row] = []

  init(_ model: Module, _ trace: NetworkTrace) {
    self.trace = trace
    self.model = model
    reaches = Reach.of(trace.graph)
    counts = Array(repeating: OperationCounts(), count: trace.graph.nodes.count)
    count()
    for (index, node) in trace.graph.nodes.enumerated() where node.op.leafSlot == nil {
      if case .full = node.op { continue }
      nodes[node.origin.call, default: []].append(index)
    }
    for call in trace.calls { if let caller = call.caller { inner[caller, default: []].append(call) } }
    // Inner calls have higher numbers than the one around them.
    for call in trace.calls.reversed() {
      let own = nodes[call.number]?.first
      starts[call.number] = (inner[call.number] ?? []).compactMap { starts[$0.number] }.reduce(own) { a, b in
        a.map { Swift.min($0, b) } ?? b
      }
    }
  }

  mutating func addRows() {
    if let root = trace.calls.first(where: { $0.caller == nil }) { add(root, depth: 0) }
    addUncalled()
  }

  /// Adds a call's line and those below it.
  private mutating func add(_ call: ObservedCall, depth: Int, within caller: String? = nil) {
    let calls = inner[call.number] ?? []
    let own = nodes[call.number] ?? []
    let isLeaf = calls.isEmpty && call.module.children.isEmpty
    callCounts[call.path, default: 0] += 1
    var row = ModelSummary.Row(
      kind: isLeaf ? .layer : .container, path: call.path, typeName: call.module.typeName, depth: depth,
      call: callCounts[call.path] ?? 1)
    row.caller = caller
    row.input = call.input.shape
    row.output = call.output.error == nil ? call.output.shape : nil
    row.kernel = call.module.window
    if isLeaf { countState(of: call.module, into: &row) }
    let place = rows.count
    rows.append(row)
    if isLeaf {
      for node in own { rows[place].add(node, counts[node], trace, reaches) }
      return
    }
    /// The lines right below this one.
    var below: [Int] = []
    addParameters(of: call, depth: depth + 1)
    below += (place + 1)..<rows.count
    var waiting = own[...]
    for inside in calls {
      while let node = waiting.first, node < starts[inside.number] ?? node {
        below.append(rows.count)
        add(operation: waiting.removeFirst(), call, depth)
      }
      below.append(rows.count)
      add(inside, depth: depth + 1, within: call.path)
    }
    for node in waiting {
      below.append(rows.count)
      add(operation: node, call, depth)
    }
    for line in below { rows[place].add(rows[line].figures) }
    if let last = rows.last { (rows[place].field, rows[place].stride) = (last.field, last.stride) }
  }

  /// Adds the line of an operation in a container's code.
  private mutating func add(operation node: Int, _ call: ObservedCall, _ depth: Int) {
    let operation = trace.graph.nodes[node]
    var row = ModelSummary.Row(
      kind: .operation, path: call.path, typeName: operation.op.name, depth: depth + 1,
      call: callCounts[call.path] ?? 1)
    row.input = operation.operands.first.map { trace.graph[$0].type.shape }
    row.add(node, counts[node], trace, reaches)
    rows.append(row)
  }

  /// Adds lines for the parameters and buffers that a container has itself.
  private mutating func addParameters(of call: ObservedCall, depth: Int) {
    for (name, parameter) in call.module.ownParameters {
      var row = ModelSummary.Row(
        kind: .parameter, path: dotted(call.path, name), typeName: "Parameter", depth: depth,
        call: callCounts[call.path] ?? 1)
      row.output = parameter.shape
      count(parameter, into: &row)
      rows.append(row)
    }
    for (name, buffer) in call.module.ownBuffers
    where countedBuffers.insert(ObjectIdentifier(buffer)).inserted {
      var row = ModelSummary.Row(
        kind: .parameter, path: dotted(call.path, name), typeName: "Buffer", depth: depth, call: 1)
      row.output = buffer.shape
      row.bufferElements = buffer.shape.elementCount
      rows.append(row)
    }
    listedModules.insert(ObjectIdentifier(call.module))
  }

  private mutating func countState(of module: Module, into row: inout ModelSummary.Row) {
    for (_, parameter) in module.ownParameters { count(parameter, into: &row) }
    for (_, buffer) in module.ownBuffers where countedBuffers.insert(ObjectIdentifier(buffer)).inserted {
      row.bufferElements += buffer.shape.elementCount
    }
    listedModules.insert(ObjectIdentifier(module))
  }

  private mutating func count(_ parameter: Parameter, into row: inout ModelSummary.Row) {
    if !countedParameters.insert(ObjectIdentifier(parameter)).inserted {
      row.sharedParameters += parameter.elementCount
    } else if parameter.requiresGrad {
      row.trainableParameters += parameter.elementCount
    } else {
      row.frozenParameters += parameter.elementCount
    }
  }

  /// Adds modules that were not called through `callAsFunction(_:)` but have parameters or buffers.
  private mutating func addUncalled() {
    var rest: [ModelSummary.Row] = []
    for (path, module) in model.namedModules where !listedModules.contains(ObjectIdentifier(module)) {
      var row = ModelSummary.Row(kind: .layer, path: path, typeName: module.typeName, depth: 1, call: 0)
      row.kernel = module.window
      countState(of: module, into: &row)
      if row.parameters + row.sharedParameters + row.bufferElements > 0 { rest.append(row) }
    }
    guard !rest.isEmpty, !rows.isEmpty else { return }
    rows += rest
    for row in rest { rows[0].add(row.figures) }
  }

  /// Counts every node by every convention.
  private mutating func count() {
    for convention in CountingConvention.allCases {
      var sums: [CountingConvention.Part: Int] = [:]
      var names: [String: Int] = [:]
      for (index, node) in trace.graph.nodes.enumerated() where node.op.leafSlot == nil {
        if case .full = node.op { continue }
        let found = convention.parts(node, macs: trace.macs[index], in: trace)
        if found.isEmpty { names[node.op.name, default: 0] += 1 }
        for (part, count) in found {
          counts[index][convention] += count
          sums[part, default: 0] += count
        }
      }
      parts[convention] = sums
      uncountedNames[convention] = names
    }
  }

  /// The operations that each convention counts nothing for, the most frequent first.
  var uncounted: [CountingConvention: [ModelSummary.Uncounted]] {
    uncountedNames.mapValues { names in
      names.map { ModelSummary.Uncounted(name: $0.key, count: $0.value) }
        .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    }
  }

  /// What the last map sees that is no mean of the whole image.
  var reachOfLastMap: Reach? {
    for (index, node) in trace.graph.nodes.enumerated().reversed() where node.makesMap {
      if let reach = reaches[index], reach.field != nil { return reach }
    }
    return nil
  }
}

extension ModelSummary.Row {
  /// Adds what a node costs; its result is the line's so far.
  fileprivate mutating func add(
    _ index: Int, _ counts: OperationCounts, _ trace: NetworkTrace, _ reaches: [Reach?]
  ) {
    let node = trace.graph.nodes[index]
    operations += counts
    if node.takesMemory { activationBytes += node.type.byteCount }
    if kind == .operation { output = node.type.shape }
    field = reaches[index]?.field
    stride = reaches[index].flatMap { $0.field == nil ? nil : $0.stride }
  }

  /// What is added up in the lines of containers.
  fileprivate struct Figures {
    let trainable: Int
    let frozen: Int
    let shared: Int
    let buffers: Int
    let activationBytes: Int
    let operations: OperationCounts
  }

  fileprivate var figures: Figures {
    Figures(
      trainable: trainableParameters, frozen: frozenParameters, shared: sharedParameters,
      buffers: bufferElements, activationBytes: activationBytes, operations: operations)
  }

  /// Adds the figures of a line below this one.
  fileprivate mutating func add(_ figures: Figures) {
    trainableParameters += figures.trainable
    frozenParameters += figures.frozen
    sharedParameters += figures.shared
    bufferElements += figures.buffers
    activationBytes += figures.activationBytes
    operations += figures.operations
  }
}

extension Module {
  /// The window of a convolution or pooling layer.
  fileprivate var window: IntPair? {
    switch self {
    case let layer as Conv2d: layer.kernelSize
    case let layer as MaxPool2d: layer.pooling.kernel
    case let layer as AvgPool2d: layer.pooling.kernel
    default: nil
    }
  }
}

/// A dotted path and a name below it.
func dotted(_ path: String, _ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
