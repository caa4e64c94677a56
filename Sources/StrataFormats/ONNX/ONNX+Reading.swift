import StrataCore

extension ONNX {
  /// Reads a model, with the data files beside it.
  public static func read(_ path: String) throws(StrataError) -> ONNXModel {
    var folder: String? = ""
    if let slash = path.lastIndex(of: "/") { folder = String(path[...slash]) }
    return try decode(try FileSystem.map(path), name: path, folder: folder)
  }

  /// Reads a model that is already in memory; `name` is what messages call it.
  ///
  /// - Parameter folder: Where data files lie; without it, a model that needs them is refused.
  public static func decode(
    _ buffer: Buffer, name: String, folder: String? = nil
  ) throws(StrataError) -> ONNXModel {
    let reader = ONNXReader(buffer: buffer, name: name, folder: folder)
    return try withExtendedLifetime(buffer) { () throws(StrataError) in try reader.model() }
  }
}

/// The checks between a file's fields and a model, each with its sentence.
private struct ONNXReader {
  let buffer: Buffer
  let name: String
  let folder: String?

  private func error(_ message: String) -> StrataError {
    StrataError(.format, "\(name): invalid ONNX: \(message)")
  }

  func model() throws(StrataError) -> ONNXModel {
    var model = ONNXModel()
    var (opset, hasGraph) = (0, false)
    var reader = ProtobufReader(buffer.bytes, name: name)
    while let field = try reader.next() {
      switch field.number {
      case 1: model.irVersion = try field.integer()
      case 2: model.producer.name = try field.text()
      case 3: model.producer.version = try field.text()
      case 7:
        try graph(try field.message(), into: &model)
        hasGraph = true
      case 8:
        if let version = try version(try field.message()) { opset = version }
      case 14:
        let (key, value) = try pair(try field.message())
        model.metadata[key] = value
      default: break
      }
    }
    guard hasGraph, opset > 0 else { throw error("a graph and a version of the operators are missing") }
    model.opset = opset
    return model
  }

  /// The version of ONNX's own operators, if that is what the message is about.
  private func version(_ message: ProtobufReader) throws(StrataError) -> Int? {
    var message = message
    var (domain, version) = ("", 0)
    while let field = try message.next() {
      if field.number == 1 { domain = try field.text() }
      if field.number == 2 { version = try field.integer() }
    }
    return domain.isEmpty || domain == "ai.onnx" ? version : nil
  }

  private func pair(_ message: ProtobufReader) throws(StrataError) -> (key: String, value: String) {
    var message = message
    var (key, value) = ("", "")
    while let field = try message.next() {
      if field.number == 1 { key = try field.text() }
      if field.number == 2 { value = try field.text() }
    }
    return (key, value)
  }

  private func graph(_ message: ProtobufReader, into model: inout ONNXModel) throws(StrataError) {
    var message = message
    var files = ExternalFiles(folder: folder, name: name)
    while let field = try message.next() {
      switch field.number {
      case 1: model.nodes.append(try node(try field.message()))
      case 2: model.name = try field.text()
      case 5:
        let (tensorName, value) = try tensor(try field.message(), &files)
        guard model.initializers[tensorName] == nil else {
          throw error("the stored value \(quoted(tensorName)) occurs twice")
        }
        model.initializers[tensorName] = value
      case 11: model.inputs.append(try value(try field.message()))
      case 12: model.outputs.append(try value(try field.message()))
      case 15: throw error("sparse stored values cannot be read")
      default: break
      }
    }
  }

  private func node(_ message: ProtobufReader) throws(StrataError) -> ONNXNode {
    var message = message
    var node = ONNXNode("", name: "", inputs: [], outputs: [])
    while let field = try message.next() {
      switch field.number {
      case 1: node.inputs.append(try field.text())
      case 2: node.outputs.append(try field.text())
      case 3: node.name = try field.text()
      case 4: node.op = try field.text()
      case 5:
        let (name, attribute) = try attribute(try field.message())
        node.attributes[name] = attribute
      case 7:
        let domain = try field.text()
        node.domain = domain == "ai.onnx" ? "" : domain
      default: break
      }
    }
    return node
  }

