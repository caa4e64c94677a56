import StrataCore

/// The place of an object in `PickleHeap`.
typealias PickleID = Int32

/// An object that a pickle describes. Containers hold places, not objects: a pickle may nest a million deep,
/// share and even contain itself, and nothing here recurses over that.
enum PickleObject {
  case none
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case bytes([UInt8])
  /// Elements in `PickleHeap.lists`.
  case list(Int)
  case tuple([PickleID])
  /// Keys and values by turns in `PickleHeap.lists`.
  case dictionary(Int)
  case global(PickleGlobal)
  // Boxed, so that the many small objects of a hostile file stay small.
  indirect case storage(PickleStorage)
  indirect case tensor(PickleTensor)
}

/// The names that a pickle may refer to; nothing of them is ever called.
enum PickleGlobal: Equatable {
  case orderedDictionary
  case set
  case size
  case encode
  case rebuildTensor
  case rebuildTensorWithType
  case rebuildParameter
  case storageType(TorchType)
  case dtype(String)

  private static let functions: [String: PickleGlobal] = [
    "collections.OrderedDict": .orderedDictionary, "collections.Counter": .orderedDictionary,
    "__builtin__.set": .set, "builtins.set": .set, "__builtin__.frozenset": .set, "builtins.frozenset": .set,
    "torch.Size": .size, "_codecs.encode": .encode,
    "torch._utils._rebuild_tensor": .rebuildTensor, "torch._utils._rebuild_tensor_v2": .rebuildTensor,
    "torch._utils._rebuild_tensor_v3": .rebuildTensorWithType,
    "torch._utils._rebuild_parameter": .rebuildParameter,
    "torch._utils._rebuild_parameter_with_state": .rebuildParameter,
    "torch.storage.UntypedStorage": .storageType(.uint8), "torch.UntypedStorage": .storageType(.uint8),
    "torch.storage.TypedStorage": .storageType(.float32),
  ]

  init?(_ name: String) {
    if let function = Self.functions[name] {
      self = function
    } else if let type = TorchType.allCases.first(where: { name == "torch.\($0.storageName)" }) {
      self = .storageType(type)
    } else if name.hasPrefix("torch."), TorchType.typeNames.contains(String(name.dropFirst(6))) {
      self = .dtype(name)
    } else {
      return nil
    }
  }
}

/// Element types of PyTorch that can be read; those that Strata lacks become the next wider one.
enum TorchType: String, CaseIterable {
  case float32, float64, float16, bfloat16, int64, int32, int16, int8, uint8, bool

  /// All names of types that a checkpoint may mention.
  static let typeNames: Set<String> = Set(allCases.map(\.rawValue)).union([
    "complex32", "complex64", "complex128", "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2",
    "quint8", "qint8", "qint32",
  ])

  var storageName: String {
    switch self {
    case .float32: "FloatStorage"
    case .float64: "DoubleStorage"
    case .float16: "HalfStorage"
    case .bfloat16: "BFloat16Storage"
    case .int64: "LongStorage"
    case .int32: "IntStorage"
    case .int16: "ShortStorage"
    case .int8: "CharStorage"
    case .uint8: "ByteStorage"
    case .bool: "BoolStorage"
    }
  }

  var byteCount: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// The type that its elements take here.
  var dtype: DType {
    switch self {
    case .float32: .float32
    case .float64: .float64
    case .float16: .float16
    case .bfloat16: .bfloat16
    case .int64: .int64
    case .int32, .int16, .int8: .int32
    case .uint8: .uint8
    case .bool: .bool
    }
  }
}

/// A storage: a run of elements under a key, which lies beside the pickle.
struct PickleStorage {
  let key: String
  let type: TorchType
  /// Where it begins within the storage of the key, and its length, both in elements.
  let offset: Int
  let count: Int
}

/// A tensor: a view of a storage.
struct PickleTensor {
  let storage: PickleStorage
  let type: TorchType
  let offset: Int
  let sizes: [Int]
  let strides: [Int]
}

/// All objects of a pickle.
struct PickleHeap {
  private(set) var objects: [PickleObject] = []
  var lists: [[PickleID]] = []

  /// Far more than checkpoints have, and little enough memory.
  static let greatestCount = 4_000_000

  subscript(id: PickleID) -> PickleObject { objects[Int(id)] }

  mutating func add(_ object: PickleObject) -> PickleID {
    objects.append(object)
    return PickleID(objects.count - 1)
  }

  mutating func addList(_ elements: [PickleID] = []) -> PickleID {
    lists.append(elements)
    return add(.list(lists.count - 1))
  }

  mutating func addDictionary(_ items: [PickleID] = []) -> PickleID {
    lists.append(items)
    return add(.dictionary(lists.count - 1))
  }
}
