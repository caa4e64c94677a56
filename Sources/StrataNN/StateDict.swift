import StrataCore
import StrataGraph

/// Names and values of parameters and buffers, in order (`state_dict()`).
public struct StateDict: Sendable, RandomAccessCollection, ExpressibleByDictionaryLiteral {
  private var entries: [(name: String, value: HostTensor)] = []
  private var positions: [String: Int] = [:]

  /// Creates a dictionary from names and values; of equal names the last counts.
  public init(_ entries: some Sequence<(String, HostTensor)>) {
    for (name, value) in entries { self[name] = value }
  }

  /// Creates a dictionary from a literal.
  public init(dictionaryLiteral elements: (String, HostTensor)...) { self.init(elements) }

  /// The names, in order.
  public var names: [String] { entries.map(\.name) }

  /// The value of a name; setting nil removes it.
  public subscript(name: String) -> HostTensor? {
    get { positions[name].map { entries[$0].value } }
    set {
      if let position = positions[name] {
        if let newValue {
          entries[position].value = newValue
        } else {
          entries.remove(at: position)
          positions = [:]
          for (index, entry) in entries.enumerated() { positions[entry.name] = index }
        }
      } else if let newValue {
        positions[name] = entries.count
        entries.append((name, newValue))
      }
    }
  }

  /// The first position.
  public var startIndex: Int { 0 }
  /// The position after the last.
  public var endIndex: Int { entries.count }
  /// The name and value at a position.
  public subscript(position: Int) -> (name: String, value: HostTensor) { entries[position] }
}

/// A place in a state dictionary: what a network saves and loads under a name.
public struct StateEntry: Sendable {
  /// The dotted name.
  public let name: String
  /// Where the value lives.
  public let variable: Variable
  /// Whether it is a parameter and not a buffer.
  public let isParameter: Bool

  /// The sizes of the axes.
  public var shape: Shape { variable.shape }
  /// The type of the elements.
  public var dtype: DType { variable.dtype }
}

extension Module {
  /// What a state dictionary of this module holds, in its order, without the values: nothing is allocated.
  public final var stateEntries: [StateEntry] {
    var result: [StateEntry] = []
    func visit(_ module: Module, _ path: String) {
      let members = module.members
      for (name, parameter) in members.parameters {
        result.append(StateEntry(name: dotted(path, name), variable: parameter.variable, isParameter: true))
      }
      for (name, buffer) in members.buffers {
        result.append(StateEntry(name: dotted(path, name), variable: buffer.variable, isParameter: false))
      }
      for child in members.children { visit(child.current, dotted(path, child.name)) }
    }
    visit(self, "")
    return result
  }

  /// The values of all parameters and buffers under PyTorch's names (`state_dict`).
  public final func stateDict() -> StateDict {
    StateDict(stateEntries.map { ($0.name, $0.variable.currentValue) })
  }

  /// Compares a state dictionary with what this module holds, without loading it.
  public final func loadReport(for state: StateDict) -> LoadReport { plan(state).report }

  /// Takes over values by their names (`load_state_dict`).
  ///
  /// - Parameters:
  ///   - state: The values; other element types are converted.
  ///   - isStrict: Whether names that are missing or unexpected are an error. Shapes that do not fit always are.
  /// - Throws: A `StrataError` that lists what does not fit; then nothing was changed.
  @discardableResult
  public final func loadStateDict(
    _ state: StateDict, strict isStrict: Bool = true
  ) throws(StrataError) -> LoadReport {
    let (report, values) = plan(state)
    guard report.mismatched.isEmpty, report.isComplete || !isStrict else {
      throw StrataError(.format, "cannot load into \(typeName): \(report)")
    }
    for (variable, value) in values { variable.store(value.converted(to: variable.dtype)) }
    return report
  }

  private func plan(_ state: StateDict) -> (report: LoadReport, values: [(Variable, HostTensor)]) {
    var report = LoadReport()
    var values: [(Variable, HostTensor)] = []
    let entries = stateEntries
    for entry in entries {
      guard let value = state[entry.name] else {
        // PyTorch before 0.4.1 did not count batches; its checkpoints load all the same.
        if !entry.name.hasSuffix("num_batches_tracked") { report.missing.append(entry.name) }
        continue
      }
      guard value.shape == entry.shape || value.shape == [1] && entry.shape == [] else {
        report.mismatched.append(
          LoadReport.Mismatch(name: entry.name, expected: entry.shape, found: value.shape))
        continue
      }
      report.loaded.append(entry.name)
      values.append((entry.variable, value.reshaped(entry.shape)))
    }
    let known = Set(entries.map(\.name))
    report.unexpected = state.names.filter { !known.contains($0) }
    report.findSuggestions(among: entries.map(\.name))
    return (report, values)
  }
}
