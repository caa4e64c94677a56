import StrataCore

/// The processes that train one network together, seen by one of them.
///
/// Every process makes the same calls in the same order. A call that some never make ends with an error on the
/// others after the time limit; with MPI it ends the whole job.
public protocol Communicator: Sendable {
  /// Which process this one is, counted from 0.
  var rank: Int { get }
  /// How many there are.
  var size: Int { get }
  /// Which process of its host this one is.
  var localRank: Int { get }
  /// How many run on this host.
  var localSize: Int { get }

  /// Begins a collective operation on memory that stays valid and untouched until it is over.
  ///
  /// - Parameter label: what is asked for, in a few words, for messages: `gradients 3`.
  func begin(
    _ collective: Collective, on memory: UnsafeMutableRawPointer, lane: Lane, label: String
  ) throws(StrataError) -> any PendingCollective

  /// Ends all processes, after one message. The process that finds the trouble calls this.
  func abort(_ reason: String, status: Int32) -> Never

  /// Takes leave of the others, who all do so at the end.
  func finish() throws(StrataError)
}

/// An operation that all processes take part in.
public struct Collective: Sendable, Hashable {
  /// What is done.
  public enum Kind: Sendable, Hashable {
    /// Every element becomes its combination over all processes.
    case allReduce(Combination)
    /// The elements become those of one process.
    case broadcast(root: Int)
    /// The memory has `count` elements for each process, and one's own are filled in.
    case allGather
    /// Nothing but that all arrive.
    case barrier
  }

  /// Ways to combine the elements of all processes.
  public enum Combination: String, Sendable, Hashable { case sum, maximum, minimum }

  /// The elements that collectives work on.
  public enum Element: String, Sendable, Hashable {
    case float32, float64, int64, bfloat16, byte

    /// Bytes of one.
    public var byteCount: Int {
      switch self {
      case .float32: 4
      case .float64, .int64: 8
      case .bfloat16: 2
      case .byte: 1
      }
    }
  }

  /// What is done.
  public let kind: Kind
  /// What the elements are.
  public let element: Element
  /// How many there are; for `allGather`, of each process.
  public let count: Int

  /// Creates a description.
  public init(_ kind: Kind, _ element: Element, count: Int) {
    self.kind = kind
    self.element = element
    self.count = count
  }
}

extension Collective: CustomStringConvertible {
  /// `sum of 1000 float32`.
  public var description: String {
    switch kind {
    case .allReduce(let combination): "\(combination.rawValue) of \(count) \(element.rawValue)"
    case .broadcast(let root): "broadcast of \(count) \(element.rawValue) from rank \(root)"
    case .allGather: "gathering of \(count) \(element.rawValue) each"
    case .barrier: "barrier"
    }
  }
}

/// Collectives of one lane begin in the same order on all processes; those of different lanes do not wait for
/// each other.
public enum Lane: Int, Sendable, Hashable, CaseIterable {
  /// What the program waits for at once.
  case main
  /// Gradients, which travel while the backward pass goes on.
  case gradients
}

/// A collective operation that has begun.
public protocol PendingCollective: Sendable {
  /// Whether it is over.
  var isDone: Bool { get }
  /// When it was over, on the process's steady clock.
  var end: ContinuousClock.Instant? { get }
  /// Waits for it.
  func wait() throws(StrataError)
}

extension Communicator {
  /// Whether this process speaks for all: writes files and progress.
  public var isRoot: Bool { rank == 0 }

  /// Does a collective and waits for it.
  public func perform(
    _ collective: Collective, on memory: UnsafeMutableRawPointer, label: String
  ) throws(StrataError) {
    try begin(collective, on: memory, lane: .main, label: label).wait()
  }

  /// Waits until all processes have come here.
  public func barrier(_ label: String = "barrier") throws(StrataError) {
    var nothing: UInt8 = 0
    let failure = withUnsafeMutableBytes(of: &nothing) { bytes -> StrataError? in
      guard let start = bytes.baseAddress else { return nil }
      return outcome { () throws(StrataError) in
        try perform(Collective(.barrier, .byte, count: 0), on: start, label: label)
      }
    }
    if let failure { throw failure }
  }

  /// Combines numbers over all processes, in place.
  public func allReduce(
    _ values: inout [Float], _ combination: Collective.Combination = .sum, label: String = "numbers"
  ) throws(StrataError) {
    try reduce(&values, .float32, combination, label)
  }

  /// Combines numbers over all processes, in place.
  public func allReduce(
    _ values: inout [Double], _ combination: Collective.Combination = .sum, label: String = "numbers"
  ) throws(StrataError) {
    try reduce(&values, .float64, combination, label)
  }

  /// Combines numbers over all processes, in place.
  public func allReduce(
    _ values: inout [Int64], _ combination: Collective.Combination = .sum, label: String = "numbers"
  ) throws(StrataError) {
    try reduce(&values, .int64, combination, label)
  }

  /// The mean of numbers over all processes, in place.
  public func allReduceMean(_ values: inout [Double], label: String = "numbers") throws(StrataError) {
    try reduce(&values, .float64, .sum, label)
    for index in values.indices { values[index] /= Double(size) }
  }

  /// Gives everybody the numbers that one process has.
  public func broadcast(
    _ values: inout [Int64], from root: Int = 0, label: String = "numbers"
  ) throws(StrataError) {
    try inPlace(&values, Collective(.broadcast(root: root), .int64, count: values.count), label)
  }

  /// Gives everybody the bytes that one process has; the others' may be of any number.
  public func broadcast(
    bytes: [UInt8], from root: Int = 0, label: String = "bytes"
  ) throws(StrataError) -> [UInt8] {
    var count = [Int64(bytes.count)]
    try broadcast(&count, from: root, label: "size of \(label)")
    guard count[0] > 0 else { return [] }
    var result = rank == root ? bytes : [UInt8](repeating: 0, count: Int(count[0]))
    try inPlace(&result, Collective(.broadcast(root: root), .byte, count: result.count), label)
    return result
  }

  /// What every process has to say, in the order of ranks; each says as many numbers.
  public func allGather(_ values: [Int64], label: String = "numbers") throws(StrataError) -> [[Int64]] {
    let count = values.count
    guard count > 0 else { return Array(repeating: [], count: size) }
    var all = [Int64](repeating: 0, count: count * size)
    all.replaceSubrange(rank * count..<(rank + 1) * count, with: values)
    try inPlace(&all, Collective(.allGather, .int64, count: count), label)
    let gathered = all
    return (0..<size).map { Array(gathered[$0 * count..<($0 + 1) * count]) }
  }

  private func reduce<Scalar>(
    _ values: inout [Scalar], _ element: Collective.Element, _ combination: Collective.Combination,
    _ label: String
  ) throws(StrataError) {
    try inPlace(&values, Collective(.allReduce(combination), element, count: values.count), label)
  }

  private func inPlace<Scalar>(
    _ values: inout [Scalar], _ collective: Collective, _ label: String
  ) throws(StrataError) {
    guard collective.count > 0 else { return }
    let failure = values.withUnsafeMutableBytes { bytes -> StrataError? in
      guard let start = bytes.baseAddress else { return nil }
      return outcome { () throws(StrataError) in try perform(collective, on: start, label: label) }
    }
    if let failure { throw failure }
  }

  private func outcome(_ body: () throws(StrataError) -> Void) -> StrataError? {
    do throws(StrataError) {
      try body()
      return nil
    } catch {
      return error
    }
  }
}
