import StrataCore

extension CheckpointValue {
  /// Names under which training programs keep the averaged weights, which are the better ones.
  private static let averagedNames = ["state_dict_ema", "model_ema", "ema_state_dict", "ema"]
  /// Names under which they keep the weights.
  private static let plainNames = [
    "state_dict", "model_state_dict", "model", "module", "net", "network", "weights", "params",
  ]
  /// What wrappers put before each name: data-parallel training, `torch.compile`.
  private static let wrappers = ["module.", "_orig_mod."]
  /// How deep weights lie in anything that was not made to hide them.
  private static let greatestDepth = 4

  /// The weights of a network in the checkpoint: the dictionary itself, or the one inside a whole
  /// checkpoint, without the prefixes of wrappers such as `module.`.
  ///
  /// - Parameter prefersAverage: Whether averaged weights (EMA) are taken where there are both.
  public func stateDict(prefersAverage: Bool = true) throws(StrataError) -> TensorArchive {
    let averaged = prefersAverage ? Self.averagedNames : []
    let names = averaged + Self.plainNames + (prefersAverage ? [] : Self.averagedNames)
    if case .tensor(let tensor) = self { return TensorArchive([("tensor", tensor)]) }
    guard let found = weights(under: names, depth: 0) else {
      throw StrataError(.format, "the checkpoint holds no named tensors; it is \(summary)")
    }
    return Self.withoutWrappers(found)
  }

  private func weights(under names: [String], depth: Int) -> [Entry]? {
    guard depth <= Self.greatestDepth, let entries else { return nil }
    for name in names {
      guard let inner = self[name], inner.entries != nil else { continue }
      if let found = inner.weights(under: names, depth: depth + 1) { return found }
    }
    let tensors = entries.filter { $0.key.string != nil && $0.value.tensor != nil }
    return tensors.isEmpty ? nil : tensors
  }

  private static func withoutWrappers(_ entries: [Entry]) -> TensorArchive {
    var named = entries.compactMap { entry -> (name: String, tensor: HostTensor)? in
      guard let name = entry.key.string, let tensor = entry.value.tensor else { return nil }
      return (name, tensor)
    }
    var isUnwrapped = false
    while !isUnwrapped {
      isUnwrapped = true
      for wrapper in wrappers {
        // An averaged model counts its averages beside the module.
        let inner = named.filter { $0.name != "n_averaged" }
        guard !inner.isEmpty, inner.allSatisfy({ $0.name.utf8.count > wrapper.utf8.count }),
          inner.allSatisfy({ $0.name.hasPrefix(wrapper) })
        else { continue }
        named = inner.map { (String($0.name.dropFirst(wrapper.count)), $0.tensor) }
        isUnwrapped = false
      }
    }
    return TensorArchive(named)
  }

  private var summary: String {
    guard let entries else { return kind }
    let keys = entries.prefix(8).compactMap(\.key.string).map { quoted($0) }
    return keys.isEmpty
      ? "a dictionary of \(entries.count) entries"
      : "a dictionary with \(keys.joined(separator: ", "))" + (entries.count > 8 ? ", …" : "")
  }
}
