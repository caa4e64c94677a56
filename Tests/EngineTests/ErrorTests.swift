import Strata
import StrataTestSupport
import Testing

extension EngineSuite {
  @Suite("Errors", .serialized) struct ErrorTests {
    /// A network whose second convolution expects more channels than it gets.
    private final class Broken: Module {
      let features = Sequential(
        Conv2d(3, 64, kernelSize: 3), ReLU(), MaxPool2d(2), Conv2d(96, 8, kernelSize: 3), ReLU())
      override func forward(_ x: Tensor) -> Tensor { features(x).flatten(start: 1).softmax(dim: 1) }
    }

    @Test("are thrown where a shape has no numbers", arguments: EngineCase.all)
    func placeholders(engine: EngineCase) {
      let sentence = "a placeholder has a shape but no numbers to compute with"
      let x = Tensor.placeholder([2, 3])
      #expect(message { _ = try engine.value(x) } == sentence)
      #expect(message { _ = try engine.value(x.exp() + 1) } == sentence)
      #expect(message { _ = try engine.value(Networks.residual()(.placeholder([1, 3, 8, 8]))) } == sentence)
      #expect(x.error == nil && x.shape == [2, 3])
    }

    @Test("name the module, what it expects and what came", arguments: EngineCase.all)
    func mistakes(engine: EngineCase) {
      let sentence = "features.3 (Conv2d): expects 96 input channels, got 64 in [1, 64, 3, 3]"
      let scores = Broken()(.placeholder([1, 3, 8, 8]))
      #expect(scores.error == StrataError(.shape, sentence))
      #expect(message { _ = try engine.value(scores) } == sentence)
      #expect("\(scores)" == "invalid tensor: \(sentence)")
    }

    @Test("tell the first mistake and not what follows from it") func firstMistake() {
      let x = Tensor(HostTensor.ones([2, 3]))
      let mistake = x + Tensor(HostTensor.ones([4]))
      let sentence = "[2, 3] and [4] do not broadcast for add"
      for tensor in [mistake.exp(), mistake.matmul(x), Tensor.cat([x, mistake]), -(x * mistake).sum()] {
        #expect(tensor.error?.message == sentence)
      }
      #expect(message { try Tensor.evaluate([x.exp(), mistake]) } == sentence)
    }

    @Test("that only numbers show are thrown by the evaluation", arguments: EngineCase.all)
    func numbers(engine: EngineCase) throws {
      let x = Tensor([6, 8])
      let quotient = x.floorDivide(Tensor([3, 0]))
      #expect(message { _ = try engine.value(quotient) } == "floorDivide of integers by zero")
      let rows = Tensor(HostTensor.ones([3, 2]))
      #expect(
        message { _ = try engine.value(rows.indexSelect(dim: 0, Tensor([0, 3]))) }?.contains("3") == true)
      // What failed leaves nothing behind.
      #expect(difference(try engine.value(x.floorDivide(Tensor([3, 2]))), HostTensor([2, 4])) == nil)
      #expect(message { _ = try engine.value(quotient) } == "floorDivide of integers by zero")
    }

    @Test("of the evaluation name the module too", arguments: EngineCase.all)
    func modules(engine: EngineCase) {
      final class Lookup: Module {
        override func forward(_ x: Tensor) -> Tensor { Tensor([1, 2, 3]).indexSelect(dim: 0, x) }
      }
      let network = Sequential(["words": Lookup(), "act": Identity()])
      let sentence = message { _ = try engine.value(network(Tensor([0, 7]))) }
      #expect(sentence?.hasPrefix("words (Lookup): ") == true, "\(sentence ?? "none")")
    }

    @Test("do not stop updates that wait", arguments: EngineCase.all)
    func updates(engine: EngineCase) throws {
      let norm = BatchNorm2d(3)
      let y = norm(Tensor(HostTensor.ones([2, 3, 4, 4])))
      let wrong = y.to(.int64).sum().floorDivide(0)
      #expect(throws: StrataError.self) { try engine.value(wrong) }
      let mean = try engine.run { try norm.running_mean?.variable.value() }
      #expect(try difference(#require(mean), HostTensor([Float(0.1), 0.1, 0.1]), relative: 1e-6) == nil)
    }
  }
}
