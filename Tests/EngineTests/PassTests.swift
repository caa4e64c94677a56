import Strata
import StrataTestSupport
import Testing

extension EngineSuite {
  @Suite("Passes", .serialized) struct PassTests {
    private let image = TensorType([2, 4, 6, 6], .float32)

    private func graph(
      _ type: TensorType, _ build: (inout Graph, NodeID) throws -> [NodeID]
    ) throws -> Graph {
      var graph = Graph(nodes: [Node(op: .input(slot: 0), operands: [], type: type)])
      graph.outputs = try build(&graph, NodeID(0))
      return graph
    }

    private func plan(_ graph: Graph, _ passes: Pass...) throws -> Plan {
      try Pipeline(Set(passes), isVerified: true).plan(graph, for: .full)
    }

    @Test(
      "drop operations that give back their operand",
      arguments: [
        .reshape([2, 4, 6, 6]), .broadcast([2, 4, 6, 6]), .cast(.float32), .permute([0, 1, 2, 3]),
        .slice(starts: [0, 0, 0, 0], sizes: [2, 4, 6, 6], steps: [1, 1, 1, 1]),
        .pad(before: [0, 0, 0, 0], after: [0, 0, 0, 0], value: 1), .concatenate(axis: 1),
        .adaptiveAveragePool2d(6),
      ] as [Op])
    func identities(op: Op) throws {
      let graph = try graph(image) { graph, x in [try graph.append(op, [x])] }
      let plan = try plan(graph, .simplify)
      #expect(plan.counts == [:])
      #expect(plan.graph.outputs == [NodeID(0)])
    }

    @Test(
      "keep operations that look like identities",
      arguments: [
        .reshape([4, 2, 6, 6]), .cast(.float64), .permute([0, 1, 3, 2]),
        .slice(starts: [0, 0, 0, 0], sizes: [2, 4, 6, 5], steps: [1, 1, 1, 1]),
        .slice(starts: [0, 0, 0, 0], sizes: [1, 4, 6, 6], steps: [2, 1, 1, 1]),
        .pad(before: [0, 0, 0, 1], after: [0, 0, 0, -1], value: 1), .adaptiveAveragePool2d(IntPair(6, 3)),
      ] as [Op])
    func nearIdentities(op: Op) throws {
      let graph = try graph(image) { graph, x in [try graph.append(op, [x])] }
      #expect(try plan(graph, .simplify).counts.values.reduce(0, +) == 1)
    }

    @Test("compute equal expressions once") func commonSubexpressions() throws {
      let x = Tensor(HostTensor([Float(1), 2, 3]))
      let y = (x.exp() + 1) * (x.exp() + 1) - x.exp() * 2
      let plan = try EngineCase.only(.commonSubexpressions).plan(y)
      #expect(plan.counts == ["exp": 1, "add": 1, "multiply": 2, "subtract": 1])
      #expect(try EngineCase.plain.plan(y).counts == ["exp": 3, "add": 2, "multiply": 2, "subtract": 1])
    }

    @Test("tell inputs, settings and signs of zero apart") func differentExpressions() throws {
      let (x, y) = (Tensor(HostTensor([Float(-1), 2])), Tensor(HostTensor([Float(-1), 2])))
      let sum = (x.abs() + y.abs()) + (x.clamp(min: 0) + x.clamp(min: 1))
      #expect(try EngineCase.only(.commonSubexpressions).plan(sum).counts["absolute"] == 2)
      for engine in EngineCase.all {
        let zeros = Tensor.stack([1 / Tensor.full([], 0), 1 / Tensor.full([], -0.0)])
        #expect(difference(try engine.value(zeros), HostTensor([Float.infinity, -.infinity])) == nil)
      }
    }

