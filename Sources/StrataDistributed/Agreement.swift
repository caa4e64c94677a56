import StrataCore
import StrataGraph

/// Keeps the tensors of all processes equal: gives them those of rank 0, and checks that they have stayed so.
public enum Agreement {
  /// Gives all processes the values that rank 0 has.
  public static func share(
    _ variables: [(name: String, variable: Variable)], over communicator: any Communicator
  ) throws(StrataError) {
    guard communicator.size > 1 else { return }
    try requireSameNames(variables.map { "\($0.name) \($0.variable.type)" }, over: communicator)
    for (name, variable) in variables {
      let value = try variable.value()
      guard value.buffer.byteCount > 0, value.shape.elementCount > 0 else { continue }
      // Others may hold the old value: the new one gets memory of its own.
      let byteCount = value.shape.elementCount * value.dtype.byteCount
      let buffer = Buffer(byteCount: byteCount)
      buffer.pointer.copyMemory(from: value.pointer, byteCount: byteCount)
      var offset = 0
      while offset < byteCount {
        let count = min(byteCount - offset, 1 << 28)
        try communicator.perform(
          Collective(.broadcast(root: 0), .byte, count: count), on: buffer.pointer + offset, label: name)
        offset += count
      }
      if communicator.rank != 0 {
        variable.store(HostTensor(dtype: value.dtype, shape: value.shape, buffer: buffer))
      }
    }
  }

  /// Fails where a tensor is not the same, bit for bit, on all processes; names the tensor and a rank that differs.
  public static func check(
    _ values: [(name: String, value: HostTensor)], over communicator: any Communicator
  ) throws(StrataError) {
    guard communicator.size > 1, !values.isEmpty else { return }
    let own = values.map { hash(of: $0.value) }
    var (low, high) = (own, own)
    try communicator.allReduce(&low, .minimum, label: "hashes of the parameters")
    try communicator.allReduce(&high, .maximum, label: "hashes of the parameters")
    guard let wrong = low.indices.first(where: { low[$0] != high[$0] }) else { return }
    let hashes = try communicator.allGather([own[wrong]], label: "hashes of \(values[wrong].name)")
    let rank = hashes.indices.first { hashes[$0] != hashes[0] } ?? 0
    throw StrataError(
      .communication,
      "the processes have come apart: \(values[wrong].name) of rank \(rank) differs from rank 0's")
  }

  /// Fails where the lists of names are not the same on all processes.
  static func requireSameNames(
    _ names: [String], over communicator: any Communicator
  ) throws(StrataError) {
    var hash = Hash()
    for name in names { for byte in name.utf8 + [0] { hash.add(UInt64(byte)) } }
    let own = [Int64(names.count), hash.value]
    let all = try communicator.allGather(own, label: "names of the parameters")
    guard let wrong = all.indices.first(where: { all[$0] != all[0] }) else { return }
    throw StrataError(
      .communication,
      "the processes do not train the same network: rank 0 has \(all[0][0]) tensors, "
        + "rank \(wrong) \(all[wrong][0]), or their names and shapes differ")
  }

  /// A number that depends on every bit of a tensor.
  static func hash(of value: HostTensor) -> Int64 {
    let count = value.shape.elementCount * value.dtype.byteCount
    let bytes = UnsafeRawBufferPointer(start: value.pointer, count: count)
    var hash = Hash()
    for index in 0..<count / 8 { hash.add(bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)) }
    for byte in bytes.suffix(count % 8) { hash.add(UInt64(byte)) }
    return hash.value
  }

  private struct Hash {
    private var state: UInt64 = 0x9e37_79b9_7f4a_7c15

    @inline(__always)
    mutating func add(_ word: UInt64) {
      state = (state ^ word) &* 0xff51_afd7_ed55_8ccd
      state ^= state >> 32
    }

    var value: Int64 { Int64(bitPattern: state) }
  }
}
