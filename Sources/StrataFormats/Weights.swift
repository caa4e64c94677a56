import StrataCore

/// Files of weights in any format that can be read: safetensors and their indices, PyTorch's checkpoints,
/// NumPy's arrays and archives, and the values that ONNX models store.
public enum Weights {
  /// Reads a file; its contents tell the format, whatever it is called.
  ///
  /// Of a whole training checkpoint these are the weights, the averaged ones (EMA) where there are any;
  /// `PyTorchCheckpoint` reads the rest. The array of an `.npy` file is called `tensor`.
  public static func read(_ path: String) throws(StrataError) -> TensorArchive {
    let buffer = try FileSystem.map(path)
    switch FileSignature(buffer) {
    case .json: return try Safetensors.readIndex(path)
    case .onnx: return try ONNX.read(path).archive
    default: return try decode(buffer, name: path)
    }
  }

  /// What the beginning of a file says.
  package enum Content {
    case weights
    case model
  }

  /// Whether a file begins as one of weights does, or as an ONNX model; nil for others and for one that cannot be
  /// opened.
  package static func content(_ path: String) -> Content? {
    (try? FileSystem.map(path)).flatMap { FileSignature($0) }.map { $0 == .onnx ? .model : .weights }
  }

  /// Reads a file that is already in memory; `name` is what messages call it.
  public static func decode(_ buffer: Buffer, name: String) throws(StrataError) -> TensorArchive {
    switch FileSignature(buffer) {
    case .safetensors: return try Safetensors.decode(buffer, name: name)
    case .numPy: return TensorArchive([("tensor", try NumPy.decode(buffer, name: name))])
    case .pickle: return try stateDict(try PyTorchCheckpoint.decode(buffer, name: name), name)
    case .zip:
      let archive = try ZipArchive(buffer, name: name)
      if PyTorchCheckpoint.folder(of: archive) != nil {
        let fileSize = buffer.byteCount
        return try stateDict(
          try PyTorchCheckpoint.decode(archive, fileSize: fileSize, name: name), name)
      }
      guard archive.names.contains(where: { $0.hasSuffix(".npy") }) else {
        throw StrataError(
          .format, "\(name): a zip archive of weights holds data.pkl or .npy files, and this one neither")
      }
      return try NumPyArchive.decode(archive, name: name)
    case .onnx: return try ONNX.decode(buffer, name: name).archive
    case .json: throw StrataError(.format, "\(name): an index of shards is read together with their files")
    case nil: throw StrataError(.format, "\(name): \(guess(buffer))")
    }
  }

  private static func stateDict(
    _ value: CheckpointValue, _ name: String
  ) throws(StrataError) -> TensorArchive {
    do throws(StrataError) { return try value.stateDict() } catch {
      throw StrataError(error.kind, "\(name): \(error.message)")
    }
  }

  /// What a file is that holds no weights, where that can be told.
  private static func guess(_ buffer: Buffer) -> String {
    defer { withExtendedLifetime(buffer) {} }
    let known: [(bytes: [UInt8], name: String)] = [
      (
        Array("version https://git-lfs".utf8),
        "a pointer of Git LFS: fetch the file itself with 'git lfs pull'"
      ),
      (Array("<".utf8), "a web page, not weights: a download went wrong"),
      ([0x89, 0x48, 0x44, 0x46], "an HDF5 file of Keras, which cannot be read: save as safetensors"),
      ([0x1f, 0x8b], "compressed with gzip: unpack it first"),
      (Array("GGUF".utf8), "a GGUF file, which cannot be read"),
    ]
    if buffer.byteCount == 0 { return "the file is empty" }
    if let kind = known.first(where: { buffer.bytes.starts(with: $0.bytes) }) {
      return "this is \(kind.name)"
    }
    if buffer.byteCount > 262, buffer.bytes[257..<262].elementsEqual("ustar".utf8) {
      return "this is a tar archive: unpack it first"
    }
    return "this is no file of weights: safetensors, .pth, .npz, .npy and .onnx can be read"
  }

  /// Writes a file in the format that the path's extension names: `safetensors`, `pth` or `pt`, `npz`,
  /// and `npy` for a single tensor.
  public static func write(_ archive: TensorArchive, to path: String) throws(StrataError) {
    let file = path.split(separator: "/").last ?? ""
    let type = file.split(separator: ".").dropFirst().last?.lowercased() ?? ""
    switch type {
    case "safetensors": try Safetensors.write(archive, to: path)
    case "pth", "pt": try PyTorchCheckpoint.write(archive, to: path)
    case "npz": try NumPyArchive.write(archive, to: path)
    case "npy":
      guard archive.count == 1, let single = archive.first else {
        throw StrataError(.argument, "\(path): an .npy file holds one tensor, and these are \(archive.count)")
      }
      try NumPy.write(single.tensor, to: path)
    case "onnx":
      throw StrataError(
        .argument, "\(path): weights alone make no ONNX model: strata export MODEL --weights W writes one")
    default:
      let found = type.isEmpty ? "the name has no extension" : "\(quoted(".\(type)")) is unknown"
      throw StrataError(
        .argument, "\(path): \(found); weights are written as .safetensors, .pth, .npz or .npy")
    }
  }
}

extension ONNXModel {
  /// The stored values, with what the model says of itself.
  fileprivate var archive: TensorArchive {
    func list(_ values: [ONNXValue]) -> String {
      values.map { value in
        let shape = (value.shape ?? []).map(\.description).joined(separator: ", ")
        return "\(value.name) [\(shape)]"
      }.joined(separator: ", ")
    }
    // Shapes and bounds, which models store as well, are no weights.
    let weights = initializers.filter { $0.tensor.dtype.isFloatingPoint && $0.tensor.shape.rank > 0 }
    var archive = TensorArchive(weights, metadata: metadata)
    archive.metadata["ONNX operators"] = "\(nodes.count), opset \(opset)"
    let producer = [producer.name, producer.version].filter { !$0.isEmpty }.joined(separator: " ")
    if !producer.isEmpty { archive.metadata["ONNX producer"] = producer }
    let given = inputs.filter { initializers[$0.name] == nil }
    archive.metadata["ONNX inputs"] = list(given)
    archive.metadata["ONNX outputs"] = list(outputs)
    return archive
  }
}
