import Strata
import StrataTestSupport
import Testing

extension EngineSuite {
  @Suite("Kernels of training", .serialized) struct TrainingKernelTests {
    @Test("train a small residual network as the reference does, whatever is switched off")
    func steps() throws {
      let images = Networks.images(4, size: 16)
      let targets = Tensor(HostTensor([0, 3, 1, 4] as [Int64]))
      func losses(_ engine: EngineCase) throws -> ([Double], StateDict) {
        let model = Networks.residual().train()
        for module in model.modules where module is Dropout { module.eval() }
        let step = TrainingStep(model, optimizer: SGD(model, lr: 0.02, momentum: 0.9, weightDecay: 1e-4))
        let losses = try engine.run { try (0..<4).map { _ in try step(images, targets).loss } }
        return (losses, model.stateDict())
      }
      let (expected, state) = try losses(.referencePlain)
      for off in [nil] + OwnKernel.allCases.map({ $0 }) {
        let kernels = Set(OwnKernel.allCases.filter { $0 != off })
        let engine = EngineCase(
          OneDNNBackend(KernelOptions(kernels)), Set(Pass.allCases), "all but \(off as Any)")
        let (found, own) = try losses(engine)
        for (loss, expected) in zip(found, expected) {
          #expect(abs(loss - expected) <= 1e-4 * expected, "\(engine)")
        }
        for (name, tensor) in state {
          let other = try #require(own[name])
          #expect(
            difference(other, tensor, relative: 2e-3, scale: .largestMagnitude) == nil, "\(name), \(engine)")
        }
      }
    }

    @Test("take a batch norm and its rectifier together, forward and backward") func rectifiedNorms() throws {
      let model = Sequential(
        Conv2d(3, 16, kernelSize: 3, bias: false), BatchNorm2d(16), ReLU(), Conv2d(16, 8, kernelSize: 1))
      Formula.fill(model)
      let y = model.train()(Networks.images(2, size: 9))
      let outputs = gradients(of: y.square().mean(), wrt: model.parameters.map(\.tensor))
      let trace = Trace(of: outputs)
      let steps = try EngineCase.optimised.run { try Engine.profile(trace) }
      // What is left for single elements: the loss's gradient and the running statistics.
      #if arch(x86_64)
        #expect(steps.count { $0.implementation.hasPrefix("bnorm") } == 2)
      #endif
      let nodes = try EngineCase.optimised.run { try Engine.plan(trace) }.graph.nodes
      let rectifiers = nodes.indices.filter {
        if case .activation = nodes[$0].op {
          true
        } else if case .activationGradient = nodes[$0].op {
          true
        } else {
          false
        }
      }
      #expect(rectifiers.count == 2 && steps.allSatisfy { step in !rectifiers.contains { $0 == step.node } })
      let expected = try EngineCase.referencePlain.results(of: trace)
      for (result, expected) in zip(try EngineCase.optimised.results(of: trace), expected) {
        #expect(difference(result, expected, relative: 1e-4, scale: .largestMagnitude) == nil)
      }
    }

    @Test(
      "skip the zeros behind rectifiers in 1×1 convolutions, whatever images lie in blocks of rows",
      .enabled(if: KernelOptions.InstructionSet.best == .avx512),
      arguments: [(1, 5), (2, 4), (3, 7), (5, 9), (2, 33)])
    func pointwise(batch: Int, size: Int) throws {
      let model = Sequential(
        Conv2d(3, 80, kernelSize: 3, padding: 1, bias: false), BatchNorm2d(80), ReLU(),
        Conv2d(80, 272, kernelSize: 1, bias: false), BatchNorm2d(272), ReLU(),
        Conv2d(272, 144, kernelSize: 1, stride: 2), ReLU())
      Formula.fill(model)
      let y = model.train()(Networks.images(batch, size: size))
      let trace = Trace(of: [y] + gradients(of: y.square().mean(), wrt: model.parameters.map(\.tensor)))
      let steps = try EngineCase.optimised.run { try Engine.profile(trace) }
      #expect(steps.count { $0.implementation == "pointwise" } == 2)
      #expect(steps.contains { $0.implementation == "pointwise:gradient" })
      let expected = try EngineCase.referencePlain.results(of: trace)
      for (result, expected) in zip(try EngineCase.optimised.results(of: trace), expected) {
        #expect(difference(result, expected, relative: 1e-4, scale: .largestMagnitude) == nil)
      }
    }

    @Test(
      "end a residual block in one pass: norm, sum and rectifier",
      .enabled(if: KernelOptions.InstructionSet.best == .avx512), arguments: [(1, 9), (2, 5), (3, 17)])
    func residualNorms(batch: Int, size: Int) throws {
      let first = Sequential(Conv2d(3, 32, kernelSize: 3, padding: 1), ReLU())
      let branch = Sequential(Conv2d(32, 32, kernelSize: 1, bias: false), BatchNorm2d(32))
      let last = Conv2d(32, 16, kernelSize: 1)
      for module in [first, branch, last] as [Module] { Formula.fill(module.train()) }
      let x = first(Networks.images(batch, size: size))
      let y = last((branch(x + 3) + x).relu())
      let parameters = [first, branch, last].flatMap { (module: Module) in module.parameters.map(\.tensor) }
      let trace = Trace(of: [y] + gradients(of: y.square().mean(), wrt: parameters))
      let steps = try EngineCase.optimised.run { try Engine.profile(trace) }
      #expect(steps.count { $0.implementation == "norm:residual" } == 1)
      let expected = try EngineCase.referencePlain.results(of: trace)
      for (result, expected) in zip(try EngineCase.optimised.results(of: trace), expected) {
        #expect(difference(result, expected, relative: 1e-3, scale: .largestMagnitude) == nil)
      }
    }
  }
}
