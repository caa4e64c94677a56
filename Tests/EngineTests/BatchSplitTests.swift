import Strata
import StrataTestSupport
import Testing

extension EngineSuite {
  /// Batches that are computed in parts.
  @Suite("Batches in parts", .serialized) struct BatchSplitTests {
    private static func engine(part: Int?) -> EngineCase {
      let options = KernelOptions(forcedPart: part)
      return EngineCase(OneDNNBackend(options), Set(Pass.allCases), "\(options)")
    }

    private static func weight(_ name: String, _ shape: Shape) -> Tensor { WinogradTests.weight(name, shape) }

    /// How often the plan's first convolution runs, and what the results are.
    private func run(_ outputs: [Tensor], part: Int?) throws -> (passes: Int, results: [HostTensor]) {
      let engine = Self.engine(part: part)
      let trace = Trace(of: outputs)
      let results = try engine.results(of: trace)
      let steps = try engine.run { try Engine.profile(trace) }
      let first = steps.first { $0.kind == .operation }
      return (steps.count { $0.node == first?.node && $0.kind == .operation }, results)
    }

    private static let image = Tensor(Formula.input([6, 4, 8, 8]))
    private static var features: Tensor {
      image.conv2d(weight("weight", [16, 4, 3, 3]), bias: weight("bias", [16]), padding: 1).relu()
    }

    /// Results for each image that depend on that image alone.
    private static var independent: [String: Tensor] {
      let x = features
      let residual = (x + x.conv2d(weight("second", [16, 16, 3, 3]), padding: 1)).relu()
      let pooled = residual.maxPool2d(Pooling(kernel: 2, stride: 2))
      let rows = pooled.flatten(start: 1).linear(weight("head", [10, 256]), bias: weight("shift", [10]))
      let last = x.permute(0, 2, 3, 1)
      return [
        "a convolution": x, "a residual": residual, "scores": rows, "probabilities": rows.softmax(dim: 1),
        "the likeliest class": rows.argmax(dim: 1), "the best three": rows.topK(3).values,
        "a mean over an image": residual.mean(dims: [2, 3]),
        "normalised pixels": last.layerNorm(weight: weight("scale", [16]), bias: weight("zero", [16])),
        "a part of each image": x[.all, .range(3, 9), .range(1, 7, step: 2)] * 2,
        "padding and joining": Tensor.cat([x.pad([1, 1]), x.pad([2, 0])], dim: 1),
        "a choice": Tensor.where(x .> 0.1, x.exp(), -x).to(.int32),
        "pixels as rows": x.reshape(6, 16, 64).sum(dim: 2, keepDim: true) - 1,
        "averages": x.averagePool2d(Pooling(kernel: 3, stride: 2, padding: 1)).adaptiveAveragePool2d(2),
      ]
    }

    /// Results in which images meet.
    private static var meeting: [String: Tensor] {
      let x = features
      let rows = x.mean(dims: [2, 3])
      return [
        "a probability over images": x.softmax(dim: 0), "a mean over all": x.mean(),
        "a difference from the mean image": x - x.mean(dim: 0, keepDim: true),
        "images in one row": x.reshape(1, -1).abs(), "two images in a row": x.reshape(3, -1).abs(),
        "images last": x.permute(1, 2, 3, 0).relu(), "a product of images": rows.matmul(rows.transpose(0, 1)),
        "fewer images": x[.range(1, 5)].exp(), "more images": Tensor.cat([x, x]),
        "images as columns": x.mean(dims: [1, 2, 3]) * rows[.all, .range(0, 6)],
      ]
    }

    @Test("give what a whole batch gives", arguments: [1, 2, 3]) func agreement(part: Int) throws {
      for (name, output) in Self.independent {
        let expected = try EngineCase.referencePlain.results(of: Trace(of: [output]))[0]
        let (passes, results) = try run([output], part: part)
        #expect(passes == 6 / part, "\(name)")
        #expect(
          difference(results[0], expected, relative: 1e-5, scale: .largestMagnitude) == nil, "\(name)")
      }
    }

    @Test("end where images meet", arguments: [1, 2, 3]) func meeting(part: Int) throws {
      for (name, output) in Self.meeting {
        let expected = try EngineCase.referencePlain.results(of: Trace(of: [output]))[0]
        let (_, results) = try run([output], part: part)
        #expect(
          difference(results[0], expected, relative: 1e-5, scale: .largestMagnitude) == nil, "\(name)")
      }
    }

    @Test("hand out what was given under another shape") func shapes() throws {
      let rows = Self.image.reshape(6, -1)
      let expected = Formula.input([6, 4, 8, 8]).scalars(as: Float.self)
      #expect(try run([rows], part: 2).results[0].scalars(as: Float.self) == expected)
    }

    @Test("are not made of what has no equal parts, two inputs or several results") func refusals() throws {
      #expect(try run([Self.features], part: 4).passes == 1)
      #expect(try run([Self.features], part: 6).passes == 1)
      let other = Tensor(Formula.input([6, 16, 8, 8], name: "other"))
      #expect(try run([Self.features + other], part: 2).passes == 1)
      let two = try run([Self.features.exp(), Self.features.mean(dims: [2, 3])], part: 2)
      let expected = try EngineCase.referencePlain.results(
        of: Trace(of: [Self.features.exp(), Self.features.mean(dims: [2, 3])]))
      for (result, expected) in zip(two.results, expected) {
        #expect(difference(result, expected, relative: 1e-5, scale: .largestMagnitude) == nil)
      }
    }

    @Test("are chosen for networks whose results leave the cache, and take less memory") func choice() throws
    {
      let model = try ModelRegistry.make("mobilenet_v1").eval()
      func bytes(_ batch: Int, _ kernels: Set<OwnKernel>) throws -> Int {
        let backend = OneDNNBackend(KernelOptions(kernels))
        let engine = EngineCase(backend, Set(Pass.allCases), "\(backend.options)")
        let graph = Trace(of: [model(.placeholder([batch, 3, 224, 224]))]).graph
        return try engine.run { try #require(try Engine.executable(for: graph).workspaceByteCount) }
      }
      let all = Set(OwnKernel.allCases)
      #expect(try bytes(1, all) == bytes(1, all.subtracting([.batchParts])))
      #expect(try bytes(16, all) < bytes(16, all.subtracting([.batchParts])) / 2)
      Engine.clearCache()
    }

    @Test("run on several threads at once") func concurrency() async throws {
      let engine = Self.engine(part: 2)
      let trace = Trace(of: [Self.independent["scores"] ?? Self.features])
      let expected = try engine.results(of: trace)[0].scalars(as: Float.self)
      try await withThrowingTaskGroup(of: [Float].self) { group in
        for _ in 0..<8 { group.addTask { try engine.results(of: trace)[0].scalars(as: Float.self) } }
        for try await result in group { #expect(result == expected) }
      }
    }
  }
}
