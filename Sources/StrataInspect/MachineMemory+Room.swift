import StrataCore

extension MachineMemory {
  /// Throws where an input alone exceeds the memory, before anything is computed from its shape.
  func requireRoom(forInput shape: Shape) throws(StrataError) {
    let bytes = shape.reduce(4.0) { $0 * Double($1) }
    try requireRoom(bytes, for: "an input of \(shape)")
  }

  /// Throws where something needs more bytes than there are.
  func requireRoom(_ bytes: Double, for purpose: String) throws(StrataError) {
    guard bytes > total else { return }
    throw StrataError(
      .memory, "\(purpose) needs \(Text.bytes(bytes)) of memory, and there are \(Text.bytes(total))")
  }

  /// Throws where a network's weights and its intermediate results on an input do not fit.
  package func requireRoom(for trace: TracedNetwork, named name: String, input: Shape) throws(StrataError) {
    let bytes = Double(trace.variableBytes) + Double(trace.peakActivationBytes)
    try requireRoom(bytes, for: "\(name) on an input of \(input)")
  }
}
