import Strata
import StrataTestSupport
import Testing

extension LearningSuite {
  @Suite("A training step", .serialized) struct StepTests {
    private let model: SmallNet
    private let cache = PlanCache(capacity: 64)

    init() { model = StepTests.makeModel() }

    /// A small network without random numbers: other tests draw some at the same time.
    private static func makeModel() -> SmallNet {
      let model = SmallNet()
      Formula.fill(model)
      model.train()
      model.drop.eval()
      return model
    }

    private func inOwnCache<Result>(_ body: () throws -> Result) rethrows -> Result {
      try PlanCache.$current.withValue(cache) {
        try EngineCase.optimised.run(body)
      }
    }

    private func expectEqual(
      _ a: Module, _ b: Module, relative: Double = 0, at location: SourceLocation = #_sourceLocation
    ) {
      for (one, other) in zip(a.stateDict(), b.stateDict()) {
        let problem = difference(
          one.value, other.value, relative: relative, absolute: relative * 0.01, scale: .largestMagnitude)
        #expect(problem == nil, "\(one.name)", sourceLocation: location)
      }
    }

    @Test("lowers the loss of a batch that it sees again") func learns() throws {
      let step = TrainingStep(model, optimizer: SGD(model, lr: 0.1, momentum: 0.9))
      let batch = Batch(1)
      let losses = try inOwnCache { try (0..<30).map { _ in try step(batch.images, batch.labels).loss } }
      #expect(losses[29] < 0.8 * losses[0])
    }

    @Test(
      "is planned once, whatever the rates, the count and the random numbers",
      arguments: ["sgd", "adam", "adamw", "rmsprop", "adagrad", "lamb", "lars"])
    func plans(name: String) throws {
      model.train()
      let optimizer: Optimizer =
        switch name {
        case "sgd": SGD(model, lr: 0.1, momentum: 0.9, dampening: 0.1, weightDecay: 1e-3)
        case "adam": Adam(model, weightDecay: 1e-2)
        case "adamw": AdamW(model, amsgrad: true)
        case "rmsprop": RMSprop(model, momentum: 0.5, centered: true)
        case "adagrad": Adagrad(model, lrDecay: 0.1)
        case "lamb": LAMB(model)
        default: LARS(model, momentum: 0.9, weightDecay: 1e-3)
        }
      let schedule = ExponentialLR(optimizer, gamma: 0.9)
      let step = TrainingStep(model, optimizer: optimizer)
      step.options.clipNorm = 1
      step.average = ExponentialMovingAverage(model)
      try inOwnCache {
        for number in 0..<5 {
          let batch = Batch(number)
          _ = try step(batch.images, batch.labels)
          schedule.step()
        }
        #expect(Engine.cachedPlanCount == 1)
      }
    }

    @Test("keeps running statistics and the count of batches") func statistics() throws {
      let step = TrainingStep(model, optimizer: SGD(model, lr: 0.1))
      let before = model.bn1.running_mean?.value.scalars(as: Float.self)
      try inOwnCache {
        for number in 0..<3 {
          let batch = Batch(number)
          _ = try step(batch.images, batch.labels)
        }
      }
      #expect(model.bn1.num_batches_tracked?.value.scalars(as: Int64.self) == [3])
      #expect(model.bn1.running_mean?.value.scalars(as: Float.self) != before)
      #expect(model.namedParameters.allSatisfy { $0.parameter.variable.pending == nil })
    }

    @Test("leaves nothing behind: arenas are freed, and nothing waits") func memory() throws {
      let optimizer = Adam(model)
      try inOwnCache {
        for number in 0..<3 {
          let batch = Batch(number)
          weak var home: AnyObject?
          do {
            let loss = crossEntropy(model(batch.images), batch.labels)
            optimizer.minimize(loss)
            home = loss.home
            #expect(home != nil)
            try loss.evaluate()
          }
          #expect(home == nil, "step \(number)")
        }
      }
    }

