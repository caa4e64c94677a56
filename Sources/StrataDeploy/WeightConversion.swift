import StrataCore
import StrataFormats
import StrataGraph
import StrataNN
import StrataRuntime

/// A rule that renames tensors: `old=new`, where one `*` on each side stands for the same text.
public struct RenameRule: Sendable, Hashable {
  private let pattern: [Substring]
  private let replacement: [Substring]
  private let hasWildcard: Bool

  /// Reads a rule such as `module.*=*` or `classifier.weight=fc.weight`.
  public init(_ text: String) throws(StrataError) {
    let sides = text.split(separator: "=", omittingEmptySubsequences: false)
    guard sides.count == 2, !sides[0].isEmpty else {
      throw StrataError(.argument, "a rule to rename is written OLD=NEW, got \(text)")
    }
    pattern = sides[0].split(separator: "*", omittingEmptySubsequences: false)
    replacement = sides[1].split(separator: "*", omittingEmptySubsequences: false)
    hasWildcard = pattern.count == 2
    guard pattern.count <= 2, replacement.count <= pattern.count else {
      throw StrataError(.argument, "a rule to rename has at most one * on each side, got \(text)")
    }
  }

  /// The new name, or nil where the rule does not fit; an empty one drops the tensor.
  public func name(for name: String) -> String? {
    guard hasWildcard else { return name == pattern[0] ? String(replacement.joined()) : nil }
    guard name.count >= pattern[0].count + pattern[1].count, name.hasPrefix(pattern[0]),
      name.hasSuffix(pattern[1])
    else { return nil }
    let middle = name.dropFirst(pattern[0].count).dropLast(pattern[1].count)
    return replacement.count == 2 ? "\(replacement[0])\(middle)\(replacement[1])" : String(replacement[0])
  }
}

extension TensorArchive {
  /// The archive with names changed by the first rule that fits each; two tensors of one name are an error.
  public func renamed(_ rules: [RenameRule]) throws(StrataError) -> TensorArchive {
    if rules.isEmpty { return self }
    var result = TensorArchive(metadata: metadata)
    for (name, tensor) in self {
      let new = rules.lazy.compactMap { $0.name(for: name) }.first ?? name
      if new.isEmpty { continue }
      guard result[new] == nil else {
        throw StrataError(.argument, "the rules give two tensors the name \(new)")
      }
      result[new] = tensor
    }
    return result
  }

  /// The archive with floating-point tensors of another element type; counters stay as they are.
  public func converted(to dtype: DType) -> TensorArchive {
    TensorArchive(
      map {
        (name: $0.name, tensor: $0.tensor.dtype.isFloatingPoint ? $0.tensor.converted(to: dtype) : $0.tensor)
      },
      metadata: metadata)
  }

  /// The archive with each batch norm's scale moved into the convolution before it.
  ///
  /// The names stay: the batch norm keeps a shift and otherwise does nothing, so the result loads into the
  /// same network, here and in PyTorch, and gives the same.
  ///
  /// - Parameter model: The network that the weights belong to; it tells which convolution a batch norm follows.
  public func batchNormFolded(in model: Module, input: Shape) throws(StrataError) -> TensorArchive {
    let wasTraining = model.isTraining
    defer { model.train(wasTraining) }
    let output = model.eval()(Tensor.placeholder(input))
    if let error = output.error { throw error }
    let graph = Trace(of: [output]).graph
    let uses = graph.useCounts()
    var result = self
    for node in graph.nodes {
      guard case .batchNorm(let epsilon, true) = node.op else { continue }
      let source = node.operands[0]
      guard case .conv2d(let settings, _) = graph[source].op, uses[source.index] == 1, !settings.hasBias
      else { continue }
      try result.fold(norm: node.origin.path, into: graph[source].origin.path, epsilon)
    }
    return result
  }

  private mutating func fold(norm: String, into convolution: String, _ epsilon: Double) throws(StrataError) {
    func numbers(_ name: String) throws(StrataError) -> [Double] {
      guard let tensor = self[name] else { throw StrataError(.format, "there is no \(name) to fold") }
      return tensor.scalars(as: Double.self)
    }
    let (weight, bias) = (try numbers("\(norm).weight"), try numbers("\(norm).bias"))
    let (mean, variance) = (try numbers("\(norm).running_mean"), try numbers("\(norm).running_var"))
    var kernel = try numbers("\(convolution).weight")
    guard let shape = self["\(convolution).weight"]?.shape, shape[0] == weight.count else {
      throw StrataError(.format, "\(convolution) and \(norm) have different channels")
    }
    let scale = zip(weight, variance).map { $0 / ($1 + epsilon).squareRoot() }
    let taps = kernel.count / scale.count
    for index in kernel.indices { kernel[index] *= scale[index / taps] }
    func store(_ name: String, _ values: [Double], _ shape: Shape) {
      self[name] = HostTensor(values.map(Float.init), shape: shape).converted(
        to: self[name]?.dtype ?? .float32)
    }
    let channels: Shape = [scale.count]
    store("\(convolution).weight", kernel, shape)
    store("\(norm).weight", scale.map { _ in 1 }, channels)
    store("\(norm).bias", scale.indices.map { bias[$0] - mean[$0] * scale[$0] }, channels)
    store("\(norm).running_mean", scale.map { _ in 0 }, channels)
    // With ε added this is 1.
    store("\(norm).running_var", scale.map { _ in 1 - epsilon }, channels)
  }
}
