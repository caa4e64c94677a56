import StrataCore
import StrataGraph

extension ONNX {
  /// Loads a model so that it can be called.
  public static func load(_ path: String) throws(StrataError) -> ONNXGraph {
    try ONNXGraph(try read(path), name: path)
  }
}

/// An ONNX model that can be called: its operators become operations on tensors.
///
/// ```swift
/// let network = try ONNX.load("model.onnx")
/// let scores = try network(["image": image])[0]
/// ```
public struct ONNXGraph: Sendable {
  /// The model as it was read.
  public let model: ONNXModel
  /// The stored values of real numbers, by name; storing others changes what calls compute.
  public let parameters: [String: Variable]
  private let name: String

  /// The elements that a value may have: enough for any network, and far from where numbers overflow.
  private static let greatestCount = 1 << 40

  /// Prepares a model; operators that are not known are refused here and not in the middle of a call.
  /// - Parameter name: What messages call it.
  public init(_ model: ONNXModel, name: String = "ONNX") throws(StrataError) {
    self.model = model
    self.name = name
    let unknown = Set(
      model.nodes.filter { !$0.domain.isEmpty || ONNXOperators.all[$0.op] == nil }
        .map { $0.domain.isEmpty ? $0.op : "\($0.domain).\($0.op)" })
    guard unknown.isEmpty else {
      let list = unknown.sorted().map { quoted($0) }.joined(separator: ", ")
      throw StrataError(.format, "\(name): the model has operators that are not supported: \(list)")
    }
    var parameters: [String: Variable] = [:]
    for (name, value) in model.initializers where value.dtype.isFloatingPoint && value.shape.rank > 0 {
      parameters[name] = Variable(value)
    }
    self.parameters = parameters
  }

  /// The values that a call must give; older models list stored ones among their inputs as well.
  public var inputs: [ONNXValue] { model.inputs.filter { model.initializers[$0.name] == nil } }

  /// Calls a model of one input and gives its first output.
  public func callAsFunction(_ input: Tensor) throws(StrataError) -> Tensor {
    guard inputs.count == 1, let only = inputs.first else {
      throw StrataError(.argument, "\(name): the model has \(inputs.count) inputs, which need their names")
    }
    guard let output = try self([only.name: input]).first else {
      throw StrataError(.argument, "\(name): the model has no outputs")
    }
    return output
  }

  /// Calls the model; nothing is computed before a result is read.
  /// - Returns: The outputs in the model's order.
  public func callAsFunction(_ given: [String: Tensor]) throws(StrataError) -> [Tensor] {
    try call(given) { _, _, body in body() }
  }

  /// Calls the model and lets `surround` run each operator that computes something: it is given the operator's
  /// number, its first operand, and what computes its first result.
  package func call(
    _ given: [String: Tensor], surrounding surround: (Int, Tensor, () -> Tensor) -> Tensor
  ) throws(StrataError) -> [Tensor] {
    var values: [String: ONNXOperand] = [:]
    for (name, value) in model.initializers {
      values[name] = ONNXOperand(tensor: parameters[name]?.tensor ?? Tensor(value), known: value)
    }
    for input in inputs {
      guard let tensor = given[input.name] else {
        throw StrataError(.argument, "\(name): the input \(quoted(input.name)) is missing")
      }
      try check(tensor, input)
      values[input.name] = ONNXOperand(tensor: tensor, known: nil)
    }
    for extra in given.keys.sorted() where !inputs.contains(where: { $0.name == extra }) {
      throw StrataError(.argument, "\(name): the model has no input \(quoted(extra))")
    }
    for index in model.nodes.indices { try run(index, &values, surround) }
    var results: [Tensor] = []
    for output in model.outputs {
      guard let value = values[output.name] else {
        throw StrataError(.format, "\(name): no operator computes the output \(quoted(output.name))")
      }
      results.append(value.tensor)
    }
    return results
  }

  private func check(_ tensor: Tensor, _ input: ONNXValue) throws(StrataError) {
    if let error = tensor.error { throw error }
    let label = "\(name): the input \(quoted(input.name))"
    if let dtype = input.dtype, dtype != tensor.dtype {
      throw StrataError(.argument, "\(label) is \(dtype.rawValue), got \(tensor.type)")
    }
    guard let shape = input.shape else { return }
    let fits =
      shape.count == tensor.rank
      && zip(shape, tensor.shape).allSatisfy { expected, size in
        if case .size(let wanted) = expected { wanted == size } else { true }
      }
    guard fits else {
      let expected = "[" + shape.map(\.description).joined(separator: ", ") + "]"
      throw StrataError(.argument, "\(label) has the shape \(expected), got \(tensor.shape)")
    }
  }