  private func attribute(
    _ message: ProtobufReader
  ) throws(StrataError) -> (name: String, value: ONNXAttribute) {
    var message = message
    var (name, type) = ("", 0)
    var (integers, floats, strings): ([Int], [Float], [String]) = ([], [], [])
    var (integer, float, string): (Int?, Float?, String?)
    var tensor: HostTensor?
    var files = ExternalFiles(folder: folder, name: self.name)
    while let field = try message.next() {
      switch field.number {
      case 1: name = try field.text()
      case 2: float = try field.float()
      case 3: integer = try field.integer()
      case 4: string = String(decoding: try field.bytes(), as: UTF8.self)
      case 5: tensor = try self.tensor(try field.message(), &files).value
      case 7: try field.append(to: &floats)
      case 8: try field.append(to: &integers)
      case 9: strings.append(String(decoding: try field.bytes(), as: UTF8.self))
      case 20: type = try field.integer()
      default: break
      }
    }
    switch type {
    case 1: return (name, .float(float ?? 0))
    case 2: return (name, .integer(integer ?? 0))
    case 3: return (name, .string(string ?? ""))
    case 4: return (name, tensor.map(ONNXAttribute.tensor) ?? .other)
    case 6: return (name, .floats(floats))
    case 7: return (name, .integers(integers))
    case 8: return (name, .strings(strings))
    default: return (name, .other)
    }
  }

  private func value(_ message: ProtobufReader) throws(StrataError) -> ONNXValue {
    var message = message
    var value = ONNXValue("", nil, nil)
    while let field = try message.next() {
      if field.number == 1 { value.name = try field.text() }
      guard field.number == 2 else { continue }
      var type = try field.message()
      while let field = try type.next() {
        guard field.number == 1 else { continue }
        var tensor = try field.message()
        while let field = try tensor.next() {
          if field.number == 1 { value.dtype = ONNX.type(of: try field.integer()) }
          if field.number == 2 { value.shape = try shape(try field.message()) }
        }
      }
    }
    return value
  }

  private func shape(_ message: ProtobufReader) throws(StrataError) -> [ONNXValue.Dimension] {
    var message = message
    var shape: [ONNXValue.Dimension] = []
    while let field = try message.next() {
      guard field.number == 1 else { continue }
      var dimension = ONNXValue.Dimension.named("")
      var size = try field.message()
      while let field = try size.next() {
        if field.number == 1 { dimension = .size(try field.integer()) }
        if field.number == 2 { dimension = .named(try field.text()) }
      }
      shape.append(dimension)
    }
    return shape
  }

  private func tensor(
    _ message: ProtobufReader, _ files: inout ExternalFiles
  ) throws(StrataError) -> (name: String, value: HostTensor) {
    var message = message
    var fields = TensorFields()
    while let field = try message.next() {
      switch field.number {
      case 1: try field.append(to: &fields.sizes)
      case 2: fields.type = try field.integer()
      case 4: try field.append(to: &fields.floats)
      case 5, 7: try field.append(to: &fields.integers)
      case 8: fields.name = try field.text()
      case 9: fields.raw = try field.bytes()
      case 10: try field.append(to: &fields.doubles)
      case 13:
        let (key, value) = try pair(try field.message())
        fields.external[key] = value
      case 14: fields.isExternal = try field.integer() == 1
      default: break
      }
    }
    return (fields.name, try tensor(fields, &files))
  }

  private struct TensorFields {
    var name = ""
    var type = 0
    var sizes: [Int] = []
    var raw: UnsafeRawBufferPointer?
    var floats: [Float] = []
    var integers: [Int] = []
    var doubles: [Double] = []
    var external: [String: String] = [:]
    var isExternal = false
  }