    @Test("on a batch in parts has the gradients of the whole", arguments: [[3, 3], [2, 2, 2], [4, 2]])
    func parts(sizes: [Int]) throws {
      let other = StepTests.makeModel()
      for model in [model, other] { model.bn1.eval() }
      let whole = TrainingStep(model, optimizer: SGD(model, lr: 0.1, momentum: 0.9))
      let parts = TrainingStep(other, optimizer: SGD(other, lr: 0.1, momentum: 0.9))
      try inOwnCache {
        for number in 0..<3 {
          let batch = Batch(number)
          let expected = try whole(batch.images, batch.labels)
          var start = 0
          let micro = sizes.map { size in
            defer { start += size }
            return (batch.images[.range(start, start + size)], batch.labels[.range(start, start + size)])
          }
          let found = try parts(microBatches: micro)
          #expect(abs(found.loss - expected.loss) < 1e-5)
          #expect(difference(found.output, expected.output, relative: 1e-5, absolute: 1e-5) == nil)
        }
      }
      expectEqual(model, other, relative: 1e-4)
    }

    @Test("hands gradients out and takes others back") func exchange() throws {
      let other = StepTests.makeModel()
      let plain = TrainingStep(model, optimizer: SGD(model, lr: 0.1, momentum: 0.9))
      let handing = TrainingStep(other, optimizer: SGD(other, lr: 0.1, momentum: 0.9))
      var names: [String] = []
      handing.exchange = { gradients in
        names = gradients.map(\.name)
        for index in gradients.indices { gradients[index].value = gradients[index].value.copied() }
      }
      for step in [plain, handing] { step.options.clipNorm = 0.5 }
      try inOwnCache {
        for number in 0..<3 {
          let batch = Batch(number)
          let expected = try plain(batch.images, batch.labels)
          let found = try handing(batch.images, batch.labels)
          #expect(abs(found.loss - expected.loss) < 1e-6)
          let norms = (try #require(found.gradientNorm), try #require(expected.gradientNorm))
          #expect(abs(norms.0 - norms.1) < 1e-5 * norms.1)
        }
        #expect(names == model.namedParameters.map(\.name))
        expectEqual(model, other, relative: 1e-5)
        handing.exchange = { $0[0].value = .zeros([2]) }
        let batch = Batch(9)
        #expect(
          message { _ = try handing(batch.images, batch.labels) }
            == "the gradient of `conv1.weight` came back as [2]")
        // The way forward was made, so that running statistics have moved; parameters have not.
        for (one, another) in zip(model.parameters, other.parameters) {
          #expect(difference(one.value, another.value, relative: 1e-5, absolute: 1e-7) == nil)
        }
      }
    }

