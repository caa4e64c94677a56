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
      try expectAgreement(trace, relative: 1e-4)
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
      try expectAgreement(trace, relative: 1e-4)
    }

    /// A convolution behind a rectifier, as its weight gradient sees it.
    struct RectifiedCase: Sendable, CustomTestStringConvertible {
      let batch: Int
      let size: Int
      let channels: Int
      let outputs: Int
      var kernel = 1
      var stride = 1
      var padding = 0
      var testDescription: String {
        "\(kernel)×\(kernel) stride \(stride) padding \(padding), \(batch)×\(channels)×\(size)×\(size) to \(outputs)"
      }

      /// The gradient of the weights where the result's gradient is `upstream` of its places.
      func gradient(_ upstream: (Int) -> Float) -> Trace {
        let x = Tensor(Formula.input([batch, channels, size, size])).relu()
        let shape: Shape = [outputs, channels, kernel, kernel]
        let weights = Variable(shape) { Formula.parameter("weight", shape) }
        let y = x.conv2d(weights.tensor, stride: IntPair(stride), padding: IntPair(padding))
        let factors = HostTensor((0..<y.shape.elementCount).map(upstream), shape: y.shape)
        return Trace(of: gradients(of: (y * Tensor(factors)).sum(), wrt: [weights.tensor]))
      }
    }

    static let rectified = [
      RectifiedCase(batch: 1, size: 1, channels: 16, outputs: 256),
      RectifiedCase(batch: 3, size: 5, channels: 48, outputs: 272),
      RectifiedCase(batch: 2, size: 14, channels: 32, outputs: 400),
      RectifiedCase(batch: 2, size: 7, channels: 512, outputs: 528),
      RectifiedCase(batch: 2, size: 15, channels: 32, outputs: 304, stride: 2),
      RectifiedCase(batch: 2, size: 16, channels: 32, outputs: 160, kernel: 3, stride: 2, padding: 1),
      RectifiedCase(batch: 1, size: 11, channels: 16, outputs: 144, kernel: 3, stride: 3, padding: 2),
      RectifiedCase(batch: 1, size: 5, channels: 16, outputs: 128, kernel: 3),
    ]

    @Test(
      "skip the zeros behind rectifiers in weight gradients",
      .enabled(if: KernelOptions.InstructionSet.best == .avx512), arguments: rectified)
    func sparseGradients(layer: RectifiedCase) throws {
      let trace = layer.gradient { Float($0 % 17) - 8 }
      let steps = try EngineCase.optimised.run { try Engine.profile(trace) }
      #expect(steps.contains { $0.implementation == "sparse:gradient" })
      let expected = try EngineCase.referencePlain.results(of: trace)[0]
      let result = try EngineCase.optimised.results(of: trace)[0]
      #expect(difference(result, expected, relative: 1e-5, scale: .largestMagnitude) == nil)
    }

    @Test(
      "let infinite gradients meet zeros, as plain loops do",
      .enabled(if: KernelOptions.InstructionSet.best == .avx512), arguments: rectified)
    func infiniteGradients(layer: RectifiedCase) throws {
      let trace = layer.gradient { $0 % 61 == 3 ? .infinity : 1 }
      let values = try EngineCase.optimised.results(of: trace)[0].scalars(as: Float.self)
      let expected = try EngineCase.referencePlain.results(of: trace)[0].scalars(as: Float.self)
      #expect(expected.contains { $0.isNaN })
      #expect(values.map(\.isNaN) == expected.map(\.isNaN))
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
      try expectAgreement(trace, relative: 1e-3)
    }

    /// What a norm is tried on.
    struct NormCase: Sendable, CustomTestStringConvertible {
      let images: Shape
      var isAffine = true
      var isRectified = true
      var testDescription: String {
        "\(images)\(isAffine ? "" : ", no scale")\(isRectified ? "" : ", no rectifier")"
      }
    }

    @Test(
      "take norms and their gradients, however large images are",
      .enabled(if: KernelOptions.InstructionSet.best == .avx512),
      arguments: [
        NormCase(images: [2, 256, 5, 7]), NormCase(images: [3, 512, 1, 1], isRectified: false),
        NormCase(images: [1, 272, 13, 13], isAffine: false),
        NormCase(images: [4, 256, 9, 9], isAffine: false, isRectified: false),
        NormCase(images: [2, 256, 48, 48]),
      ])
    func norms(layer: NormCase) throws {
      let channels = layer.images[1]
      let norm = BatchNorm2d(channels, affine: layer.isAffine)
      let model = Sequential(Conv2d(16, channels, kernelSize: 1, bias: false), norm)
      Formula.fill(model.train())
      let x = Tensor(Formula.input([layer.images[0], 16, layer.images[2], layer.images[3]])) + 1
      let normed = model(x)
      let y = layer.isRectified ? normed.relu() : normed
      let factors = Tensor(HostTensor((0..<y.shape.elementCount).map { Float($0 % 23) - 9 }, shape: y.shape))
      let trace = Trace(
        of: [y] + gradients(of: (y * factors).mean(), wrt: model.parameters.map(\.tensor)))
      let steps = try EngineCase.optimised.run { try Engine.profile(trace) }
      if Engine.threadCount <= 16 {
        #expect(steps.count { $0.implementation == "norm" } == 1)
        #expect(steps.count { $0.implementation == "norm:gradient" } == 1)
      }
      try expectAgreement(trace, relative: 1e-3)
    }

    @Test(
      "add the other gradient and keep what a rectifier kept as image gradients of 1×1 convolutions are computed",
      .enabled(if: KernelOptions.InstructionSet.best == .avx512), arguments: [(1, 3), (2, 9), (3, 14)])
    func gradientSums(batch: Int, size: Int) throws {
      let first = Conv2d(3, 48, kernelSize: 3, padding: 1)
      let branches = (0..<2).map { _ in
        Sequential(
          Conv2d(48, 16, kernelSize: 1, bias: false), BatchNorm2d(16), ReLU(),
          Conv2d(16, 48, kernelSize: 1, bias: false), BatchNorm2d(48))
      }
      for module in [first] + branches as [Module] { Formula.fill(module.train()) }
      var y = first(Networks.images(batch, size: size)).relu()
      for branch in branches { y = (branch(y) + y).relu() }
      let parameters = ([first] + branches as [Module]).flatMap { $0.parameters.map(\.tensor) }
      let trace = Trace(of: [y] + gradients(of: y.square().mean(), wrt: parameters))
      let steps = try EngineCase.optimised.run { try Engine.profile(trace) }
      #expect(steps.count { $0.implementation == "pointwise:image" } == 2)
      try expectAgreement(trace, relative: 1e-3)
    }

    @Test("keep gradients to 1e-3 of their norm with heavy-tailed weights of a mean that is not zero")
    func heavyTails() throws {
      func block(_ channels: Int, _ width: Int) -> Sequential {
        Sequential(
          Conv2d(channels, width, kernelSize: 1, bias: false), BatchNorm2d(width), ReLU(),
          Conv2d(width, width, kernelSize: 3, padding: 1, bias: false), BatchNorm2d(width), ReLU(),
          Conv2d(width, channels, kernelSize: 1, bias: false), BatchNorm2d(channels))
      }
      let first = Sequential(
        Conv2d(3, 128, kernelSize: 3, padding: 1, bias: false), BatchNorm2d(128), ReLU(),
        Conv2d(128, 256, kernelSize: 3, stride: 2, padding: 1, bias: false), BatchNorm2d(256), ReLU())
      let blocks = [block(256, 64), block(256, 64)]
      let modules = [first] + blocks
      for (index, parameter) in modules.flatMap(\.parameters).enumerated() where parameter.shape.rank == 4 {
        let shape = parameter.shape
        let deviation = Double(shape[1] * shape[2] * shape[3]).squareRoot()
        parameter.variable.reset {
          Formula.heavyTailed(
            shape, stream: UInt64(index), scale: 0.4 / deviation, mean: 0.1 / deviation)
        }
      }
      var y = first.train()(Tensor(Formula.heavyTailed([4, 3, 28, 28], stream: 99, scale: 1, mean: 0.5)))
      for block in blocks { y = (block.train()(y) + y).relu() }
      let parameters = modules.flatMap { $0.parameters.map(\.tensor) }
      let trace = Trace(of: gradients(of: (y * y * y).mean(), wrt: parameters))
      func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
      let expected = try EngineCase.referencePlain.results(of: trace)
      for (result, expected) in zip(try EngineCase.optimised.results(of: trace), expected) {
        let (found, wanted) = (result.scalars(as: Double.self), expected.scalars(as: Double.self))
        #expect(norm(zip(found, wanted).map { $0 - $1 }) <= 1e-3 * norm(wanted), "\(expected.shape)")
      }
    }

    /// Compares all results with those of plain loops.
    private func expectAgreement(
      _ trace: Trace, relative: Double, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let expected = try EngineCase.referencePlain.results(of: trace)
      for (result, expected) in zip(try EngineCase.optimised.results(of: trace), expected) {
        #expect(
          difference(result, expected, relative: relative, scale: .largestMagnitude) == nil,
          sourceLocation: sourceLocation)
      }
    }
  }
}
