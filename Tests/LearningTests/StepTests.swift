import Strata
import StrataTestSupport
import Testing

extension LearningSuite {
  @Suite("A training step", .serialized) struct StepTests {
    private let model: SmallNet
    private let cache = PlanCache(capacity: 64)

    init() {
      model = SmallNet()
      Formula.fill(model)
      model.train()
    }

    private func inOwnCache<Result>(_ body: () throws -> Result) rethrows -> Result {
      try PlanCache.$current.withValue(cache) {
        try EngineCase.optimised.run(body)
      }
    }

    @Test("lowers the loss of a batch that it sees again") func learns() throws {
      model.drop.eval()
      let step = TrainingStep(model, optimizer: SGD(model, lr: 0.1, momentum: 0.9))
      let batch = Batch(1)
      let losses = try inOwnCache { try (0..<30).map { _ in try step(batch.images, batch.labels).loss } }
      #expect(losses[29] < 0.8 * losses[0])
    }

    @Test(
      "is planned once, whatever the rates, the count and the random numbers",
      arguments: ["sgd", "adam", "adamw", "rmsprop", "adagrad", "lamb", "lars"])
    func plans(name: String) throws {
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
  }
}