  private func run(
    _ number: Int, _ values: inout [String: ONNXOperand], _ surround: (Int, Tensor, () -> Tensor) -> Tensor
  ) throws(StrataError) {
    let node = model.nodes[number]
    var operands: [ONNXOperand?] = []
    for input in node.inputs {
      guard !input.isEmpty else {
        operands.append(nil)
        continue
      }
      guard let value = values[input] else {
        throw StrataError(
          .format, "\(name): \(quoted(node.name)) (\(node.op)) reads \(quoted(input)), which is not there yet"
        )
      }
      operands.append(value)
    }
    let call = ONNXCall(node: node, operands: operands, opset: model.opset, model: name)
    var results: [ONNXOperand] = []
    if let folded = try call.folded() {
      results = [ONNXOperand(tensor: Tensor(folded), known: folded)]
    } else {
      var failure: StrataError?
      func body() -> Tensor {
        do throws(StrataError) { results = try call.run() } catch { failure = error }
        return results.first?.tensor ?? .invalid(failure ?? call.error("has no result"))
      }
      let origin = ModuleOrigin(path: node.name, typeName: node.op)
      let first = ModuleOrigin.$current.withValue(origin) {
        call.optional(0).map { surround(number, $0, body) } ?? body()
      }
      if let failure { throw failure }
      if !results.isEmpty { results[0] = ONNXOperand(tensor: first, known: nil) }
    }
    for (index, output) in node.outputs.enumerated() where !output.isEmpty {
      guard index < results.count else { throw call.error("has no result \(index)") }
      if let error = results[index].tensor.error {
        throw StrataError(error.kind, "\(name): \(error.message)")
      }
      guard let count = results[index].tensor.shape.checkedElementCount, count <= Self.greatestCount else {
        throw call.error("computes \(results[index].tensor.shape), which is too much")
      }
      values[output] = results[index]
    }
  }
}

/// A value during a call: a tensor, and its numbers where no call changes them.
struct ONNXOperand {
  let tensor: Tensor
  let known: HostTensor?
}

/// An operator with its operands during a call.
struct ONNXCall {
  let node: ONNXNode
  let operands: [ONNXOperand?]
  let opset: Int
  let model: String

  func error(_ message: String) -> StrataError {
    StrataError(.format, "\(model): \(quoted(node.name)) (\(node.op)) \(message)")
  }

  func run() throws(StrataError) -> [ONNXOperand] {
    guard let function = ONNXOperators.all[node.op] else { throw error("is not supported") }
    return try function(self).map { ONNXOperand(tensor: $0, known: nil) }
  }

  // MARK: - Operands

  func optional(_ index: Int) -> Tensor? { index < operands.count ? operands[index]?.tensor : nil }

  func tensor(_ index: Int) throws(StrataError) -> Tensor {
    guard let tensor = optional(index) else { throw error("lacks operand \(index)") }
    return tensor
  }

  func tensors() throws(StrataError) -> [Tensor] {
    guard !operands.isEmpty else { throw error("lacks operands") }
    return try operands.indices.map { index throws(StrataError) in try tensor(index) }
  }

  func known(_ index: Int) -> HostTensor? { index < operands.count ? operands[index]?.known : nil }

  /// The numbers of an operand that must not depend on the inputs, or nil where it is left out.
  func constant(_ index: Int) throws(StrataError) -> HostTensor? {
    guard index < operands.count, operands[index] != nil else { return nil }
    guard let value = known(index) else { throw error("needs operand \(index) to be a constant") }
    return value
  }

  /// The single number of an operand that must not depend on the inputs.
  func number(_ index: Int) throws(StrataError) -> Double? {
    guard let value = try constant(index) else { return nil }
    guard value.elementCount == 1 else { throw error("needs operand \(index) to be one number") }
    return value.scalars(as: Double.self).first
  }

  func integers(_ index: Int) throws(StrataError) -> [Int]? {
    guard let value = try constant(index) else { return nil }
    guard value.elementCount <= 65_536 else { throw error("has a list of \(value.elementCount) numbers") }
    return value.scalars(as: Int.self)
  }

  // MARK: - Settings

  func integer(_ name: String, _ fallback: Int) throws(StrataError) -> Int {
    guard let attribute = node.attributes[name] else { return fallback }
    guard case .integer(let value) = attribute else {
      throw error("has a setting \(name) that is no integer")
    }
    return value
  }

  func float(_ name: String, _ fallback: Double) throws(StrataError) -> Double {
    guard let attribute = node.attributes[name] else { return fallback }
    guard case .float(let value) = attribute else { throw error("has a setting \(name) that is no number") }
    return Double(value)
  }

  func string(_ name: String, _ fallback: String) throws(StrataError) -> String {
    guard let attribute = node.attributes[name] else { return fallback }
    guard case .string(let value) = attribute else { throw error("has a setting \(name) that is no text") }
    return value
  }

  func list(_ name: String) throws(StrataError) -> [Int]? {
    guard let attribute = node.attributes[name] else { return nil }
    guard case .integers(let values) = attribute else { throw error("has a setting \(name) that is no list") }
    return values
  }

  /// What later versions of an operator take as an operand and earlier ones as a setting.
  func list(_ name: String, orOperand index: Int) throws(StrataError) -> [Int]? {
    if let values = try list(name) { return values }
    return try integers(index)
  }

  /// An axis counted from the front.
  func axis(_ axis: Int, _ rank: Int) throws(StrataError) -> Int {
    guard (-rank..<rank).contains(axis) else { throw error("has no axis \(axis) in \(rank) axes") }
    return axis < 0 ? axis + rank : axis
  }

  func axes(_ axes: [Int], _ rank: Int) throws(StrataError) -> [Int] {
    let resolved = try axes.map { axis throws(StrataError) in try self.axis(axis, rank) }
    guard Set(resolved).count == resolved.count else { throw error("names an axis twice in \(axes)") }
    return resolved
  }
}

/// What operators compute, by their names.
enum ONNXOperators {
  typealias Function = @Sendable (ONNXCall) throws(StrataError) -> [Tensor]

  static let all = elements.merging(movements) { $1 }.merging(reductions) { $1 }.merging(networks) { $1 }
}
