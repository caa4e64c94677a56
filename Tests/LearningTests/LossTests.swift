import Strata
import StrataTestSupport
import Testing

extension LearningSuite {
  @Suite("Losses", .serialized) struct LossTests {
    private static func make(_ kind: String, _ args: Fixture, classes: Int) throws -> Loss {
      func weights(_ name: String) -> HostTensor? {
        args[name]?.bool == true ? Formula.tensor(name, [classes], 0.2, 2) : nil
      }
      let isBatchMean = args["reduction"]?.string == "batchmean"
      let reduction = LossReduction(rawValue: args["reduction"]?.string ?? "mean") ?? .mean
      switch kind {
      case "CrossEntropyLoss":
        return CrossEntropyLoss(
          weight: weights("weight"), reduction: reduction,
          labelSmoothing: args["label_smoothing"]?.number ?? 0)
      case "NLLLoss": return NLLLoss(weight: weights("weight"), reduction: reduction)
      case "MSELoss": return MSELoss(reduction: reduction)
      case "L1Loss": return L1Loss(reduction: reduction)
      case "SmoothL1Loss": return SmoothL1Loss(reduction: reduction, beta: args["beta"]?.number ?? 1)
      case "BCEWithLogitsLoss":
        return BCEWithLogitsLoss(
          weight: weights("weight"), reduction: reduction, posWeight: weights("pos_weight"))
      case "KLDivLoss":
        return KLDivLoss(
          reduction: reduction, batchMean: isBatchMean, logTarget: args["log_target"]?.bool ?? false)
      default: throw StrataError(.argument, "there is no test for a loss called \(kind)")
      }
    }

    private static func target(_ fixture: Fixture) -> HostTensor {
      let (shape, args) = (fixture.shape("shape"), fixture.object("args"))
      switch fixture.string("target") {
      case "classes":
        let classes = shape.rank < 3 ? shape[shape.rank - 1] : shape[1]
        let rest = Shape(shape.rank > 1 ? Array(shape.prefix(1)) + Array(shape.dropFirst(2)) : [])
        var numbers = (0..<rest.elementCount).map { Int64($0 * 7 % classes) }
        if let ignored = args["ignored"]?.integer { numbers[ignored] = -100 }
        return HostTensor(numbers, shape: rest)
      case "probabilities":
        let values = Formula.tensor("t", shape, 0, 1)
        guard args["sparse"]?.bool == true else { return values }
        return HostTensor(values.scalars(as: Float.self).map { $0 < 0.5 ? 0 : $0 }, shape: shape)
      default: return Formula.tensor("t", shape, -3, 3)
      }
    }

    @Test(
      "and their gradients are PyTorch's", arguments: EngineCase.all, Learned.cases("losses").map(\.name))
    func values(engine: EngineCase, name: String) throws {
      let fixture = try #require(Learned.cases("losses").first { $0.name == name })
      let (shape, args) = (fixture.shape("shape"), fixture.object("args"))
      let range = args["range"]?.array?.compactMap(\.number) ?? [-3, 3]
      let loss = try LossTests.make(
        fixture.string("kind"), args, classes: shape.rank < 3 ? shape[shape.rank - 1] : shape[1])
      let x = Tensor(Formula.tensor("x", shape, range[0], range[1]))
      let result = loss(x, Tensor(LossTests.target(fixture)))
      let seed = Tensor(Formula.tensor("seed", result.shape, 0.5, 1.5))
      let gradient = gradients(of: result, wrt: [x], seed: seed)[0]
      try engine.run { try Tensor.evaluate([result, gradient]) }
      // Against float64, PyTorch's own float32 is off by up to 3.3e-7 of the largest, oneDNN's logarithms by 8.5e-7.
      for (part, tensor) in [("loss", result), ("gradient", gradient)] {
        let expected = try #require(Learned.tensors["\(name)/\(part)"])
        #expect(
          difference(try tensor.value(), expected, relative: 2e-6, scale: .largestMagnitude) == nil,
          "\(part)"
        )
      }
    }

    @Test("print as modules and keep their weights as buffers") func modules() {
      let loss = CrossEntropyLoss(weight: .ones([3]))
      #expect(loss.stateEntries.map(\.name) == ["weight"])
      #expect(MSELoss().description == "MSELoss()")
    }

    @Test("say what does not fit") func mistakes() {
      let scores = Tensor.placeholder([2, 3])
      let loss = CrossEntropyLoss()
      #expect(
        loss(scores, Tensor([0, 3] as [Int64])).error?.message
          == "class loss: target 3 at position 1 is none of the 3 classes")
      #expect(
        loss(scores, Tensor([0, 1, 2] as [Int64])).error?.message
          == "class loss: expects a class for each row of scores [2, 3], integers [2], got int64[3]")
      #expect(
        loss(scores, .placeholder([2, 4])).error?.message
          == "cross entropy: expects class probabilities of the scores' shape [2, 3], got [2, 4]")
      #expect(
        MSELoss()(scores, .placeholder([3, 2])).error?.message
          == "MSE: expects two floating-point tensors of one shape, got float32[2, 3] and float32[3, 2]")
      #expect(
        nllLoss(scores, Tensor([0, 1] as [Int64]), weight: .ones([4])).error?.message
          == "class loss: expects a weight for each of 3 classes, got [4]")
    }

    @Test("of nothing but ignored targets is no number, as in PyTorch") func ignored() throws {
      let scores = Tensor.ones([2, 3])
      let loss = try CrossEntropyLoss()(scores, Tensor([-100, -100] as [Int64])).value()
      #expect(loss.scalars(as: Float.self)[0].isNaN)
    }
  }
}
