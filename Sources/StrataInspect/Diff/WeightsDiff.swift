import StrataCore
import StrataNN

/// What differs between the names and shapes of two sets of weights, such as a network's and a file's.
public struct WeightsDiff: Sendable {
  /// A tensor's name and shape.
  public struct Entry: Sendable, Hashable {
    /// The dotted name.
    public let name: String
    /// The sizes of the axes.
    public let shape: Shape
    /// Whether a file may lack it: PyTorch before 0.4.1 did not count batches.
    public let isOptional: Bool

    /// Creates an entry.
    public init(name: String, shape: Shape, isOptional: Bool = false) {
      self.name = name
      self.shape = shape
      self.isOptional = isOptional
    }
  }

  /// A tensor whose shape differs.
  public struct Mismatch: Sendable, Hashable {
    /// The dotted name.
    public let name: String
    /// The shape in the first.
    public let expected: Shape
    /// The shape in the second.
    public let found: Shape
  }

  /// Those that the first alone has.
  public let missing: [Entry]
  /// Those that the second alone has.
  public let surplus: [Entry]
  /// Those whose shapes differ.
  public let misshapen: [Mismatch]
  /// How many are the same in both.
  public let sameCount: Int
  /// For a surplus name, the missing one that was probably meant.
  public let suggestions: [String: String]
  /// The elements of both, all tensors together.
  public let elements: (before: Int, after: Int)

  /// Whether both have the same names and shapes.
  public var isEmpty: Bool { missing.isEmpty && surplus.isEmpty && misshapen.isEmpty }

  /// Compares two sets.
  public init(_ a: [Entry], _ b: [Entry]) {
    let shapesA = Dictionary(a.map { ($0.name, $0.shape) }) { first, _ in first }
    let shapesB = Dictionary(b.map { ($0.name, $0.shape) }) { first, _ in first }
    missing = a.filter { shapesB[$0.name] == nil && !$0.isOptional }
    surplus = b.filter { shapesA[$0.name] == nil && !$0.isOptional }
    misshapen = a.compactMap { entry in
      guard let found = shapesB[entry.name], found != entry.shape else { return nil }
      // Old files keep numbers without axes as lists of one.
      guard !(found == [1] && entry.shape == []) else { return nil }
      return Mismatch(name: entry.name, expected: entry.shape, found: found)
    }
    sameCount = a.count { shapesB[$0.name] != nil } - misshapen.count
    var free = missing
    var suggestions: [String: String] = [:]
    // Names of the same shape are the likeliest; a search among thousands would take long.
    for entry in surplus.prefix(200) {
      let candidates = free.filter { $0.shape == entry.shape }.map(\.name)
      guard let name = nearestName(to: entry.name, among: candidates) else { continue }
      suggestions[entry.name] = name
      free.removeAll { $0.name == name }
    }
    // Where a shape is missing once and surplus once, the names may differ as they like.
    let waiting = Dictionary(grouping: free, by: \.shape)
    for (shape, others) in Dictionary(grouping: surplus.filter { suggestions[$0.name] == nil }, by: \.shape)
    where others.count == 1 {
      if let names = waiting[shape], names.count == 1 { suggestions[others[0].name] = names[0].name }
    }
    self.suggestions = suggestions
    elements = (a.reduce(0) { $0 + $1.shape.elementCount }, b.reduce(0) { $0 + $1.shape.elementCount })
  }

  /// What a network saves and loads.
  public static func entries(of model: Module) -> [Entry] {
    model.stateEntries.map {
      Entry(name: $0.name, shape: $0.shape, isOptional: $0.name.hasSuffix("num_batches_tracked"))
    }
  }

  /// The differences and the totals.
  public var text: String {
    var lines = missing.map { "- \($0.name)  \($0.shape)" }
    lines += surplus.map { entry in
      "+ \(entry.name)  \(entry.shape)" + (suggestions[entry.name].map { "  perhaps \($0)" } ?? "")
    }
    lines += misshapen.map { "~ \($0.name)  \($0.expected) -> \($0.found)" }
    let numbers =
      elements.before == elements.after
      ? "numbers equal (\(Text.grouped(elements.before)))"
      : "numbers \(Text.grouped(elements.before)) -> \(Text.grouped(elements.after))"
    let counts =
      "\(sameCount) tensors the same, \(missing.count) missing, \(surplus.count) surplus, \(misshapen.count) misshapen"
    return (lines + ["\(counts); \(numbers)"]).joined(separator: "\n")
  }
}
