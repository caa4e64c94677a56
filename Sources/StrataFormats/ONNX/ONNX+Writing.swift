import StrataCore

extension ONNX {
  /// Where the elements of stored values go.
  public enum DataPlace: Sendable {
    /// Into the model's file, unless that would grow beyond the 2 GB that the format allows.
    case automatic
    /// Into a file of their own beside it, `model.onnx.data`.
    case external
  }

  /// What a message of Protocol Buffers may have at most, less some room.
  private static let greatestMessage = 2_000_000_000

  /// Values of fewer bytes stay in the model's file.
  private static let leastExternal = 1024

  /// Writes a model.
  public static func write(
    _ model: ONNXModel, to path: String, data: DataPlace = .automatic
  ) throws(StrataError) {
    let size = model.initializers.reduce(0) { $0 + $1.tensor.byteCount }
    var places: [String: Int] = [:]
    let dataPath = path + ".data"
    if data == .external || size > greatestMessage {
      var end = 0
      for (name, tensor) in model.initializers where tensor.byteCount >= leastExternal {
        places[name] = end
        end += (tensor.byteCount + 63) & ~63
      }
      try FileSystem.write(dataPath) { writer throws(StrataError) in
        for (_, tensor) in model.initializers where tensor.byteCount >= leastExternal {
          try writer.write(tensor)
          try writer.write([UInt8](repeating: 0, count: -tensor.byteCount & 63))
        }
      }
    }
    let file = dataPath.split(separator: "/").last.map(String.init) ?? dataPath
    let message = message(model, dataFile: file, places: places)
    try FileSystem.write(path) { writer throws(StrataError) in
      for part in message.parts {
        switch part {
        case .bytes(let bytes): try writer.write(bytes)
        case .tensor(let tensor): try writer.write(tensor)
        }
      }
    }
  }

  private static func message(
    _ model: ONNXModel, dataFile: String, places: [String: Int]
  ) -> ProtobufMessage {
    var graph = ProtobufMessage()
    for node in model.nodes { graph.add(1, message(node)) }
    graph.add(2, model.name)
    for (name, tensor) in model.initializers {
      graph.add(5, message(tensor, name: name, external: places[name].map { (dataFile, $0) }))
    }
    for value in model.inputs { graph.add(11, message(value)) }
    for value in model.outputs { graph.add(12, message(value)) }

    var message = ProtobufMessage()
    message.add(1, model.irVersion)
    message.add(2, model.producer.name)
    message.add(3, model.producer.version)
    message.add(7, graph)
    var opset = ProtobufMessage()
    opset.add(1, "")
    opset.add(2, model.opset)
    message.add(8, opset)
    for (key, value) in model.metadata.sorted(by: { $0.key < $1.key }) { message.add(14, pair(key, value)) }
    return message
  }

  private static func pair(_ key: String, _ value: String) -> ProtobufMessage {
    var message = ProtobufMessage()
    message.add(1, key)
    message.add(2, value)
    return message
  }

  private static func message(_ node: ONNXNode) -> ProtobufMessage {
    var message = ProtobufMessage()
    for input in node.inputs { message.add(1, input) }
    for output in node.outputs { message.add(2, output) }
    message.add(3, node.name)
    message.add(4, node.op)
    for (name, attribute) in node.attributes.sorted(by: { $0.key < $1.key }) {
      message.add(5, self.message(attribute, name: name))
    }
    if !node.domain.isEmpty { message.add(7, node.domain) }
    return message
  }

  private static func message(_ attribute: ONNXAttribute, name: String) -> ProtobufMessage {
    var message = ProtobufMessage()
    message.add(1, name)
    let type: Int
    switch attribute {
    case .float(let value):
      message.add(2, value)
      type = 1
    case .integer(let value):
      message.add(3, value)
      type = 2
    case .string(let text):
      message.add(4, text)
      type = 3
    case .tensor(let tensor):
      message.add(5, self.message(tensor, name: "", external: nil))
      type = 4
    case .floats(let values):
      message.add(7, packed: values)
      type = 6
    case .integers(let values):
      message.add(8, packed: values)
      type = 7
    case .strings(let texts):
      for text in texts { message.add(9, text) }
      type = 8
    case .other: type = 0
    }
    message.add(20, type)
    return message
  }

  private static func message(
    _ tensor: HostTensor, name: String, external: (file: String, offset: Int)?
  ) -> ProtobufMessage {
    var message = ProtobufMessage()
    message.add(1, packed: tensor.shape.sizes)
    message.add(2, number(of: tensor.dtype))
    message.add(8, name)
    guard let external else {
      message.add(9, elements: tensor)
      return message
    }
    message.add(13, pair("location", external.file))
    message.add(13, pair("offset", String(external.offset)))
    message.add(13, pair("length", String(tensor.byteCount)))
    message.add(14, 1)
    return message
  }

  private static func message(_ value: ONNXValue) -> ProtobufMessage {
    var shape = ProtobufMessage()
    for dimension in value.shape ?? [] {
      var size = ProtobufMessage()
      switch dimension {
      case .size(let length): size.add(1, length)
      case .named(let name): size.add(2, name)
      }
      shape.add(1, size)
    }
    var tensor = ProtobufMessage()
    tensor.add(1, value.dtype.map(number) ?? 0)
    if value.shape != nil { tensor.add(2, shape) }
    var type = ProtobufMessage()
    type.add(1, tensor)
    var message = ProtobufMessage()
    message.add(1, value.name)
    message.add(2, type)
    return message
  }
}
