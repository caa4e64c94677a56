import StrataCore
import StrataGraph

/// What a layer is and how it is set.
public enum LayerKind: Sendable, Hashable {
  /// A convolution from some channels to others.
  case convolution(from: Int, to: Int, kernel: IntPair, Convolution)
  /// A normalisation of each channel.
  case batchNorm(Normalisation)
  /// A rectifier.
  case relu
  /// The largest value of each window.
  case maxPool(Pooling)
  /// The mean of windows chosen to give a size, in which 0 stands for that of the input.
  case adaptiveAveragePool(IntPair)
  /// Random zeros while training.
  case dropout(Double)
  /// A matrix product from some features to others.
  case linear(from: Int, to: Int, hasBias: Bool)
  /// A module of a type that specifications do not know.
  case other(String)

  /// The module's type: `Conv2d`.
  public var typeName: String {
    switch self {
    case .convolution: "Conv2d"
    case .batchNorm: "BatchNorm2d"
    case .relu: "ReLU"
    case .maxPool: "MaxPool2d"
    case .adaptiveAveragePool: "AdaptiveAvgPool2d"
    case .dropout: "Dropout"
    case .linear: "Linear"
    case .other(let name): name
    }
  }

  /// The settings by name, in an order.
  public var settings: [(name: String, value: String)] {
    switch self {
    case .convolution(let from, let to, let kernel, let settings):
      [
        ("input channels", "\(from)"), ("output channels", "\(to)"), ("kernel", kernel.brief),
        ("stride", settings.stride.brief), ("padding", settings.padding.brief),
        ("dilation", settings.dilation.brief), ("groups", "\(settings.groups)"),
        ("bias", settings.hasBias ? "yes" : "no"),
      ]
    case .batchNorm(let settings):
      [
        ("channels", "\(settings.channels)"), ("epsilon", DecimalText.general(settings.epsilon)),
        ("momentum", settings.momentum.map { DecimalText.general($0) } ?? "average of all batches"),
        ("scale", settings.hasScale ? "yes" : "no"), ("shift", settings.hasShift ? "yes" : "no"),
        ("running statistics", settings.tracksStatistics ? "yes" : "no"),
      ]
    case .maxPool(let pooling):
      [
        ("kernel", pooling.kernel.brief), ("stride", pooling.stride.brief),
        ("padding", pooling.padding.brief),
        ("dilation", pooling.dilation.brief), ("ceil mode", pooling.roundsUp ? "yes" : "no"),
      ]
    case .adaptiveAveragePool(let size): [("output size", size.brief)]
    case .dropout(let probability): [("probability", DecimalText.general(probability))]
    case .linear(let from, let to, let hasBias):
      [("input features", "\(from)"), ("output features", "\(to)"), ("bias", hasBias ? "yes" : "no")]
    case .relu, .other: []
    }
  }

  /// Numbers that training changes.
  public var parameterCount: Int {
    switch self {
    case .convolution(let from, let to, let kernel, let settings):
      to * (from / settings.groups) * kernel.height * kernel.width + (settings.hasBias ? to : 0)
    case .batchNorm(let settings):
      settings.channels * ((settings.hasScale ? 1 : 0) + (settings.hasShift ? 1 : 0))
    case .linear(let from, let to, let hasBias): to * (from + (hasBias ? 1 : 0))
    case .relu, .maxPool, .adaptiveAveragePool, .dropout, .other: 0
    }
  }

  /// The shape of the result, by the textbook's formulas and not by the graph's rules, which are under test.
  public func result(of input: Shape) throws(StrataError) -> Shape {
    switch self {
    case .relu, .dropout, .other: return input
    case .batchNorm(let settings):
      guard input.rank > 1, input[1] == settings.channels else {
        throw mismatch("expects \(settings.channels) channels, got \(input)")
      }
      return input
    case .convolution(let from, let to, let kernel, let settings):
      guard input.rank == 4, input[1] == from else {
        throw mismatch("expects \(from) input channels, got \(input.rank > 1 ? input[1] : 0) in \(input)")
      }
      let size = try windows(
        input, kernel: kernel, stride: settings.stride, padding: settings.padding, dilation: settings.dilation
      )
      return [input[0], to, size.height, size.width]
    case .maxPool(let pooling):
      guard input.rank == 4 else { throw mismatch("expects an image batch, got \(input)") }
      let size = try windows(
        input, kernel: pooling.kernel, stride: pooling.stride, padding: pooling.padding,
        dilation: pooling.dilation)
      return [input[0], input[1], size.height, size.width]
    case .adaptiveAveragePool(let size):
      guard input.rank == 4 else { throw mismatch("expects an image batch, got \(input)") }
      let height = size.height == 0 ? input[2] : size.height
      return [input[0], input[1], height, size.width == 0 ? input[3] : size.width]
    case .linear(let from, let to, _):
      // Networks flatten maps before their first linear layer.
      let features = input.dropFirst().reduce(1, *)
      guard features == from else {
        throw mismatch("expects \(from) features, got \(features) from \(input)")
      }
      return [input[0], to]
    }
  }

  /// Multiplications, each with an addition, that give a result of this shape.
  public func multiplyAccumulates(_ result: Shape) -> Int {
    switch self {
    case .convolution(let from, _, let kernel, let settings):
      result.elementCount * (from / settings.groups) * kernel.height * kernel.width
    case .linear(let from, _, _): result.elementCount * from
    case .batchNorm, .relu, .maxPool, .adaptiveAveragePool, .dropout, .other: 0
    }
  }

