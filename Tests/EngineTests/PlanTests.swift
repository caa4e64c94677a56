import Strata
import StrataTestSupport
import Testing

extension Plan {
  /// How many operations of each name run for each input; what depends on variables alone is prepared once.
  var counts: [String: Int] {
    var counts: [String: Int] = [:]
    for (node, isConstant) in zip(graph.nodes, isConstant) where node.op.leafSlot == nil && !isConstant {
      counts[node.op.name, default: 0] += 1
    }
    return counts
  }

  /// The epilogues of its convolutions.
  var epilogues: [Epilogue] {
    graph.nodes.compactMap { if case .conv2d(_, let epilogue) = $0.op { epilogue } else { nil } }
  }
}

extension EngineSuite {
  @Suite("Plans", .serialized) struct PlanTests {
    @Test(
      "of networks in evaluation hold convolutions, pooling and linear layers alone",
      arguments: [
        ("alexnet", ["conv2d": 5, "maxPool2d": 3, "reshape": 1, "linear": 3]),
        ("vgg16", ["conv2d": 13, "maxPool2d": 5, "reshape": 1, "linear": 3]),
        (
          "resnet50", ["conv2d": 53, "maxPool2d": 1, "adaptiveAveragePool2d": 1, "reshape": 1, "linear": 1]
        ),
        ("mobilenet_v1", ["conv2d": 27, "adaptiveAveragePool2d": 1, "reshape": 1, "linear": 1]),
      ])
    func counts(name: String, expected: [String: Int]) throws {
      let model = try ModelRegistry.make(name).eval()
      let plan = try EngineCase.optimised.plan(model(.placeholder([1, 3, 224, 224])))
      #expect(plan.counts == expected)
      #expect(model.parameters.allSatisfy { !$0.variable.isAllocated })
    }

    @Test("of ResNet50 add and activate inside its convolutions") func epilogues() throws {
      let model = ResNet50().eval()
      let plan = try EngineCase.optimised.plan(model(.placeholder([1, 3, 224, 224])))
      #expect(plan.epilogues.count { $0.activation == .relu } == 49)
      #expect(plan.epilogues.count { $0.addsResidual && $0.activation == .relu } == 16)
      #expect(plan.epilogues.count(where: \.isEmpty) == 4)
      let origins = plan.graph.nodes.filter { $0.op.isConvolution }.map(\.origin.path)
      #expect(Set(origins).count == 53)
      #expect(origins.contains("layer1.0.downsample.0"))
    }

    @Test("without passes hold what was written") func plain() throws {
      let model = ResNet50().eval()
      let counts = try EngineCase.plain.plan(model(.placeholder([1, 3, 224, 224]))).counts
      #expect(counts["conv2d"] == 53)
      #expect(counts["batchNorm"] == 53)
      #expect(counts["relu"] == 49)
      #expect(counts["add"] == 16)
    }

    @Test("of training keep batch norms and fuse no statistics away") func training() throws {
      let model = ResNet50()
      let x = Tensor(HostTensor.zeros([2, 3, 32, 32]))
      let plan = try EngineCase.optimised.plan(model(x))
      #expect(plan.counts["batchNorm"] == 53)
      #expect(plan.counts["batchMoments"] == 53)
      #expect(plan.graph.stateUpdates.count == 106)
    }

    @Test(
      "of each pass alone, and of all, give the same numbers",
      arguments: Pass.allCases.map { [$0] } + [Pass.allCases])
    func passesKeepResults(passes: [Pass]) throws {
      let engine = EngineCase(OneDNNBackend(), Set(passes), "\(passes)")
      for isTraining in [false, true] {
        let model = Networks.residual().train(isTraining)
        let trace = Trace(of: [model(Networks.images())])
        #expect(trace.graph.stateUpdates.count == (isTraining ? 8 : 0))
        #expect(try engine.run { try Engine.plan(trace) }.graph.stateUpdates.count == (isTraining ? 8 : 0))
        let (results, expected) = (
          try engine.results(of: trace), try EngineCase.referencePlain.results(of: trace)
        )
        #expect(results.count == expected.count)
        for (result, expected) in zip(results, expected) {
          #expect(difference(result, expected, relative: 1e-5, scale: .largestMagnitude) == nil)
        }
      }
    }

    @Test("run the verifier after each pass where asked") func verifier() throws {
      let x = Tensor(HostTensor.ones([4]))
      var graph = Trace(of: [x.exp() + 1]).graph
      #expect(throws: Never.self) {
        try Pipeline(Set(Pass.allCases), isVerified: true).plan(graph, for: .full)
      }
      graph.nodes[graph.nodes.count - 1].type = TensorType([5], .float32)
      #expect(
        message { _ = try Pipeline([.deadCode], isVerified: true).plan(graph, for: .full) }
          == "after the pass deadCode: node %3 is marked float32[5], but its operation gives float32[4]")
    }
  }
}

extension BackendCapabilities {
  /// All that a backend can have.
  static let full = BackendCapabilities(fusesEpilogues: true)
}

extension Op {
  fileprivate var isConvolution: Bool { if case .conv2d = self { true } else { false } }
}
