import StrataCore
import StrataGraph
import StrataNN

/// Compares what a network consists of, and the graph that its call builds, with a specification.
/// Nothing is computed and no weight allocated.
package struct StructureCheck {
  package private(set) var results: [CheckResult] = []
  /// The network's call, or nil where it cannot take the input.
  let trace: TracedNetwork?
  let parameters: Int

  private let model: Module
  private let specification: Specification
  private let input: Shape
  private let shapes: [Shape]

  /// Throws where the specification itself cannot take the input.
  package init(_ model: Module, against specification: Specification, input: Shape) throws(StrataError) {
    try MachineMemory.current.requireRoom(forInput: input)
    self.model = model
    self.specification = specification
    self.input = input
    shapes = try specification.shapes(for: input)
    parameters = model.parameterCount
    model.eval()
    var failure: StrataError?
    do throws(StrataError) {
      trace = try TracedNetwork(model, input: input)
    } catch {
      if error.kind == .memory { throw error }
      trace = nil
      failure = error
    }
    checkLayers()
    results.append(
      CheckResult(
        "parameters", expected: Text.grouped(specification.parameterCount), found: Text.grouped(parameters)))
    if let trace {
      checkOrder(of: trace)
      checkMaps(of: trace)
    } else {
      let output = shapes.last.map { "an output \($0)" } ?? "an output"
      results.append(
        CheckResult("forward", ok: false, expected: output, found: failure?.message ?? "nothing"))
    }
  }

  /// Whether the layers are those specified, set as specified.
  private mutating func checkLayers() {
    let expected = specification.layers
    let found = model.leaves
    let kinds = Dictionary(found.map { ($0.path, LayerKind($0.module)) }) { first, _ in first }
    results.append(CheckResult("layers", expected: "\(expected.count)", found: "\(found.count)"))

    var differences: [CheckResult] = []
    for layer in expected {
      guard let kind = kinds[layer.path] else {
        differences.append(CheckResult(layer.path, expected: layer.kind.summary, found: "nothing"))
        continue
      }
      guard kind.typeName == layer.kind.typeName else {
        differences.append(CheckResult(layer.path, expected: layer.kind.summary, found: kind.summary))
        continue
      }
      for (setting, actual) in zip(layer.kind.settings, kind.settings) where setting.value != actual.value {
        differences.append(
          CheckResult(
            "\(layer.path) \(setting.name)", expected: setting.value, found: actual.value,
            note: mapDifference(layer, kind)))
      }
    }
    let known = Set(expected.map(\.path))
    for (path, _) in found where !known.contains(path) {
      differences.append(CheckResult(path, expected: "nothing", found: kinds[path]?.summary ?? "a layer"))
    }
    let summary = differences.isEmpty ? "as specified" : "\(differences.count) of another kind or setting"
    results.append(CheckResult("layer settings", expected: "as specified", found: summary))
    results += differences
  }

  /// What a layer of other settings makes of the input that it should get: `map 54×54 instead of 55×55`.
  private func mapDifference(_ layer: Specification.Call, _ found: LayerKind) -> String? {
    guard let place = specification.calls.firstIndex(where: { $0.path == layer.path }) else { return nil }
    let source = specification.calls[place].source
    guard let shape = try? found.result(of: source.map { shapes[$0] } ?? input), shape.rank == 4 else {
      return nil
    }
    let expected = shapes[place]
    guard shape[2] != expected[2] || shape[3] != expected[3] else { return nil }
    return "map \(Text.map(shape)) instead of \(Text.map(expected))"
  }

  /// Whether every layer takes the results that it should: those of the layers before it, and of branches.
  /// Only what depends on each other has an order; parallel branches may be called in either.
  private mutating func checkOrder(of trace: TracedNetwork) {
    let expected = specification.inputs
    let found = trace.inputs
    var differences: [CheckResult] = []
    for (call, sources) in expected where found[call] != sources {
      differences.append(
        CheckResult(
          "\(call) input", ok: false, expected: Self.list(sources),
          found: found[call].map(Self.list) ?? "no such call"))
    }
    let known = Set(expected.map(\.call))
    for call in found.keys.sorted() where !known.contains(call) {
      differences.append(
        CheckResult("\(call) input", ok: false, expected: "no such call", found: Self.list(found[call] ?? []))
      )
    }
    let text = "\(expected.count) calls as specified"
    results.append(
      CheckResult(
        "layer order", ok: differences.isEmpty, expected: text,
        found: differences.isEmpty ? text : "\(differences.count) calls of other inputs"))
    results += differences
  }

  private static func list(_ sources: Set<String>) -> String { sources.sorted().joined(separator: " and ") }

  /// Whether feature maps, the output and the arithmetic are of the specified sizes.
  private mutating func checkMaps(of trace: TracedNetwork) {
    var found: [String: Shape] = [:]
    for call in trace.calls { found[call.path] = call.shape }
    for path in specification.blockEnds {
      guard let place = specification.calls.lastIndex(where: { $0.path == path }) else { continue }
      results.append(
        CheckResult(
          "\(path) map", expected: size(shapes[place]), found: found[path].map(size) ?? "nothing"))
    }
    let ends = Set(specification.blockEnds)
    for (place, call) in specification.calls.enumerated() where call.kind.actsInEvaluation {
      guard !ends.contains(call.path), let shape = found[call.path], shape != shapes[place],
        specification.calls.lastIndex(where: { $0.path == call.path }) == place
      else { continue }
      results.append(
        CheckResult("\(call.path) map", expected: size(shapes[place]), found: size(shape)))
    }
    if let output = shapes.last {
      results.append(CheckResult("output shape", expected: "\(output)", found: "\(trace.output)"))
    }
    let macs = zip(specification.calls, shapes).reduce(0) { $0 + $1.0.kind.multiplyAccumulates($1.1) }
    results.append(
      CheckResult("multiply-accumulates", expected: Text.grouped(macs), found: Text.grouped(trace.macs)))
  }

  /// `96×55×55`.
  private func size(_ shape: Shape) -> String { shape.dropFirst().map(String.init).joined(separator: "×") }
}

/// What the network's own input is called among the inputs of layers.
private let networkInput = "the network's input"

/// A layer's path, with `#2` at its second call and so on.
private func labels(_ paths: [String]) -> [String] {
  var counts: [String: Int] = [:]
  return paths.map { path in
    counts[path, default: 0] += 1
    let count = counts[path] ?? 1
    return count == 1 ? path : "\(path)#\(count)"
  }
}

extension Specification {
  /// What every call that acts in evaluation takes: the results of other such calls.
  fileprivate var inputs: [(call: String, sources: Set<String>)] {
    let names = labels(calls.map(\.path))
    func name(_ source: Int?) -> String {
      var source = source
      while let place = source, !calls[place].kind.actsInEvaluation { source = calls[place].source }
      return source.map { names[$0] } ?? networkInput
    }
    return calls.indices.filter { calls[$0].kind.actsInEvaluation }.map { place in
      let call = calls[place]
      return (names[place], Set([name(call.source)] + (call.isSum ? [name(call.addend)] : [])))
    }
  }
}

extension TracedNetwork {
  /// What every call takes.
  fileprivate var inputs: [String: Set<String>] {
    let names = labels(calls.map(\.path))
    let pairs = zip(names, calls).map { name, call in
      (name, Set(call.sources.map { $0.map { names[$0] } ?? networkInput }))
    }
    return Dictionary(uniqueKeysWithValues: pairs)
  }
}
