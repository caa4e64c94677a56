import StrataCore

/// Turns the objects of a pickle into values: tensors get their elements, and what contains itself, or
/// unfolds to far more than the file holds, is refused.
struct PickleTree {
  let heap: PickleHeap
  let name: String
  var storages: StorageReader
  private var finished: [PickleID: (value: CheckpointValue, size: Int)] = [:]
  private var depth = 0

  private static let greatestDepth = 100
  private static let greatestSize = 50_000_000

  init(_ heap: PickleHeap, name: String, storages: StorageReader) {
    self.heap = heap
    self.name = name
    self.storages = storages
  }

  private func error(_ message: String) -> StrataError { StrataError(.format, "\(name): \(message)") }

  /// The value of an object.
  mutating func value(_ id: PickleID) throws(StrataError) -> CheckpointValue {
    try sized(id).value
  }

  private mutating func sized(_ id: PickleID) throws(StrataError) -> (value: CheckpointValue, size: Int) {
    switch heap[id] {
    case .none: return (.none, 1)
    case .bool(let value): return (.bool(value), 1)
    case .integer(let value): return (.integer(value), 1)
    case .number(let value): return (.number(value), 1)
    case .string(let text): return (.string(text), 1)
    case .bytes(let bytes): return (.bytes(bytes), 1)
    case .global(.dtype(let name)): return (.dtype(name), 1)
    case .global: throw error("the pickle holds a function as a value")
    case .list, .tuple, .dictionary, .storage, .tensor: break
    }
    if let known = finished[id] { return known }
    // Whatever contains itself is deep without end.
    guard depth < Self.greatestDepth else {
      throw error("the pickle is nested deeper than \(Self.greatestDepth) levels")
    }
    depth += 1
    defer { depth -= 1 }
    let result = try container(id)
    guard result.size <= Self.greatestSize else {
      throw error("the pickle unfolds to more than \(Self.greatestSize) values")
    }
    finished[id] = result
    return result
  }

  private mutating func container(_ id: PickleID) throws(StrataError) -> (value: CheckpointValue, size: Int) {
    switch heap[id] {
    case .list(let list):
      let (values, size) = try values(heap.lists[list])
      return (.list(values), size)
    case .tuple(let elements):
      let (values, size) = try values(elements)
      return (.tuple(values), size)
    case .dictionary(let list):
      let (values, size) = try values(heap.lists[list])
      return (.dictionary(Self.entries(values)), size)
    case .tensor(let tensor): return (.tensor(try storages.tensor(tensor)), 1)
    case .storage(let storage):
      let whole = PickleTensor(
        storage: storage, type: storage.type, offset: 0, sizes: [storage.count], strides: [1])
      return (.tensor(try storages.tensor(whole)), 1)
    case .none, .bool, .integer, .number, .string, .bytes, .global: return (.none, 1)
    }
  }

  private mutating func values(
    _ ids: [PickleID]
  ) throws(StrataError) -> (values: [CheckpointValue], size: Int) {
    var size = 1
    var values: [CheckpointValue] = []
    values.reserveCapacity(ids.count)
    for id in ids {
      let element = try sized(id)
      size += element.size
      guard size <= Self.greatestSize else {
        throw error("the pickle unfolds to more than \(Self.greatestSize) values")
      }
      values.append(element.value)
    }
    return (values, size)
  }

  /// Keys and values by turns; of entries with one name the last value counts, in the first one's place.
  private static func entries(_ items: [CheckpointValue]) -> [CheckpointValue.Entry] {
    var entries: [CheckpointValue.Entry] = []
    var places: [String: Int] = [:]
    for index in stride(from: 0, to: items.count - 1, by: 2) {
      let entry = CheckpointValue.Entry(key: items[index], value: items[index + 1])
      if let name = entry.key.string {
        if let place = places[name] {
          entries[place] = entry
          continue
        }
        places[name] = entries.count
      }
      entries.append(entry)
    }
    return entries
  }
}
