import StrataCore
import StrataGraph
import StrataRuntime

/// A module's forward pass for inputs of one type, recorded once and then run for one input after the other
/// (`torch.compile`, `torch.jit.trace`).
///
/// Every call of a module builds its graph anew and looks for the plan that fits. A compiled module did so when it was
/// made, which spares some tenths of a millisecond: much of what a small network takes.
///
///     let classify = try model.eval().compiled(for: [1, 3, 224, 224])
///     let scores = try classify(image)
///
/// Parameters and buffers are read at each call: weights that are loaded or trained later count. All else stays as it
/// was: the module's structure, its mode, what `forward(_:)` decided in Swift, the engine's threads and precision.
/// Several threads may call it at once.
public struct CompiledModule: Sendable {
  /// The shape and element type of inputs.
  public let inputType: TensorType
  /// The shape and element type of results.
  public var outputType: TensorType { trace.graph[trace.graph.outputs[0]].type }

  private let trace: Trace
  private let variables: [Variable]
  private let executable: any Executable

  fileprivate init(_ module: Module, _ inputType: TensorType) throws(StrataError) {
    if let (name, training) = module.namedModules.first(where: { $0.module.isTraining }) {
      let label = ModuleOrigin(path: name, typeName: training.typeName).label
      throw StrataError(
        .argument, "\(label) is in training mode; only evaluation can be compiled: call eval() first")
    }
    // What waits to be stored would be recorded as a computation, and then be done at each call.
    try Tensor.evaluate([], updating: module.stateEntries.map(\.variable))
    let result = module(Tensor.placeholder(inputType.shape, dtype: inputType.dtype))
    if let error = result.error { throw error }
    let trace = Trace(of: [result])
    self.inputType = inputType
    self.trace = trace
    variables = trace.sources.compactMap { if case .variable(let variable) = $0 { variable } else { nil } }
    // The input takes the place of every placeholder.
    let placeholders = trace.graph.nodes.filter { node in
      guard case .input(let slot) = node.op.leafSlot, case .placeholder = trace.sources[slot] else {
        return false
      }
      return true
    }
    guard placeholders.count <= 1, placeholders.allSatisfy({ $0.type == inputType }) else {
      throw StrataError(
        .argument, "\(module.typeName) depends on a placeholder that is not its input and has no numbers")
    }
    executable = try Engine.executable(for: trace.graph)
  }

  /// Computes the result for an input; throws where its shape or element type is not `inputType`'s.
  public func callAsFunction(_ input: HostTensor) throws(StrataError) -> HostTensor {
    guard TensorType(input.shape, input.dtype) == inputType else {
      throw StrataError(
        .shape,
        "compiled for \(inputType), got \(TensorType(input.shape, input.dtype)); compile for that as well")
    }
    try Tensor.evaluate([], updating: variables)
    return try executable.run(Engine.leafValues(trace, input: input))[0]
  }

  /// Computes the result for a tensor, which is evaluated first.
  public func callAsFunction(_ input: Tensor) throws(StrataError) -> Tensor {
    Tensor(try self(try input.value()))
  }
}

extension Module {
  /// The forward pass for inputs of a shape, recorded once and prepared (`torch.compile`). The module must be in
  /// evaluation mode, and its forward pass must not need an input's numbers to decide what to compute.
  public final func compiled(for shape: Shape, dtype: DType = .float32) throws(StrataError) -> CompiledModule
  {
    try CompiledModule(self, TensorType(shape, dtype))
  }
}
