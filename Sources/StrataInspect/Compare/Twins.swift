import StrataCore
import StrataModels
import Synchronization

extension ModelComparison {
  /// Known networks with as many parameters as one of these, and how to tell them apart.
  ///
  /// A count does not identify a network: it depends neither on strides and padding nor on the order of layers.
  public func twins(_ options: ModelOptions = ModelOptions()) throws(StrataError) -> [String] {
    var pairs: [(own: ModelEntry, other: ModelEntry, count: Int, input: Shape)] = []
    var done: Set<Set<String>> = []
    let counts = parameterCounts(options)
    for entry in entries {
      guard let own = ModelRegistry.entries.first(where: { $0.name == entry.name }) else { continue }
      for (other, count) in zip(ModelRegistry.entries, counts)
      where count == entry.summary.parameters && other.name != own.name {
        guard done.insert([own.name, other.name]).inserted else { continue }
        pairs.append((own, other, count, entry.summary.input))
      }
    }
    let sentences = Mutex<[Result<String, StrataError>?]>(Array(repeating: nil, count: pairs.count))
    Parallel.forEachRange(of: pairs.count, grain: 1) { [pairs] range in
      for index in range {
        let (own, other, count, input) = pairs[index]
        let result = Result { () throws(StrataError) in
          let tell = try difference(own, other, input, options)
          return "\(own.name) and \(other.name) both have \(Text.grouped(count)) parameters; \(tell)."
        }
        sentences.withLock { $0[index] = result }
      }
    }
    var found: [String] = []
    for result in sentences.withLock({ $0 }) { if let result { found.append(try result.get()) } }
    return found
  }

  private func difference(
    _ a: ModelEntry, _ b: ModelEntry, _ input: Shape, _ options: ModelOptions
  ) throws(StrataError) -> String {
    let difference = try ModelDiff(try a.make(options), input: input, try b.make(options), input: input)
    guard !difference.isEmpty else {
      return "their layers and operations are the same, only names and first weights differ"
    }
    let signs = [difference.changes.first.map(\.line)].compactMap { $0 } + difference.differingTotals
    return "`strata diff \(a.name) \(b.name)` tells them apart: \(signs.joined(separator: "; "))"
  }

  /// The parameters of all networks of the registry, in its order.
  private func parameterCounts(_ options: ModelOptions) -> [Int] {
    let known = Dictionary(self.entries.map { ($0.name, $0.summary.parameters) }) { first, _ in first }
    let entries = ModelRegistry.entries
    let counts = Mutex<[Int]>(entries.map { known[$0.name] ?? -1 })
    Parallel.forEachRange(of: entries.count, grain: 1) { range in
      for index in range {
        // What the options do not fit has no count, and is no twin.
        guard known[entries[index].name] == nil, let count = try? entries[index].parameterCount(options)
        else { continue }
        counts.withLock { $0[index] = count }
      }
    }
    return counts.withLock { $0 }
  }
}
