import StrataCore
import StrataGraph
import StrataNN

/// A network's call on a placeholder in evaluation mode: the graph, and the calls of modules that built it.
/// Nothing is computed and no weight allocated.
package struct NetworkTrace {
  package let graph: Graph
  /// The shape that the network was called with.
  package let input: Shape
  /// The shape of the result.
  package let output: Shape
  /// The calls of modules in the order in which they began, the network's own first.
  let calls: [ObservedCall]
  /// The variables by their leaf slots.
  let variables: [Int: Variable]
  /// The module whose code built each node, by the number of its call.
  let modules: [Int: Module]
  /// The multiplications, each with an addition, of every node.
  let macs: [Int]

  /// Calls the network; throws where it cannot take the input, with a size that it can where there is one.
  package init(_ model: Module, input: Shape) throws(StrataError) {
    try MachineMemory.current.requireRoom(forInput: input)
    let (result, calls) = model.inEvaluation { CallLog.watch { model(Tensor.placeholder(input)) } }
    if let error = result.error { throw InputSize.explain(error, model, input) }
    self.init(of: result, input: input, calls: calls)
  }

  /// What led to a tensor.
  init(of result: Tensor, input: Shape, calls: [ObservedCall]) {
    let trace = Trace(of: [result])
    graph = trace.graph
    self.input = input
    output = result.shape
    self.calls = calls
    variables = trace.sources.enumerated().reduce(into: [:]) { variables, source in
      if case .variable(let variable) = source.element { variables[source.offset] = variable }
    }
    modules = calls.reduce(into: [:]) { $0[$1.number] = $1.module }
    macs = trace.graph.macs
  }
}

extension Module {
  /// Calls `body` while all modules are in evaluation mode, and puts them back into theirs.
  func inEvaluation<Result>(_ body: () -> Result) -> Result {
    let modes = modules.map { (module: $0, isTraining: $0.isTraining) }
    guard modes.contains(where: \.isTraining) else { return body() }
    eval()
    // Parents come first: a child whose mode differs from theirs is put right after them.
    defer { for (module, mode) in modes where module.isTraining != mode { module.train(mode) } }
    return body()
  }
}

extension Node {
  /// Whether the result takes memory of its own: it is neither another view of the operand nor a nonlinearity,
  /// which is applied where its operand lies.
  var takesMemory: Bool {
    switch op {
    case .input, .variable, .full, .reshape, .broadcast, .activation: false
    default: true
    }
  }
}
