import StrataCore
import StrataGraph
import StrataNN

/// A network's cost as a formula in the number of images and their size.
///
/// Sizes of maps are linear in the image's where that is a multiple of all strides: the formula is then exact. It
/// is found from four sizes and checked at two others. Where a classifier expects a number of features, what lies
/// before it is a formula and the rest a number.
public struct SymbolicCost: Sendable, Hashable {
  /// A quantity for each image: `area · h · w + height · h + width · w + constant`.
  public struct Polynomial: Sendable, Hashable {
    /// The factor of h · w.
    public let area: Int
    /// The factor of h.
    public let height: Int
    /// The factor of w.
    public let width: Int
    /// What depends on neither.
    public let constant: Int

    /// The value for `h` and `w`.
    public func value(_ h: Int, _ w: Int) -> Int { area * h * w + height * h + width * w + constant }
  }

  /// Height and width of the image are divided by this to give h and w.
  public let stride: IntPair
  /// Multiply-accumulates of an image.
  public let macs: Polynomial
  /// Bytes of all results of an image.
  public let activationBytes: Polynomial
  /// The sizes that the network takes.
  public let sizes: InputSize?
  /// The layer that expects a fixed number of features, if one does.
  public let fixedLayer: String?

  /// Finds the formula for images with as many channels as `input` has; nil where the cost has no such form.
  package init?(of model: Module, input: Shape) throws(StrataError) {
    guard input.rank == 4 else { return nil }
    let reference = try NetworkTrace(model, input: input)
    let strides = Reach.of(reference.graph).compactMap { $0?.field == nil ? nil : $0?.stride }
    let stride = strides.reduce(IntPair(1)) { a, b in
      IntPair(Self.lcm(a.height, b.height), Self.lcm(a.width, b.width))
    }
    let sizes = InputSize(of: model, like: input)
    /// Calls the network on an image of some multiple of the strides.
    func call(_ h: Int, _ w: Int) -> [ObservedCall] {
      let shape: Shape = [1, input[1], h * stride.height, w * stride.width]
      return model.inEvaluation { CallLog.watch { model(Tensor.placeholder(shape)) }.1 }
    }
    let smallest = sizes?.smallest ?? min(input[2], input[3])
    let first = (smallest + min(stride.height, stride.width) - 1) / min(stride.height, stride.width) + 1
    // The layer at which a network with a fixed classifier fails on larger images.
    let failed = call(first + 8, first + 8).last { $0.input.error == nil && $0.output.error != nil }
    guard failed == nil || failed?.module is Linear else { return nil }
    /// MACs and bytes of results, up to the fixed layer where there is one.
    func cost(_ h: Int, _ w: Int) -> (macs: Int, bytes: Int)? {
      let calls = call(h, w)
      let end = failed.map { failed in calls.first { $0.path == failed.path }?.input } ?? calls.first?.output
      guard let end, end.error == nil else { return nil }
      return Self.cost(of: end)
    }
    guard let a = cost(first, first), let b = cost(first + 1, first), let c = cost(first, first + 1),
      let d = cost(first + 1, first + 1), let e = cost(first + 3, first + 2),
      let f = cost(first + 7, first + 9)
    else { return nil }
    func fit(_ value: KeyPath<(macs: Int, bytes: Int), Int>, rest: Int) -> Polynomial? {
      let area = d[keyPath: value] - b[keyPath: value] - c[keyPath: value] + a[keyPath: value]
      let height = b[keyPath: value] - a[keyPath: value] - area * first
      let width = c[keyPath: value] - a[keyPath: value] - area * first
      let constant = a[keyPath: value] - area * first * first - (height + width) * first
      let found = Polynomial(area: area, height: height, width: width, constant: constant)
      guard found.value(first + 3, first + 2) == e[keyPath: value],
        found.value(first + 7, first + 9) == f[keyPath: value]
      else { return nil }
      return Polynomial(area: area, height: height, width: width, constant: constant + rest)
    }
    var rest = (macs: 0, bytes: 0)
    if let failed {
      let end = reference.calls.first { $0.path == failed.path }?.input
      let (all, before) = (
        Self.cost(of: reference.graph), end.map { Self.cost(of: $0) } ?? (macs: 0, bytes: 0)
      )
      rest = ((all.macs - before.macs) / input[0], (all.bytes - before.bytes) / input[0])
    }
    guard let macs = fit(\.macs, rest: rest.macs), let bytes = fit(\.bytes, rest: rest.bytes) else {
      return nil
    }
    self.stride = stride
    self.macs = macs
    activationBytes = bytes
    self.sizes = sizes
    fixedLayer = failed.map { "\($0.path) (\($0.module.typeName))" }
  }

  private static func cost(of tensor: Tensor) -> (macs: Int, bytes: Int) {
    cost(of: Trace(of: [tensor]).graph)
  }

  private static func cost(of graph: Graph) -> (macs: Int, bytes: Int) {
    graph.nodes.reduce((0, 0)) { sum, node in
      guard node.op.leafSlot == nil else { return sum }
      let macs = node.op.multiplyAccumulates(graph.operandTypes(node), node.type)
      return (sum.0 + macs, sum.1 + (node.takesMemory ? node.type.byteCount : 0))
    }
  }

  private static func lcm(_ a: Int, _ b: Int) -> Int {
    var (x, y) = (a, b)
    while y != 0 { (x, y) = (y, x % y) }
    return x == 0 ? max(a, b) : a / x * b
  }
}

extension SymbolicCost.Polynomial: CustomStringConvertible {
  /// `83,410,944·h·w + 2,048,000`.
  public var description: String {
    let terms = [(area, "·h·w"), (height, "·h"), (width, "·w"), (constant, "")].filter { $0.0 != 0 }
    guard let first = terms.first else { return "0" }
    return terms.dropFirst().reduce("\(Text.grouped(first.0))\(first.1)") { text, term in
      text + (term.0 < 0 ? " − " : " + ") + Text.grouped(abs(term.0)) + term.1
    }
  }
}

extension SymbolicCost {
  /// The formulas and where they hold, for a network's input.
  public func text(named name: String, input: Shape) -> String {
    let (h, w) = (
      stride.height == 1 ? "H" : "H/\(stride.height)", stride.width == 1 ? "W" : "W/\(stride.width)"
    )
    var pairs: [(label: String, value: String)] = [
      ("Multiply-accumulates", "N·(\(macs))"), ("Bytes of results", "N·(\(activationBytes))"),
    ]
    if let sizes { pairs.append(("Sizes", sizes.sentence)) }
    var lines = ["\(name) on [N, \(input[1]), H, W], with h = \(h) and w = \(w):", "", Text.pairs(pairs), ""]
    lines.append("Exact where H is a multiple of \(stride.height) and W of \(stride.width).")
    if let fixedLayer {
      lines.append(
        "\(fixedLayer) expects a fixed number of features: what lies behind it is part of the number at the end."
      )
    }
    return lines.joined(separator: "\n")
  }
}