    @Test("drop what no result needs and keep state updates") func deadCode() throws {
      var graph = try graph(TensorType([3], .float32)) { graph, x in
        _ = try graph.append(.unary(.exp), [x])
        let kept = try graph.append(.unary(.sin), [x])
        graph.stateUpdates = [try graph.append(.unary(.cos), [kept])]
        return [kept]
      }
      graph.nodes.append(Node(op: .input(slot: 1), operands: [], type: TensorType([9], .float32)))
      let plan = try plan(graph, .deadCode)
      #expect(plan.graph.nodes.map(\.op) == [.input(slot: 0), .unary(.sin), .unary(.cos)])
      #expect(plan.graph.outputs == [NodeID(1)] && plan.graph.stateUpdates == [NodeID(2)])
    }

    @Test("know how long each value is needed") func lifetimes() throws {
      let graph = try graph(TensorType([3], .float32)) { graph, x in
        let a = try graph.append(.unary(.exp), [x])
        let b = try graph.append(.unary(.sin), [a])
        return [try graph.append(.binary(.add), [a, b]), b]
      }
      let plan = try plan(graph)
      #expect(plan.lastUse == [1, 3, 4, 4])
      #expect(plan.isConstant == [false, false, false, false])
    }
  }
}

/// A convolution, with what follows it, before and after the passes.
struct FusionCase: Sendable, CustomStringConvertible {
  let description: String
  /// The operations that remain.
  let counts: [String: Int]
  let build: @Sendable (Tensor) -> Tensor

  init(_ description: String, _ counts: [String: Int], _ build: @escaping @Sendable (Tensor) -> Tensor) {
    self.description = description
    self.counts = counts
    self.build = build
  }

  private static func variable(_ name: String, _ shape: Shape) -> Tensor {
    Variable(shape) { Formula.parameter(name, shape) }.tensor
  }
  private static func conv(_ x: Tensor, _ name: String = "a", hasBias: Bool = true) -> Tensor {
    x.conv2d(
      variable("\(name).weight", [4, 4, 3, 3]), bias: hasBias ? variable("\(name).bias", [4]) : nil,
      padding: 1)
  }
  private static func norm(_ x: Tensor, _ name: String = "norm", isAffine: Bool = true) -> Tensor {
    x.batchNorm(
      mean: variable("\(name).running_mean", [4]), variance: variable("\(name).running_var", [4]),
      weight: isAffine ? variable("\(name).weight", [4]) : nil,
      bias: isAffine ? variable("\(name).bias", [4]) : nil, epsilon: 1e-3)
  }

  static let norms = [
    FusionCase("norm after convolution", ["conv2d": 1]) { norm(conv($0)) },
    FusionCase("norm after convolution without bias", ["conv2d": 1]) { norm(conv($0, hasBias: false)) },
    FusionCase("norm without weights", ["conv2d": 1]) { norm(conv($0, hasBias: false), isAffine: false) },
    FusionCase("two norms in a row", ["conv2d": 1, "batchNorm": 1]) { norm(norm(conv($0)), "other") },
    FusionCase("norm of a convolution that is read twice", ["conv2d": 1, "batchNorm": 1, "add": 1]) { x in
      let y = conv(x)
      return norm(y) + y
    },
    FusionCase(
      "norm by statistics of the batch",
      ["conv2d": 1, "batchMoments": 1, "slice": 2, "reshape": 2, "batchNorm": 1]
    ) { x in
      let y = conv(x)
      let (mean, variance) = y.batchMoments()
      return y.batchNorm(mean: mean, variance: variance, weight: nil, bias: nil)
    },
    FusionCase("norm of a convolution by data", ["conv2d": 1, "batchNorm": 1]) { x in
      norm(x.conv2d(Tensor(Formula.input([4, 4, 3, 3], name: "kernel")), padding: 1))
    },
    FusionCase("norm before convolution", ["conv2d": 1, "batchNorm": 1]) { conv(norm($0)) },
    FusionCase("norm with a scale but no shift", ["conv2d": 1]) { x in
      conv(x).batchNorm(
        mean: variable("running_mean", [4]), variance: variable("running_var", [4]),
        weight: variable("weight", [4]), bias: nil)
    },
  ]

