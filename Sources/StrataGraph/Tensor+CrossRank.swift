import StrataCore

extension Tensor {
  /// The sum of the tensor over all processes that run the same graph; its gradient is summed likewise.
  ///
  /// A process alone has nothing to add: the sum is the tensor.
  public func summedOverRanks() -> Tensor { Tensor.apply(.crossRank(.sum), [self]) }

  /// The sums over all processes of some tensors, which travel while the run goes on; part `i` is the `i`-th.
  package static func summedOverRanks(_ parts: [Tensor]) -> [Tensor] {
    let valid = parts.filter { $0.error == nil }
    // In one arena the nodes have one order: all parts are handed over before a sum is waited for.
    GraphArena.locked { _ = Tensor.placed(valid) }
    let tokens = parts.enumerated().map { part, tensor in
      Tensor.apply(.crossRank(.contribute(part: part)), [tensor])
    }
    var sums = parts
    // The last gradients are back first, and are taken while the others are still under way.
    for (part, tensor) in parts.enumerated().reversed() where tensor.error == nil {
      sums[part] = Tensor.apply(.crossRank(.collect(part: part, tensor.shape, tensor.dtype)), [tokens[part]])
    }
    return sums
  }
}
