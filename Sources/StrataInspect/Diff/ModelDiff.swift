import StrataCore
import StrataGraph
import StrataNN

/// What differs between two networks, layer by layer.
///
/// Layers are aligned so that as much as possible stays in place: the same layer under the same path first, then the
/// same path with other settings, then the same layer under another path.
public struct ModelDiff: Sendable {
  /// A layer that differs.
  public struct Change: Sendable {
    /// How it differs.
    public enum Kind: String, Sendable, Hashable {
      /// Both have it, set differently.
      case changed
      /// The first alone has it.
      case missing
      /// The second alone has it.
      case surplus
      /// Both have it under different paths.
      case moved
    }

    /// How it differs.
    public let kind: Kind
    /// Its path in the first network, or in the second that alone has it.
    public let path: String
    /// Its path in the second network.
    public let newPath: String?
    /// What it is: `Conv2d(3, 64, kernel_size=(3, 3), stride=(1, 1))`.
    public let layer: String
    /// What differs: `stride (1, 1) -> (2, 2)`.
    public let details: [String]
    /// The elements of its parameters before and after.
    public let parameters: (before: Int, after: Int)
    /// Its multiply-accumulates before and after.
    public let macs: (before: Int, after: Int)?
  }

  /// The differences, in the order of layers.
  public let changes: [Change]
  /// Layers that are the same in both under the same path.
  public let sameCount: Int
  /// The costs of the first network, where it can be called.
  public let before: ModelSummary?
  /// The costs of the second network, where it can be called.
  public let after: ModelSummary?
  /// The elements of both networks' parameters.
  public let parameters: (before: Int, after: Int)
  /// Whether the operations are connected in the same way; nil where that is not known.
  public let isWiredAlike: Bool?

  /// Whether nothing differs that was compared.
  public var isEmpty: Bool { changes.isEmpty && isWiredAlike != false }

  /// Compares two networks, each called with an input of its own; without inputs, their layers alone.
  public init(_ a: Module, input inputA: Shape?, _ b: Module, input inputB: Shape?) throws(StrataError) {
    let traceA = try inputA.map { input throws(StrataError) in try NetworkTrace(a, input: input) }
    let traceB = try inputB.map { input throws(StrataError) in try NetworkTrace(b, input: input) }
    before = try traceA.map { trace throws(StrataError) in try ModelSummary(a, trace) }
    after = try traceB.map { trace throws(StrataError) in try ModelSummary(b, trace) }
    parameters = (a.parameterCount, b.parameterCount)
    let layersA = LayerOutline.all(of: a, before)
    let layersB = LayerOutline.all(of: b, after)
    var changes: [Change] = []
    var sameCount = 0
    for pair in Alignment.align(layersA, layersB) {
      switch pair {
      case (let a?, let b?):
        let details = a.changes(to: b)
        if a.path == b.path, details.isEmpty {
          sameCount += 1
        } else {
          changes.append(Change(details.isEmpty ? .moved : .changed, a, b, details))
        }
      case (let a?, nil): changes.append(Change(.missing, a, nil, []))
      case (nil, let b?): changes.append(Change(.surplus, nil, b, []))
      case (nil, nil): break
      }
    }
    self.changes = changes
    self.sameCount = sameCount
    if let traceA, let traceB, traceA.input == traceB.input {
      isWiredAlike = changes.isEmpty ? traceA.graph.structuralKey == traceB.graph.structuralKey : nil
    } else {
      isWiredAlike = nil
    }
  }
}

extension ModelDiff.Change {
  fileprivate init(_ kind: Kind, _ a: LayerOutline?, _ b: LayerOutline?, _ details: [String]) {
    self.kind = kind
    path = a?.path ?? b?.path ?? ""
    newPath = a != nil && b?.path != a?.path ? b?.path : nil
    layer = (a ?? b)?.text ?? ""
    self.details = details
    parameters = (a?.parameters ?? 0, b?.parameters ?? 0)
    if let before = a?.macs, let after = b?.macs {
      macs = (before, after)
    } else {
      macs = (a ?? b)?.macs.map { a == nil ? (0, $0) : ($0, 0) }
    }
  }
}

/// Two sequences of layers side by side, as similar as order allows.
private enum Alignment {
  static func align(_ a: [LayerOutline], _ b: [LayerOutline]) -> [(LayerOutline?, LayerOutline?)] {
    // What both begin and end with needs no search.
    var start = 0
    while start < min(a.count, b.count), isSame(a[start], b[start]) { start += 1 }
    var end = 0
    while end < min(a.count, b.count) - start, isSame(a[a.count - 1 - end], b[b.count - 1 - end]) { end += 1 }
    let middleA = Array(a[start..<(a.count - end)])
    let middleB = Array(b[start..<(b.count - end)])
    return zip(a.prefix(start), b.prefix(start)).map { ($0, $1) } + search(middleA, middleB)
      + zip(a.suffix(end), b.suffix(end)).map { ($0, $1) }
  }

  private static func isSame(_ a: LayerOutline, _ b: LayerOutline) -> Bool {
    a.path == b.path && a.text == b.text
  }

  /// How much two layers have in common; 0 for those that are not put side by side.
  private static func likeness(_ a: LayerOutline, _ b: LayerOutline) -> Int {
    if a.text == b.text { return a.path == b.path ? 9 : 6 }
    if a.path == b.path { return a.typeName == b.typeName ? 5 : 1 }
    return a.typeName == b.typeName ? 1 : 0
  }

  /// The alignment with the most in common, by dynamic programming.
  private static func search(_ a: [LayerOutline], _ b: [LayerOutline]) -> [(LayerOutline?, LayerOutline?)] {
    let width = b.count + 1
    var best = [Int](repeating: 0, count: (a.count + 1) * width)
    for i in stride(from: a.count - 1, through: 0, by: -1) {
      for j in stride(from: b.count - 1, through: 0, by: -1) {
        let likeness = likeness(a[i], b[j])
        let together = likeness > 0 ? likeness + best[(i + 1) * width + j + 1] : 0
        best[i * width + j] = max(together, best[(i + 1) * width + j], best[i * width + j + 1])
      }
    }
    var pairs: [(LayerOutline?, LayerOutline?)] = []
    var (i, j) = (0, 0)
    while i < a.count, j < b.count {
      let likeness = likeness(a[i], b[j])
      let here = best[i * width + j]
      if likeness > 0, here == likeness + best[(i + 1) * width + j + 1] {
        pairs.append((a[i], b[j]))
        (i, j) = (i + 1, j + 1)
      } else if here == best[(i + 1) * width + j] {
        pairs.append((a[i], nil))
        i += 1
      } else {
        pairs.append((nil, b[j]))
        j += 1
      }
    }
    return pairs + a[i...].map { ($0, nil) } + b[j...].map { (nil, $0) }
  }
}
