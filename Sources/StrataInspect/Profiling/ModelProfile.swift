import StrataCore
import StrataGraph
import StrataNN
import StrataPasses
import StrataRuntime

/// How long each layer of a network takes, measured over several runs, and how that compares with the machine.
public struct ModelProfile: Sendable {
  /// A layer, with all that runs for it: its operation, those fused into it, changes of layout.
  public struct Layer: Sendable, Hashable {
    /// The module's path.
    public let path: String
    /// The module's class.
    public let typeName: String
    /// What runs, fused operations joined: `conv2d + add + relu`.
    public let operation: String
    /// The kernels in the order in which they run.
    public let implementations: [String]
    /// The median time.
    public let seconds: Double
    /// The part of that time that changes of layout and copies take.
    public let reorderSeconds: Double
    /// Multiplications and additions.
    public let flops: Int
    /// Bytes of operands and result.
    public let bytes: Int
    /// The path of the layer whose kernel computes this one too, and whose figures are those of both; nil where the
    /// layer has a kernel of its own.
    public let within: String?

    /// Creates a layer of known figures.
    package init(
      path: String, typeName: String, operation: String, implementations: [String], seconds: Double,
      reorderSeconds: Double, flops: Int, bytes: Int, within: String? = nil
    ) {
      self.path = path
      self.typeName = typeName
      self.operation = operation
      self.implementations = implementations
      self.seconds = seconds
      self.reorderSeconds = reorderSeconds
      self.flops = flops
      self.bytes = bytes
      self.within = within
    }

    /// Multiplications and additions a second.
    public var flopsPerSecond: Double { seconds > 0 ? Double(flops) / seconds : 0 }
    /// Bytes a second.
    public var bytesPerSecond: Double { seconds > 0 ? Double(bytes) / seconds : 0 }
    /// Whether moving its bytes takes the machine longer than its arithmetic.
    public func isBoundByMemory(_ ceilings: MachineCeilings) -> Bool {
      Double(bytes) / ceilings.bandwidth > Double(flops) / ceilings.flops
    }
    /// The share of what the machine could do at best: the time that arithmetic or memory alone would take,
    /// whichever is longer, over the time that was taken.
    public func efficiency(_ ceilings: MachineCeilings) -> Double {
      guard seconds > 0 else { return 0 }
      return max(Double(flops) / ceilings.flops, Double(bytes) / ceilings.bandwidth) / seconds
    }
  }

  /// The network's class.
  public let name: String
  /// The shape of the input.
  public let input: Shape
  /// Threads that the engine used.
  public let threads: Int
  /// How many runs were measured.
  public let runs: Int
  /// The median time of a run in seconds.
  public let seconds: Double
  /// The layers in the order in which they run.
  public let layers: [Layer]
  /// Those that have a kernel of their own.
  public var timedLayers: [Layer] { layers.filter { $0.within == nil } }
  /// What the machine reaches at best.
  public let ceilings: MachineCeilings
  /// The steps of the run whose time is the median, for a trace.
  let steps: [(layer: String, operation: String, timing: StepTiming)]

  /// Runs the network in evaluation mode on random images, `runs` times after two that are not measured.
  public init(
    _ model: Module, input: Shape, runs: Int = 15, ceilings: MachineCeilings
  ) throws(StrataError) {
    try MachineMemory.current.requireRoom(forInput: input)
    let image = Tensor(HostTensor.normal(shape: input, key: RandomKey(seed: 0)))
    let result = model.inEvaluation { model(image) }
    if let error = result.error { throw InputSize.explain(error, model, input) }
    let trace = Trace(of: [result])
    let plan = try Engine.plan(trace)
    for _ in 0..<2 { _ = try Engine.profile(trace) }
    var measured: [[StepTiming]] = []
    for _ in 0..<max(1, runs) { measured.append(try Engine.profile(trace)) }

    let totals = measured.map { $0.reduce(0) { $0 + $1.duration.inSeconds } }
    let order = totals.indices.sorted { totals[$0] < totals[$1] }
    let middle = order[order.count / 2]
    name = model.typeName
    self.input = input
    threads = Engine.threadCount
    self.runs = measured.count
    self.ceilings = ceilings
    seconds = totals[middle]
    layers = Self.layers(plan, Engine.configuration.backend.forecast(plan), measured)
    steps = measured[middle].map { timing in
      let node = timing.node.map { plan.graph.nodes[$0] }
      let operation = timing.kind == .operation ? node.map { $0.op.fusedName } ?? "" : timing.kind.rawValue
      return (node?.origin.label ?? "", operation, timing)
    }
  }

