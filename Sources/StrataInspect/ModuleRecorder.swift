import StrataCore
import StrataGraph
import StrataNN
import StrataRuntime

/// Listens to the outputs of all modules inside a network.
///
/// A recorder takes each module's place in the tree and calls it from there. The network computes the same
/// as before, but it prints and saves the recorders too: record on a network that serves nothing else.
public final class ModuleRecorder {
  /// The output of one call.
  public struct Record: Sendable {
    /// The module's path, followed by `#2` at its second call and so on: `layer1.0.relu#2`.
    public let name: String
    /// What it gave.
    public let output: Tensor
  }

  private final class Log {
    var records: [Record] = []
    var counts: [String: Int] = [:]

    func append(_ path: String, _ output: Tensor) {
      let count = (counts[path] ?? 0) + 1
      counts[path] = count
      records.append(Record(name: count == 1 ? path : "\(path)#\(count)", output: output))
    }
  }

  private final class Listener: Module {
    let inner: Module
    private let path: String
    private let log: Log

    init(_ inner: Module, path: String, log: Log) {
      self.inner = inner
      self.path = path
      self.log = log
      super.init()
    }

    override func forward(_ x: Tensor) -> Tensor {
      let output = inner(x)
      log.append(path, output)
      return output
    }
  }

  private let model: Module
  private let log = Log()

  /// Prepares a network.
  public init(_ model: Module) throws(StrataError) {
    self.model = model
    // Children first: a path must still lead through the modules themselves.
    for (path, module) in model.namedModules.reversed() where !path.isEmpty {
      try model.replace(path, with: Listener(module, path: path, log: log))
    }
  }

  /// Calls the network; returns its output and those of the modules in the order in which they finished,
  /// all computed.
  public func callAsFunction(_ x: Tensor) throws(StrataError) -> (output: Tensor, records: [Record]) {
    log.records = []
    log.counts = [:]
    let output = model(x)
    try Tensor.evaluate([output] + log.records.map(\.output))
    return (output, log.records)
  }
}
