import StrataCore

/// Named tensors in an order, and remarks about them: what a file of weights holds.
public struct TensorArchive: Sendable, RandomAccessCollection {
  /// The names in their order.
  public private(set) var names: [String] = []
  /// Remarks, such as who wrote the file.
  public var metadata: [String: String]
  private var tensors: [String: HostTensor] = [:]

  /// Creates an archive without tensors.
  public init(metadata: [String: String] = [:]) { self.metadata = metadata }

  /// Creates an archive from its tensors; of those with one name the last counts.
  public init(
    _ tensors: some Sequence<(name: String, tensor: HostTensor)>, metadata: [String: String] = [:]
  ) {
    self.metadata = metadata
    for (name, tensor) in tensors { self[name] = tensor }
  }

  /// The tensor with a name; setting a new one appends it, setting nil removes it.
  public subscript(name: String) -> HostTensor? {
    get { tensors[name] }
    set {
      if newValue == nil {
        names.removeAll { $0 == name }
      } else if tensors[name] == nil {
        names.append(name)
      }
      tensors[name] = newValue
    }
  }

  /// The first tensor.
  public var startIndex: Int { 0 }
  /// The number of tensors.
  public var endIndex: Int { names.count }
  /// A tensor by its place.
  public subscript(position: Int) -> (name: String, tensor: HostTensor) {
    let name = names[position]
    guard let tensor = tensors[name] else { preconditionFailure("the archive lost \(name)") }
    return (name, tensor)
  }
}
