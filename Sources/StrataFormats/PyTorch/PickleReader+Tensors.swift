import StrataCore

// What the few names that a pickle may refer to stand for.
extension PickleReader {
  /// The object that a call would give.
  mutating func call(_ function: PickleID, _ arguments: PickleID) throws(StrataError) -> PickleObject {
    guard case .global(let global) = heap[function], case .tuple(let arguments) = heap[arguments] else {
      throw error("something is called that cannot be")
    }
    switch global {
    case .orderedDictionary: return try dictionary(arguments)
    case .set:
      guard arguments.count <= 1 else { throw wrong("a set", arguments) }
      heap.lists.append(try arguments.first.map { id throws(StrataError) in try elements(id) } ?? [])
      return .list(heap.lists.count - 1)
    case .size: return .tuple(try arguments.first.map { id throws(StrataError) in try elements(id) } ?? [])
    case .encode:
      // How Python 3 writes bytes for Python 2.
      guard case .string(let text)? = arguments.first.map({ heap[$0] }),
        text.unicodeScalars.allSatisfy({ $0.value < 256 })
      else { throw wrong("bytes", arguments) }
      return .bytes(text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) })
    case .rebuildTensor, .rebuildTensorWithType: return .tensor(try tensor(global, arguments))
    case .rebuildParameter:
      guard let first = arguments.first, case .tensor(let tensor) = heap[first] else {
        throw wrong("a parameter", arguments)
      }
      return .tensor(tensor)
    case .storageType, .dtype: throw error("a type is called as if it were a function")
    }
  }

  private func wrong(_ what: String, _ arguments: [PickleID]) -> StrataError {
    error("\(what) cannot be made of these \(arguments.count) arguments")
  }

  private func elements(_ id: PickleID) throws(StrataError) -> [PickleID] {
    switch heap[id] {
    case .list(let list): return heap.lists[list]
    case .tuple(let elements): return elements
    default: throw error("a list is expected")
    }
  }

  private mutating func dictionary(_ arguments: [PickleID]) throws(StrataError) -> PickleObject {
    var items: [PickleID] = []
    if let first = arguments.first {
      if case .dictionary(let list) = heap[first] {
        items = heap.lists[list]
      } else {
        for pair in try elements(first) {
          let pair = try elements(pair)
          guard pair.count == 2 else { throw error("a dictionary has a key without a value") }
          items += pair
        }
      }
    }
    heap.lists.append(items)
    return .dictionary(heap.lists.count - 1)
  }

  /// The storage that a persistent id describes: `('storage', type, key, place, count)`, in legacy files
  /// followed by None or by `(key, offset, count)` of a view.
  func storage(_ id: PickleID) throws(StrataError) -> PickleStorage {
    guard case .tuple(let fields) = heap[id], let kind = fields.first, case .string(let kind) = heap[kind]
    else {
      throw error("an outside object has no description")
    }
    guard kind == "storage" else { throw error("an outside object is \(quoted(kind)), not a storage") }
    guard fields.count == 5 || fields.count == 6, case .global(.storageType(let type)) = heap[fields[1]],
      case .string(let key) = heap[fields[2]], case .integer(let count) = heap[fields[4]], count >= 0
    else { throw error("a storage has no proper description") }
    guard fields.count == 6, case .tuple(let view) = heap[fields[5]] else {
      return PickleStorage(key: key, type: type, offset: 0, count: count)
    }
    guard view.count == 3, case .integer(let offset) = heap[view[1]],
      case .integer(let length) = heap[view[2]],
      offset >= 0, length >= 0, offset <= count, length <= count - offset
    else { throw error("a view of a storage has no proper description") }
    return PickleStorage(key: key, type: type, offset: offset, count: length)
  }

  /// `(storage, offset, sizes, strides, …)`; gradients and hooks are of no use here.
  private func tensor(_ function: PickleGlobal, _ arguments: [PickleID]) throws(StrataError) -> PickleTensor {
    guard arguments.count >= 4, case .storage(let storage) = heap[arguments[0]],
      case .integer(let offset) = heap[arguments[1]], offset >= 0
    else { throw wrong("a tensor", arguments) }
    let sizes = try naturals(arguments[2])
    let strides = try naturals(arguments[3])
    guard sizes.count == strides.count, sizes.count <= 64 else {
      throw error("a tensor has \(sizes.count) sizes and \(strides.count) strides")
    }
    var type = storage.type
    var flags = 6
    if function == .rebuildTensorWithType {
      guard arguments.count >= 7, case .global(.dtype(let name)) = heap[arguments[6]] else {
        throw wrong("a tensor", arguments)
      }
      guard let known = TorchType(rawValue: String(name.dropFirst(6))) else {
        let all = TorchType.allCases.map(\.rawValue).joined(separator: ", ")
        throw error("a tensor has elements of type \(name); those that can be read are \(all)")
      }
      type = known
      flags = 7
    }
    // Marks such as "to be negated", under which the elements do not mean what they are.
    if arguments.count > flags, case .dictionary(let list) = heap[arguments[flags]], !heap.lists[list].isEmpty
    {
      throw error("a tensor is marked as a conjugated or negated view")
    }
    return PickleTensor(storage: storage, type: type, offset: offset, sizes: sizes, strides: strides)
  }

  private func naturals(_ id: PickleID) throws(StrataError) -> [Int] {
    try elements(id).map { id throws(StrataError) in
      guard case .integer(let value) = heap[id], value >= 0 else {
        throw error("a tensor has a size or a stride that is no natural number")
      }
      return value
    }
  }
}
