import StrataCore
import StrataFormats
import StrataInspect
import StrataNN

/// Which tensors of a network a run changed, buffers included: the proof that what was frozen stayed as it was.
public struct WeightChanges: Sendable {
  /// One tensor.
  public struct Row: Sendable, Hashable {
    /// The dotted name.
    public let name: String
    /// Whether it is a parameter and not a buffer, such as a running mean.
    public let isParameter: Bool
    /// Whether any bit of it differs.
    public let isChanged: Bool
    /// Whether it is a parameter that was frozen at the end.
    public let isFrozen: Bool
    /// The Euclidean norm of the change over that of what was before; nil where that was 0 or of whole numbers.
    public let relativeChange: Double?
  }

  /// The tensors in the network's order.
  public let rows: [Row]

  /// Compares a network's values with those before.
  public init(from before: StateDict, to model: Module) throws {
    let frozen = Set(model.namedParameters.filter { !$0.parameter.requiresGrad }.map(\.name))
    rows = try model.stateEntries.map { entry in
      let (old, new) = (before[entry.name], try entry.variable.value())
      return Row(
        name: entry.name, isParameter: entry.isParameter,
        isChanged: old.map { !$0.hasSameBits(as: new) } ?? true,
        isFrozen: frozen.contains(entry.name), relativeChange: old.flatMap { new.distance(from: $0) })
    }
  }

  init(from before: StateDict, to trainer: Trainer) throws { try self.init(from: before, to: trainer.model) }

  /// Whether a parameter that was frozen at the end changed all the same, as happens when it was thawed in between.
  public var changedFrozen: [String] { rows.filter { $0.isFrozen && $0.isChanged }.map(\.name) }

  /// The rows as objects.
  public var json: JSONValue {
    .array(
      rows.map { row in
        [
          "name": .string(row.name), "kind": .string(row.isParameter ? "parameter" : "buffer"),
          "changed": .bool(row.isChanged), "frozen": .bool(row.isFrozen),
          "relative_change": row.relativeChange.map(JSONValue.number) ?? .null,
        ]
      })
  }

  /// A line a tensor, or, of large networks, a line a part.
  public func text(most: Int = 40) -> String {
    let head = ["tensor", "kind", "changed", "relative change"]
    if rows.count <= most {
      let lines = rows.map { row in
        [
          row.name, row.isParameter ? row.isFrozen ? "frozen" : "parameter" : "buffer",
          row.isChanged ? "yes" : "no",
          row.isChanged ? row.relativeChange.map { DecimalText.scientific($0, digits: 2) } ?? "" : "",
        ]
      }
      return Text.table([head] + lines)
    }
    var order: [String] = []
    var parts: [String: [Row]] = [:]
    for row in rows {
      let part = String(row.name.prefix { $0 != "." })
      if parts[part] == nil { order.append(part) }
      parts[part, default: []].append(row)
    }
    let lines = order.map { part -> [String] in
      let rows = parts[part] ?? []
      func changed(_ isParameter: Bool) -> String {
        let some = rows.filter { $0.isParameter == isParameter }
        return some.isEmpty ? "" : "\(some.count { $0.isChanged }) of \(some.count)"
      }
      return [part, changed(true), changed(false)]
    }
    return Text.table([["part", "parameters changed", "buffers changed"]] + lines)
  }
}

extension HostTensor {
  /// Whether all bytes are the same.
  func hasSameBits(as other: HostTensor) -> Bool {
    guard shape == other.shape, dtype == other.dtype else { return false }
    return withExtendedLifetime((buffer, other.buffer)) { bytes.elementsEqual(other.bytes) }
  }

  fileprivate func distance(from other: HostTensor) -> Double? {
    guard dtype.isFloatingPoint, shape == other.shape else { return nil }
    let (new, old) = (scalars(as: Double.self), other.scalars(as: Double.self))
    let norm = old.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let change = zip(new, old).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    return norm > 0 ? change / norm : nil
  }
}
