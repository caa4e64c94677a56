import StrataCore

extension PyTorchCheckpoint {
  /// Writes a `state_dict` that `torch.load` reads, also with `weights_only=True` and `mmap=True`.
  ///
  /// Tensors that share their elements share them in the file.
  public static func write(_ archive: TensorArchive, to path: String) throws(StrataError) {
    var storages: [HostTensor] = []
    var pickle = PickleWriter()
    pickle.begin()
    var keys: [StorageIdentity: Int] = [:]
    for (name, tensor) in archive {
      let identity = StorageIdentity(tensor)
      // No elements, no address that would tell them apart.
      let key = (tensor.elementCount == 0 ? nil : keys[identity]) ?? storages.count
      if key == storages.count {
        storages.append(tensor)
        keys[identity] = key
      }
      pickle.add(name, tensor, storage: key)
    }
    let text = pickle.end()
    // PyTorch calls the folder inside after the file.
    let folder = "archive"
    try FileSystem.write(path) { writer throws(StrataError) in
      var zip = ZipWriter()
      try zip.add("\(folder)/data.pkl", text, to: &writer)
      try zip.add("\(folder)/byteorder", Array("little".utf8), to: &writer)
      for (key, tensor) in storages.enumerated() {
        try zip.add("\(folder)/data/\(key)", [tensor.bytes], to: &writer)
        withExtendedLifetime(tensor) {}
      }
      try zip.add("\(folder)/version", Array("3\n".utf8), to: &writer)
      try zip.finish(&writer)
    }
  }

  private struct StorageIdentity: Hashable {
    let address: UInt
    let byteCount: Int
    let dtype: DType

    init(_ tensor: HostTensor) {
      address = UInt(bitPattern: tensor.pointer)
      byteCount = tensor.byteCount
      dtype = tensor.dtype
    }
  }
}

/// Writes the one pickle that a `state_dict` is, in protocol 2, with `torch.save`'s own instructions
/// but for those that remember what is not used again.
private struct PickleWriter {
  private var bytes: [UInt8] = []
  /// Places where texts and names are remembered.
  private var remembered: [String: Int] = [:]

  mutating func begin() {
    bytes += [0x80, 2]
    global("collections", "OrderedDict")
    code(")R(")
  }

  mutating func end() -> [UInt8] {
    code("u.")
    return bytes
  }

  mutating func add(_ name: String, _ tensor: HostTensor, storage: Int) {
    text(name)
    global("torch._utils", "_rebuild_tensor_v2")
    code("((")
    remember("storage") { $0.text("storage") }
    global("torch", TorchType.storageName(of: tensor.dtype))
    text(String(storage))
    remember("cpu") { $0.text("cpu") }
    integer(tensor.elementCount)
    code("tQ")
    integer(0)
    tuple(tensor.shape.sizes)
    tuple(tensor.shape.strides)
    bytes.append(0x89)
    global("collections", "OrderedDict")
    code(")RtR")
  }

  private mutating func code(_ text: String) { bytes += Array(text.utf8) }

  private mutating func remember(_ name: String, _ make: (inout PickleWriter) -> Void) {
    if let place = remembered[name] {
      bytes += [UInt8(ascii: "h"), UInt8(place)]
      return
    }
    let place = remembered.count
    make(&self)
    bytes += [UInt8(ascii: "q"), UInt8(place)]
    remembered[name] = place
  }

  private mutating func global(_ module: String, _ member: String) {
    remember("\(module).\(member)") { $0.code("c\(module)\n\(member)\n") }
  }

  private mutating func text(_ text: String) {
    let text = Array(text.utf8)
    code("X")
    number(UInt32(text.count))
    bytes += text
  }

  private mutating func integer(_ value: Int) {
    if let small = UInt8(exactly: value) {
      bytes += [UInt8(ascii: "K"), small]
    } else if let small = UInt16(exactly: value) {
      code("M")
      number(small)
    } else if let small = Int32(exactly: value) {
      code("J")
      number(UInt32(bitPattern: small))
    } else {
      bytes += [0x8a, 8]
      number(UInt64(bitPattern: Int64(value)))
    }
  }

  private mutating func tuple(_ values: [Int]) {
    if values.count > 3 { code("(") }
    for value in values { integer(value) }
    switch values.count {
    case 0: code(")")
    case 1...3: bytes.append(0x84 + UInt8(values.count))
    default: code("t")
    }
  }

  private mutating func number<Number: FixedWidthInteger & UnsignedInteger>(_ value: Number) {
    var little = LittleEndianBytes()
    little.append(value)
    bytes += little.bytes
  }
}

extension TorchType {
  /// The type of storage for an element type.
  static func storageName(of dtype: DType) -> String {
    // Every element type of ours is one of PyTorch's, under the same name.
    (TorchType(rawValue: dtype.rawValue) ?? .uint8).storageName
  }
}