    @Test("names the first layer whose value is not finite, and changes nothing") func anomalies() throws {
      let step = TrainingStep(model, optimizer: SGD(model, lr: 0.1))
      step.options.detectsAnomalies = true
      let batch = Batch(1)
      try inOwnCache {
        let other = StepTests.makeModel()
        let plain = TrainingStep(other, optimizer: SGD(other, lr: 0.1))
        let losses = (
          try step(batch.images, batch.labels).loss, try plain(batch.images, batch.labels).loss
        )
        #expect(abs(losses.0 - losses.1) < 1e-6)
        expectEqual(model, other, relative: 1e-6)

        let good = model.conv2.weight.value
        let saved = model.fc.weight.value
        model.conv2.weight.value = .filled(3e38, shape: good.shape)
        #expect(
          message { _ = try step(batch.images, batch.labels) }
            == "the value of conv2 (Conv2d) is not finite; no parameter was changed")
        #expect(difference(model.fc.weight.value, saved) == nil)
        model.conv2.weight.value = .filled(.nan, shape: good.shape)
        #expect(
          message { _ = try step(batch.images, batch.labels) }
            == "the parameter `conv2.weight` is not finite (216 of 216 numbers); no parameter was changed")
        model.conv2.weight.value = good
        #expect(
          message { _ = try step(.full([2, 1, 8, 8], .infinity), Tensor([0, 1] as [Int64])) }
            == "the input is not finite (128 of 128 numbers); no parameter was changed")
      }
    }

    @Test("names the layer whose gradient is the first that is not finite") func gradientAnomalies() {
      final class Root: Module {
        override func forward(_ x: Tensor) -> Tensor { x.sqrt() }
      }
      final class Net: Module {
        let fc1 = Linear(4, 4)
        let root = Root()
        let fc2 = Linear(4, 3)
        override func forward(_ x: Tensor) -> Tensor { fc2(root(fc1(x).relu())) }
      }
      let net = Net()
      Formula.fill(net)
      net.fc1.bias?.value = .filled(-9, shape: [4])
      let step = TrainingStep(net, optimizer: SGD(net, lr: 0.1))
      step.options.detectsAnomalies = true
      let input = Tensor(Formula.input([3, 4]))
      inOwnCache {
        #expect(
          message { _ = try step(input, Tensor([0, 1, 2] as [Int64])) }
            == "the gradient that root (Root) passes back is not finite; no parameter was changed")
      }
      #expect(net.parameters.allSatisfy { $0.variable.pending == nil })
    }

    @Test("clips gradients as PyTorch does", arguments: Learned.cases("clips"))
    func clipping(fixture: Fixture) throws {
      let shapes: [Shape] = [[3, 4], [5], []]
      let gradients = shapes.enumerated().map { Tensor(Formula.tensor("g\($0)", $1, -1, 1)) as Tensor? }
      let largest = fixture.number("largest")
      var clipped = clipGradValue(gradients, clipValue: largest)
      let type = fixture["norm_type"]?.string == "inf" ? Double.infinity : fixture["norm_type"]?.number
      if let type {
        let result = clipGradNorm(gradients + [nil], maxNorm: largest, normType: type)
        #expect(result.gradients.count == 4 && result.gradients[3] == nil)
        clipped = Array(result.gradients.prefix(3))
        let expected = try #require(Learned.tensors["\(fixture.name)/norm"])
        #expect(difference(try result.totalNorm.value(), expected, relative: 1e-6) == nil)
      }
      for (index, gradient) in clipped.enumerated() {
        let expected = try #require(Learned.tensors["\(fixture.name)/g\(index)"])
        #expect(difference(try #require(gradient).value(), expected, relative: 2e-6, absolute: 1e-7) == nil)
      }
    }

    @Test("averages weights as PyTorch does, and lends them to the network") func averages() throws {
      let net = Sequential(Linear(3, 2), BatchNorm2d(2))
      Formula.fill(net)
      let average = ExponentialMovingAverage(net, decay: 0.7)
      for number in 0..<4 {
        for parameter in net.parameters {
          parameter.value = try
            (parameter.tensor + Tensor(Formula.tensor("move\(number)", parameter.shape, -1, 1))).value()
        }
        average.update()
        _ = try average.stateDict()
      }
      let state = try average.stateDict()
      let expected = Learned.tensors.filter { $0.name.hasPrefix("average/") }
      #expect(expected.count == 4)
      for (name, value) in expected {
        let own = try #require(state[String(name.dropFirst(8))])
        #expect(difference(own, value, relative: 1e-6, absolute: 1e-7) == nil, "\(name)")
      }
      let before = net.stateDict()
      try average.withAverages {
        #expect(difference(net.stateDict()[0].value, state[0].value) == nil)
      }
      for (one, other) in zip(before, net.stateDict()) { #expect(difference(one.value, other.value) == nil) }
      let resumed = ExponentialMovingAverage(net, decay: 0.7)
      try resumed.loadStateDict(state, updateCount: average.updateCount)
      average.update()
      resumed.update()
      for (one, other) in zip(try average.stateDict(), try resumed.stateDict()) {
        #expect(difference(one.value, other.value) == nil)
      }
    }

    @Test("says what is wrong before it computes") func mistakes() throws {
      let step = TrainingStep(model, optimizer: SGD(model, lr: 0.1), loss: CrossEntropyLoss(reduction: .none))
      let batch = Batch(1)
      #expect(
        message { _ = try step(batch.images, batch.labels) }
          == "training needs a loss of one number, got [6]")
      #expect(message { _ = try step(microBatches: []) } == "a training step needs a batch")
    }
  }
}