  private static func layers(
    _ plan: Plan, _ forecast: WorkspaceForecast, _ runs: [[StepTiming]]
  ) -> [Layer] {
    guard let first = runs.first else { return [] }
    let medians = first.indices.map { step in
      let times = runs.map { $0[step].duration.inSeconds }.sorted()
      return times[times.count / 2]
    }
    var places: [Int?: Int] = [:]
    var groups: [(node: Int?, steps: [Int])] = []
    for (index, step) in first.enumerated() {
      if let place = places[step.node] {
        groups[place].steps.append(index)
      } else {
        places[step.node] = groups.count
        groups.append((step.node, [index]))
      }
    }
    for (node, turn) in forecast.turns.enumerated() where turn != node { groups.append((node, [])) }
    groups.sort { ($0.node ?? -1) < ($1.node ?? -1) }
    return groups.map { group in
      if let index = group.node, group.steps.isEmpty {
        let (node, host) = (plan.graph.nodes[index], plan.graph.nodes[forecast.turns[index]])
        return Layer(
          path: node.origin.path, typeName: node.origin.typeName, operation: node.op.fusedName,
          implementations: [], seconds: 0, reorderSeconds: 0, flops: 0, bytes: 0, within: host.origin.path)
      }
      let steps = group.steps.map { first[$0] }
      let isWork = steps.map { $0.kind == .operation || $0.kind == .run }
      let others = zip(group.steps, isWork).reduce(0) { $0 + ($1.1 ? 0 : medians[$1.0]) }
      let node = group.node.map { plan.graph.nodes[$0] }
      var implementations: [String] = []
      // A batch that is computed in parts has each step several times.
      for step in steps {
        let name = (step.kind == .reorder ? "reorder " : "") + step.implementation
        if !implementations.contains(name) { implementations.append(name) }
      }
      return Layer(
        path: node?.origin.path ?? "", typeName: node?.origin.typeName ?? "",
        operation: node?.op.fusedName ?? "run",
        implementations: implementations,
        seconds: group.steps.reduce(0) { $0 + medians[$1] }, reorderSeconds: others,
        flops: group.node.map { 2 * forecast.multiplyAccumulates(at: $0) } ?? 0,
        bytes: group.node.map(forecast.movedByteCount(at:)) ?? 0)
    }
  }
}

extension Op {
  /// The operation and what is fused into it: `conv2d + add + relu`.
  var fusedName: String {
    let epilogue: Epilogue
    switch self {
    case .conv2d(_, let found), .linear(_, let found): epilogue = found
    default: return name
    }
    return ([name] + (epilogue.addsResidual ? ["add"] : []) + (epilogue.activation.map { [$0.name] } ?? []))
      .joined(separator: " + ")
  }
}

extension ModelProfile {
  /// The table for people; the slowest layers alone where a number of them is asked for.
  public func text(slowest: Int? = nil) -> String {
    var shown = layers
    if let slowest { shown = Array(timedLayers.sorted { $0.seconds > $1.seconds }.prefix(slowest)) }
    let all = layers.reduce(0) { $0 + $1.seconds }
    func giga(_ value: Double) -> String { value < 0.05e9 ? "" : DecimalText.fixed(value / 1e9, digits: 1) }
    let rows = shown.map { layer in
      [
        layer.path.isEmpty ? layer.typeName : "\(layer.path)  \(layer.typeName)", layer.operation,
      ] + (layer.within.map { ["with \($0)", "", "", "", "", ""] } ?? figures(layer))
    }
    func figures(_ layer: Layer) -> [String] {
      [
        layer.implementations.joined(separator: ", "), Text.milliseconds(layer.seconds),
        DecimalText.fixed(100 * layer.seconds / max(all, 1e-12), digits: 1) + "%", giga(layer.flopsPerSecond),
        giga(layer.bytesPerSecond), DecimalText.fixed(100 * layer.efficiency(ceilings), digits: 0) + "%",
      ]
    }
    let titles = ["Layer", "Operation", "Implementation", "ms", "Share", "GFLOP/s", "GB/s", "Of the bound"]
    let flops = layers.reduce(0) { $0 + $1.flops }
    let bound = layers.reduce(0) { $0 + $1.efficiency(ceilings) * $1.seconds }
    let reorders = layers.reduce(0) { $0 + $1.reorderSeconds }
    let summary = Text.pairs([
      ("Input", "\(input), \(threads) threads"),
      ("Run", "\(Text.milliseconds(seconds)) ms, the median of \(runs)"),
      (
        "Arithmetic",
        "\(DecimalText.fixed(Double(flops) / max(seconds, 1e-12) / 1e9, digits: 1)) GFLOP/s of \(giga(ceilings.flops)) measured here"
      ),
      ("Memory", "\(giga(ceilings.bandwidth)) GB/s measured here, reading and writing"),
      (
        "Bound", "\(Text.milliseconds(bound)) ms, what arithmetic or memory alone would take layer by layer"
      ), ("Layouts", "\(Text.milliseconds(reorders)) ms spent on changing them"),
    ])
    return Text.table([titles] + rows) + "\n\n" + summary
  }

  /// A step of the trace: when it ran, what it did.
  public struct Event: Sendable, Hashable {
    /// The layer: `features.0 (Conv2d)`.
    public let layer: String
    /// The operation, `reorder` or `copy`.
    public let operation: String
    /// The kernel.
    public let implementation: String
    /// Microseconds from the run's beginning.
    public let start: Double
    /// Microseconds that it took.
    public let duration: Double
  }

  /// The steps of the run whose time is the median.
  public var events: [Event] {
    steps.map { layer, operation, timing in
      Event(
        layer: layer, operation: operation, implementation: timing.implementation,
        start: timing.start.inSeconds * 1e6, duration: timing.duration.inSeconds * 1e6)
    }
  }
}