  static let epilogues = [
    FusionCase("activation", ["conv2d": 1]) { conv($0).relu() },
    FusionCase("two activations", ["conv2d": 1, "tanh": 1]) { conv($0).sigmoid().tanh() },
    FusionCase("activation of a result that is read twice", ["conv2d": 1, "relu": 1, "multiply": 1]) { x in
      let y = conv(x)
      return y * y.relu()
    },
    FusionCase("residual", ["conv2d": 1]) { conv($0) + $0 },
    FusionCase("residual first", ["conv2d": 1]) { $0 + conv($0) },
    FusionCase("residual, then activation", ["conv2d": 1]) { (conv($0) + $0).relu() },
    FusionCase("activation, then residual", ["conv2d": 1, "add": 1]) { conv($0).relu() + $0 },
    FusionCase("two residuals", ["conv2d": 1, "add": 1]) { conv($0) + $0 + $0 },
    FusionCase("residual that broadcasts", ["conv2d": 1, "add": 1]) { x in
      conv(x) + Tensor(Formula.input([4, 1, 1]))
    },
    FusionCase("result that broadcasts", ["conv2d": 1, "add": 1]) { x in
      conv(x) + Tensor(Formula.input([2, 2, 4, 6, 6]))
    },
    FusionCase("sum of two convolutions", ["conv2d": 2]) { (conv($0) + conv($0, "b")).relu() },
    FusionCase("sum of a convolution with itself", ["conv2d": 1, "add": 1]) { x in
      let y = conv(x)
      return y + y
    },
    FusionCase("residual computed after the convolution", ["conv2d": 1, "exp": 1]) { x in
      let y = conv(x)
      return (y + x.exp()).relu()
    },
    FusionCase("chain of residuals", ["conv2d": 3]) { x in
      let y = (conv(x) + x).relu()
      let z = (conv(y, "b") + y).relu()
      return (conv(z, "c") + z).activation(.gelu(tanhApproximation: false))
    },
    FusionCase("residual that is read again", ["conv2d": 2, "multiply": 1]) { x in
      let y = conv(x).relu()
      return (conv(y, "b") + y).relu() * y
    },
    FusionCase("residual that another view shows", ["conv2d": 2, "reshape": 2, "multiply": 1]) { x in
      let y = conv(x)
      return (conv(y, "b") + y) * y.reshape(2, 4, 36).reshape(2, 4, 6, 6)
    },
    FusionCase("linear layer with activation", ["linear": 1]) { x in
      x.linear(variable("weight", [5, 6]), bias: variable("bias", [5])).activation(.silu)
    },
    FusionCase("linear layer with residual", ["linear": 1]) { x in
      (x.linear(variable("weight", [6, 6])) + x).activation(.leakyReLU(slope: 0.1))
    },
  ]
}

extension EngineSuite.PassTests {
  @Test("fold batch norms into convolutions where they may", arguments: FusionCase.norms)
  func folding(fusion: FusionCase) throws { try expectFusion(fusion, [.foldBatchNorm, .deadCode]) }

  @Test("fuse residuals and activations where they may", arguments: FusionCase.epilogues)
  func fusing(fusion: FusionCase) throws { try expectFusion(fusion, [.fuseEpilogues]) }

  @Test("fuse nothing for a backend that cannot") func incapable() throws {
    let y = FusionCase.epilogues[0].build(Tensor(Formula.input([2, 4, 6, 6])))
    let plan = try Pipeline.optimised.plan(
      Trace(of: [y]).graph, for: BackendCapabilities(fusesEpilogues: false))
    #expect(plan.counts == ["conv2d": 1, "relu": 1])
  }

  private func expectFusion(_ fusion: FusionCase, _ passes: Set<Pass>) throws {
    let engine = EngineCase(OneDNNBackend(), passes, "fused")
    let trace = Trace(of: [fusion.build(Tensor(Formula.input([2, 4, 6, 6])))])
    let counts = try engine.run { try Engine.plan(trace) }.counts
    #expect(counts == fusion.counts)
    let expected = try EngineCase.referencePlain.results(of: trace)
    for engine in EngineCase.all + [engine] {
      let result = try engine.results(of: trace)
      #expect(
        difference(result[0], expected[0], relative: 1e-5, scale: .largestMagnitude) == nil, "\(engine)")
    }
  }
}