  private func windows(
    _ input: Shape, kernel: IntPair, stride: IntPair, padding: IntPair, dilation: IntPair
  ) throws(StrataError) -> IntPair {
    func count(_ size: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int) -> Int {
      let room = size + 2 * padding - dilation * (kernel - 1) - 1
      return room < 0 ? 0 : room / stride + 1
    }
    let size = IntPair(
      count(input[2], kernel.height, stride.height, padding.height, dilation.height),
      count(input[3], kernel.width, stride.width, padding.width, dilation.width))
    guard size.height > 0, size.width > 0 else {
      throw mismatch("a window of \(kernel.height)×\(kernel.width) does not fit into \(input[2])×\(input[3])")
    }
    return size
  }

  private func mismatch(_ message: String) -> StrataError { StrataError(.shape, message) }
}

/// The settings of a batch normalisation.
public struct Normalisation: Sendable, Hashable {
  /// Channels, each normalised by itself.
  public var channels: Int
  /// Added to the variance.
  public var epsilon = 1e-5
  /// The weight of a batch in the running statistics; nil for the average of all batches.
  public var momentum: Double? = 0.1
  /// Whether channels are scaled afterwards.
  public var hasScale = true
  /// Whether channels are shifted afterwards.
  public var hasShift = true
  /// Whether there are running statistics.
  public var tracksStatistics = true

  /// Creates PyTorch's default settings for some channels.
  public init(_ channels: Int) { self.channels = channels }
}

extension IntPair {
  /// `3`, or `3×5` where the numbers differ.
  fileprivate var brief: String { isSquare ? "\(height)" : "\(height)×\(width)" }
}

/// What a network should be: its layers in the order in which they are called.
public struct Specification: Sendable {
  /// One call of a layer.
  public struct Call: Sendable, Hashable {
    /// The layer's path: `layer1.0.conv1`.
    public let path: String
    /// What it is.
    public let kind: LayerKind
    /// The call whose result it takes; nil for the network's input.
    public let source: Int?
    /// The call whose result is added to that before, where `isSum`; nil for the network's input.
    public let addend: Int?
    /// Whether the input is a sum of two results.
    public let isSum: Bool
  }

  /// The name of the network's class.
  public let name: String
  /// The calls in their order.
  public let calls: [Call]
  /// The layers that end a block, whose feature maps reports show.
  public let blockEnds: [String]
  /// The layers, each once, in the order of their first call.
  public var layers: [Call] {
    var seen: Set<String> = []
    return calls.filter { seen.insert($0.path).inserted }
  }

  /// Numbers that training changes.
  public var parameterCount: Int { layers.reduce(0) { $0 + $1.kind.parameterCount } }

  /// Whether training computes something else than evaluation.
  public var dependsOnMode: Bool {
    calls.contains {
      switch $0.kind {
      case .batchNorm, .dropout: true
      case .convolution, .relu, .maxPool, .adaptiveAveragePool, .linear, .other: false
      }
    }
  }

  /// The result's shape of every call for an input; throws, by the layer's name, where one cannot take it.
  public func shapes(for input: Shape) throws(StrataError) -> [Shape] {
    var shapes: [Shape] = []
    for call in calls {
      do throws(StrataError) {
        shapes.append(try call.kind.result(of: call.source.map { shapes[$0] } ?? input))
      } catch {
        throw StrataError(error.kind, "\(call.path) (\(call.kind.typeName)): \(error.message)")
      }
    }
    return shapes
  }

  /// Multiplications, each with an addition, for an input.
  public func multiplyAccumulates(for input: Shape) throws(StrataError) -> Int {
    zip(calls, try shapes(for: input)).reduce(0) { $0 + $1.0.kind.multiplyAccumulates($1.1) }
  }
}

/// Collects the calls of a specification one after the other.
package struct SpecificationBuilder {
  package private(set) var calls: [Specification.Call] = []
  package private(set) var blockEnds: [String] = []
  /// The call whose result the next one takes.
  package var last: Int?

  package init() {}

  package mutating func add(_ path: String, _ kind: LayerKind) {
    calls.append(Specification.Call(path: path, kind: kind, source: last, addend: nil, isSum: false))
    last = calls.count - 1
  }

  /// Adds a layer whose input is the sum of the last result and another.
  package mutating func add(_ path: String, _ kind: LayerKind, plus addend: Int?) {
    calls.append(Specification.Call(path: path, kind: kind, source: last, addend: addend, isSum: true))
    last = calls.count - 1
  }

  package mutating func convolution(
    _ path: String, _ from: Int, _ to: Int, kernel: Int, stride: Int = 1, padding: Int = 0, groups: Int = 1,
    bias: Bool = true
  ) {
    let settings = Convolution(
      stride: IntPair(stride), padding: IntPair(padding), groups: groups, hasBias: bias)
    add(path, .convolution(from: from, to: to, kernel: IntPair(kernel), settings))
  }

  package mutating func batchNorm(_ path: String, _ channels: Int) {
    add(path, .batchNorm(Normalisation(channels)))
  }

  package mutating func endBlock() { if let path = calls.last?.path { blockEnds.append(path) } }

  package mutating func endBlock(named path: String) { blockEnds.append(path) }

  package func specification(_ name: String) -> Specification {
    Specification(name: name, calls: calls, blockEnds: blockEnds)
  }
}
