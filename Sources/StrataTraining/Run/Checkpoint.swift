import StrataCore
import StrataFormats

/// All that a run needs to go on as if nothing had happened: tensors and a document, in one safetensors file.
///
/// Weights lie under `model.`, their moving average under `average.`, the optimiser's memory under `optimizer.`;
/// the document is the remark `strata.training` of the file. One file is replaced as a whole: a run that is
/// killed leaves the old checkpoint or the new one, never parts of both.
public struct Checkpoint: Sendable {
  /// What is not a tensor.
  public var state: JSONObject
  /// The tensors.
  public var tensors: TensorArchive

  private static let remark = "strata.training"

  /// Creates a checkpoint.
  public init(state: JSONObject = [:], tensors: TensorArchive = TensorArchive()) {
    (self.state, self.tensors) = (state, tensors)
  }

  /// Reads a checkpoint.
  public init(contentsOf path: String) throws(StrataError) {
    tensors = try Safetensors.read(path)
    guard let text = tensors.metadata[Checkpoint.remark] else {
      throw StrataError(.format, "\(path): these are weights, and no checkpoint of a run that could go on")
    }
    guard let state = try JSONValue.parse(text, name: "\(path): \(Checkpoint.remark)").object else {
      throw StrataError(.format, "\(path): \(Checkpoint.remark) is not an object")
    }
    self.state = state
  }

  /// Writes the checkpoint; it is on the disk before it takes the place of an older one.
  public func write(to path: String) throws(StrataError) {
    var archive = tensors
    archive.metadata[Checkpoint.remark] = JSONValue.object(state).serialized()
    try Safetensors.write(archive, to: path, durably: true)
  }

  /// Adds tensors under a prefix.
  mutating func add(_ part: some Sequence<(name: String, tensor: HostTensor)>, under prefix: String) {
    for (name, tensor) in part { tensors["\(prefix).\(name)"] = tensor }
  }

  /// The tensors under a prefix, by their own names.
  func part(_ prefix: String) -> TensorArchive {
    TensorArchive(
      tensors.filter { $0.name.hasPrefix(prefix + ".") }.map {
        (name: String($0.name.dropFirst(prefix.count + 1)), tensor: $0.tensor)
      })
  }
}
