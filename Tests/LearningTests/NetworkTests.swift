import Strata
import StrataTestSupport
import Testing

/// The four networks as `Reference/training_make.py` trains them.
struct TrainedNetwork: Sendable, CustomStringConvertible {
  static let all = Fixtures.cases("training.json").map(TrainedNetwork.init)
  static let results = Fixtures.tensors("training.safetensors")
  static let batch = 8
  static let classes = 10

  let fixture: Fixture
  var description: String { fixture.name }
  var isNarrow: Bool { fixture.bool("narrow") }

  /// The network with the formula's weights and without dropout, in training. Biases of batch norm are raised, as
  /// the reference explains.
  func make(raised: Double = 2) throws -> Module {
    let name = fixture.string("model")
    var options = ModelOptions(classes: TrainedNetwork.classes)
    if name == "alexnet" || name == "vgg16" { options.dropout = 0 }
    let model = try ModelRegistry.make(name, options)
    if isNarrow { try narrow(model, edge: fixture.integer("edge")) }
    Formula.fill(model)
    for module in model.modules {
      guard let bias = (module as? BatchNorm2d)?.bias else { continue }
      bias.value = try (bias.tensor + raised).value()
    }
    return model.train()
  }

  /// Gives every layer an eighth of its channels.
  private func narrow(_ model: Module, edge: Int) throws {
    func thin(_ count: Int) -> Int { count == 3 || count == TrainedNetwork.classes ? count : count / 8 }
    for (path, module) in model.namedModules {
      switch module {
      case let layer as Conv2d:
        try model.replace(
          path,
          with: Conv2d(
            thin(layer.inChannels), thin(layer.outChannels), kernelSize: layer.kernelSize,
            stride: layer.stride,
            padding: layer.padding, groups: layer.groups == 1 ? 1 : thin(layer.groups),
            bias: layer.bias != nil))
      case let layer as BatchNorm2d: try model.replace(path, with: BatchNorm2d(thin(layer.numFeatures)))
      case let layer as Linear:
        let places = [256 * 36: 36, 512 * 49: 49][layer.inFeatures] ?? 1
        let inputs = thin(layer.inFeatures / places) * (places > 1 ? edge * edge : 1)
        try model.replace(path, with: Linear(inputs, thin(layer.outFeatures)))
      default: break
      }
    }
  }

  static func labels(_ batch: Int, _ number: Int) -> Tensor {
    Tensor((0..<batch).map { Int64(($0 * 7 + number) % classes) })
  }

  /// The rows of a stored table.
  static func rows(_ name: String) throws -> [[Double]] {
    let table = try #require(results[name])
    let numbers = table.scalars(as: Double.self)
    return (0..<table.shape[0]).map { Array(numbers[($0 * table.shape[1])..<(($0 + 1) * table.shape[1])]) }
  }
}

/// Compares tensors with a stored table, row by row. A gradient that is zero but for rounding, as that of a bias
/// which the next batch norm takes out again, is compared with the largest of the table.
private func expectRows(
  _ values: [(name: String, value: HostTensor)], _ table: String, relative: Double,
  at location: SourceLocation = #_sourceLocation
) throws {
  let rows = try TrainedNetwork.rows(table)
  let absolute = 1e-6 * (rows.map { $0[0] }.max() ?? 0)
  #expect(rows.count == values.count, sourceLocation: location)
  for ((name, value), row) in zip(values, rows) {
    let problem = GradientDigest(row).difference(from: value, relative: relative, absolute: absolute)
    #expect(problem == nil, "\(name)", sourceLocation: location)
  }
}

extension LearningSuite {
  @Suite("The four networks in training", .serialized) struct NetworkTests {
    @Test("have PyTorch's gradients, layer by layer", arguments: TrainedNetwork.all)
    func gradients(network: TrainedNetwork) throws {
      let fixture = network.fixture
      let size = fixture.integer("size")
      let engines = network.isNarrow ? EngineCase.all : [.optimised]
      for engine in engines {
        let model = try network.make()
        let images = Tensor(
          Formula.input([fixture.integer("batch"), 3, size, size], name: fixture.string("input")))
        let loss = crossEntropy(model(images), TrainedNetwork.labels(images.shape[0], 0))
        let parameters = model.namedParameters
        let found = Strata.gradients(of: loss, wrt: parameters.map(\.parameter.tensor))
        try engine.run { try Tensor.evaluate([loss] + found) }
        let value = try loss.value().scalars(as: Double.self)[0]
        #expect(abs(value - fixture.number("loss")) < 1e-4 * fixture.number("loss"))
        let values = try zip(parameters, found).map { ($0.name, try $1.value()) }
        try expectRows(values, "gradients/\(fixture.name)", relative: 1e-3)
      }
      Engine.clearCache()
    }

    @Test(
      "make twenty steps as in PyTorch", arguments: TrainedNetwork.all.filter(\.isNarrow), ["sgd", "adamw"])
    func steps(network: TrainedNetwork, name: String) throws {
      let fixture = network.fixture
      let model = try network.make(raised: 4)
      let series = fixture.object("series").string(name)
      let lr = fixture.object("rates").number(name)
      let optimizer: Optimizer =
        name == "sgd"
        ? SGD(model, lr: lr, momentum: 0.9, weightDecay: 1e-3) : AdamW(model, lr: lr, weightDecay: 1e-2)
      let step = TrainingStep(model, optimizer: optimizer)
      let key = "steps/\(fixture.string("model"))/\(name)"
      let expected = try #require(TrainedNetwork.results["\(key)/losses"]).scalars(as: Double.self)
      let size = fixture.integer("size")
      #expect(expected.count == 20)
      try PlanCache.$current.withValue(PlanCache(capacity: 4)) {
        try EngineCase.optimised.run {
          for (number, loss) in expected.enumerated() {
            let images = Tensor(
              Formula.input([TrainedNetwork.batch, 3, size, size], name: "\(series)/\(number)"))
            let found = try step(images, TrainedNetwork.labels(TrainedNetwork.batch, number)).loss
            #expect(abs(found - loss) < 1e-3 * loss, "step \(number)")
          }
          #expect(Engine.cachedPlanCount == 1)
        }
      }
      let state = model.stateDict()
      try expectRows(state.map { ($0.name, $0.value) }, "\(key)/state", relative: 1e-3)
      let own = try optimizer.stateDict()
      for part in name == "sgd" ? ["momentum_buffer"] : ["exp_avg", "exp_avg_sq"] {
        let values = try model.namedParameters.map { ($0.name, try #require(own["\($0.name).\(part)"])) }
        try expectRows(values, "\(key)/\(part)", relative: 1e-3)
      }
    }
  }
}