  private func tensor(
    _ fields: TensorFields, _ files: inout ExternalFiles
  ) throws(StrataError) -> HostTensor {
    let label = "the stored value \(quoted(fields.name))"
    guard let type = ONNX.type(of: fields.type) else {
      let known = ONNX.types.map(\.type.rawValue).joined(separator: ", ")
      throw error("\(label) has elements of type \(fields.type); those that can be read are \(known)")
    }
    guard fields.sizes.count <= 64, fields.sizes.allSatisfy({ $0 >= 0 }) else {
      throw error("\(label) has no proper shape")
    }
    let shape = Shape(fields.sizes)
    guard let count = shape.checkedElementCount, !count.multipliedReportingOverflow(by: 8).overflow else {
      throw error("\(label) has the impossible shape \(shape)")
    }
    let size = count * type.byteCount
    if fields.isExternal {
      let (file, offset) = try files.find(fields.external, size: size, label: label)
      return try checked(HostTensor(mapped: file, at: offset, dtype: type, shape: shape), label)
    }
    if let raw = fields.raw, let start = raw.baseAddress, !raw.isEmpty || count == 0 {
      guard raw.count == size else {
        throw error("\(label) has \(raw.count) bytes, which do not make \(shape) of \(type.rawValue)")
      }
      let offset = start - UnsafeRawPointer(buffer.pointer)
      return try checked(HostTensor(mapped: buffer, at: offset, dtype: type, shape: shape), label)
    }
    let given = fields.floats.count + fields.integers.count + fields.doubles.count
    guard given == count else {
      throw error("\(label) has \(given) elements, which do not make \(shape)")
    }
    if count == 0 { return HostTensor(dtype: type, shape: shape, buffer: Buffer(byteCount: 0)) }
    if !fields.doubles.isEmpty { return HostTensor(fields.doubles, shape: shape).converted(to: type) }
    if !fields.floats.isEmpty { return HostTensor(fields.floats, shape: shape).converted(to: type) }
    // Sixteen-bit numbers are stored as the integers that their bits are.
    guard type == .float16 || type == .bfloat16 else {
      return HostTensor(fields.integers, shape: shape).converted(to: type)
    }
    let bits = HostTensor(fields.integers.map { BFloat16(bitPattern: UInt16(truncatingIfNeeded: $0)) })
    return HostTensor(dtype: type, shape: shape, buffer: bits.buffer)
  }

  private func checked(_ tensor: HostTensor, _ label: String) throws(StrataError) -> HostTensor {
    if tensor.dtype == .bool, let wrong = withExtendedLifetime(tensor, { tensor.bytes.first { $0 > 1 } }) {
      throw error("\(label) has a truth value of \(wrong), which is neither 0 nor 1")
    }
    return tensor
  }
}

/// The files beside a model that hold elements of its values.
private struct ExternalFiles {
  let folder: String?
  let name: String
  private var mapped: [String: Buffer] = [:]

  init(folder: String?, name: String) {
    self.folder = folder
    self.name = name
  }

  mutating func find(
    _ description: [String: String], size: Int, label: String
  ) throws(StrataError) -> (file: Buffer, offset: Int) {
    func error(_ message: String) -> StrataError { StrataError(.format, "\(name): invalid ONNX: \(message)") }
    guard let location = description["location"], let offset = Int(description["offset"] ?? "0"), offset >= 0,
      let length = Int(description["length"] ?? String(size))
    else { throw error("\(label) does not tell where its elements lie") }
    // A model must not lead out of its folder.
    let parts = location.split(separator: "/", omittingEmptySubsequences: false)
    guard let folder, parts.allSatisfy({ !$0.isEmpty && $0 != ".." }), !location.utf8.contains(0) else {
      throw error("\(label) lies in \(quoted(location)), which is no file in the model's folder")
    }
    guard length == size else { throw error("\(label) has \(length) bytes in its file, and takes \(size)") }
    let file: Buffer
    if let known = mapped[location] { file = known } else { file = try FileSystem.map(folder + location) }
    mapped[location] = file
    guard size <= file.byteCount, offset <= file.byteCount - size else {
      throw error("\(label) reaches beyond the end of \(quoted(location))")
    }
    return (file, offset)
  }
}
