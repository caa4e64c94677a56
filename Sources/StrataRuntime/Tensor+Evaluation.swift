import StrataCore
import StrataGraph
import StrataPasses

extension Tensor {
  /// Computes several tensors in one run, with the state updates that wait in their graph, and those of `variables`
  /// wherever they wait.
  public static func evaluate(
    _ tensors: [Tensor], updating variables: [Variable] = []
  ) throws(StrataError) {
    let updates = variables.compactMap(\.pending)
    for tensor in tensors + updates { if let error = tensor.error { throw error } }
    let waiting = tensors.filter { $0.knownValue == nil }
    guard !waiting.isEmpty || !updates.isEmpty else { return }
    let trace = Trace(of: waiting, along: updates)
    trace.finish(try Engine.run(trace))
  }

  /// Computes the tensor; afterwards reading it costs nothing.
  public func evaluate() throws(StrataError) { try Tensor.evaluate([self]) }

  /// The numbers, computed where they are not known yet.
  public func value() throws(StrataError) -> HostTensor {
    try evaluate()
    guard let value = knownValue else { throw StrataError(.engine, "the tensor has a shape but no numbers") }
    return value
  }

  /// The numbers in row-major order, converted where `Scalar` is another type than the tensor's.
  /// Traps where the tensor cannot be computed; `value()` throws instead.
  public func scalars<Scalar: TensorScalar>(as type: Scalar.Type = Scalar.self) -> [Scalar] {
    evaluated.scalars(as: type)
  }

  /// The only number of a tensor that holds one, as `torch.Tensor.item`.
  public func item<Scalar: TensorScalar>(as type: Scalar.Type = Scalar.self) -> Scalar {
    precondition(type == type && shape.elementCount == 1, "item() needs one element, got \(shape)")
    return scalars(as: type)[0]
  }

  private var evaluated: HostTensor {
    do throws(StrataError) { return try value() } catch { preconditionFailure(error.message) }
  }
}

extension Tensor: CustomStringConvertible {
  /// The numbers as PyTorch prints them, or the error of a tensor that has none.
  public var description: String {
    do throws(StrataError) { return try value().description } catch {
      return "invalid tensor: \(error.message)"
    }
  }
}

extension Variable {
  /// The value, after the update that waits for it.
  public func value() throws(StrataError) -> HostTensor {
    if let pending { try pending.evaluate() }
    return stored
  }
}

extension Engine {
  /// Runs a trace with the current configuration. New values of variables are written over the old ones where
  /// nobody else refers to these.
  static func run(_ trace: Trace) throws(StrataError) -> [HostTensor] {
    var leaves = try leafValues(trace)
    let executable = try executable(for: trace.graph)
    var lenders: [Int: Variable] = [:]
    var renewals: [Int: Int] = [:]
    for (number, variable) in trace.updatedVariables.enumerated() {
      let result = trace.graph.outputs.count + number
      guard variable.type.byteCount >= renewalThreshold, let leaf = trace.leaf(of: variable),
        lenders[leaf] == nil, executable.canRenew(leaf: leaf, as: result),
        let version = leaves[leaf].identity?.version, variable.lend(version: version)
      else { continue }
      if leaves[leaf].value.isUniquelyReferenced() {
        lenders[leaf] = variable
        renewals[result] = leaf
      } else {
        variable.takeBack(leaves[leaf].value)
      }
    }
    do throws(StrataError) { return try executable.run(leaves, renewing: renewals) } catch {
      for (leaf, variable) in lenders { variable.takeBack(leaves[leaf].value) }
      throw error
    }
  }

  /// Bytes from which it pays to write over an old value.
  private static let renewalThreshold = 1 << 14

  /// Runs a trace and measures its steps; nodes are those of `plan(trace)`.
  public static func profile(_ trace: Trace) throws(StrataError) -> [StepTiming] {
    let leaves = try leafValues(trace)
    return try executable(for: trace.graph).profile(leaves).steps
  }

  /// The present values of a trace's leaves, with `input` in the place of its placeholder if there is one.
  package static func leafValues(_ trace: Trace, input: HostTensor? = nil) throws(StrataError) -> [LeafValue]
  {
    var leaves: [LeafValue] = []
    leaves.reserveCapacity(trace.sources.count)
    for source in trace.sources {
      switch source {
      case .value(let value): leaves.append(LeafValue(value))
      case .variable(let variable):
        let (value, version) = variable.snapshot
        leaves.append(
          LeafValue(value, identity: VariableIdentity(variable: variable.id, version: version)))
      case .placeholder:
        guard let input else {
          throw StrataError(.argument, "a placeholder has a shape but no numbers to compute with")
        }
        leaves.append(LeafValue(input))
      }
    }
    return leaves
  }

  /// The prepared plan of a graph, from the cache where one of the same structure is there.
  package static func executable(for graph: Graph) throws(StrataError) -> any Executable {
    let configuration = configuration
    let key = PlanCache.Key(
      structure: graph.structuralKey, pipeline: configuration.pipeline, backend: configuration.backend.name,
      threads: threadCount)
    return try PlanCache.current.executable(key) { () throws(StrataError) in
      let plan = try configuration.pipeline.plan(graph, for: configuration.backend.capabilities)
      return try configuration.backend.compile(plan)
    }
  }

  /// The plan that a trace would run by, for tests and reports.
  public static func plan(_ trace: Trace) throws(StrataError) -> Plan {
    try configuration.pipeline.plan(trace.graph, for: configuration.backend.capabilities)
  }
}
