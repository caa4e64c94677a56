import Strata
import StrataTestSupport
import Testing

private let hasBfloat16 = OneDNNBackend.hasInstructions(for: .bfloat16)

extension EngineSuite {
  @Suite("Precision", .serialized) struct PrecisionTests {
    @Test("bfloat16 gives nearly the same scores, in 32-bit floats", .enabled(if: hasBfloat16))
    func scores() throws {
      let model = Networks.residual()
      let images = Networks.images(4, size: 24)
      let exact = try model(images).value()
      let rounded = try Engine.autocast(to: .bfloat16) { try model(images).value() }
      #expect(rounded.dtype == .float32)
      #expect(difference(rounded, exact, relative: 0.02, scale: .largestMagnitude) == nil)
      #expect(difference(rounded, exact, relative: 1e-5, scale: .largestMagnitude) != nil)
      // What is evaluated afterwards is exact again.
      #expect(difference(try model(images).value(), exact, relative: 1e-6) == nil)
    }

    @Test("a network learns in bfloat16 as it does in float32", .enabled(if: hasBfloat16)) func training()
      throws
    {
      let images = Networks.images(4, size: 16)
      let targets = Tensor(HostTensor([0, 3, 1, 4] as [Int64]))
      func losses(_ precision: Precision) throws -> [Double] {
        let model = Networks.residual().train()
        for module in model.modules where module is Dropout { module.eval() }
        let step = TrainingStep(model, optimizer: SGD(model, lr: 0.02, momentum: 0.9))
        return try Engine.autocast(to: precision) {
          try (0..<8).map { _ in try step(images, targets).loss }
        }
      }
      let (exact, rounded) = (try losses(.float32), try losses(.bfloat16))
      #expect(exact != rounded)
      for (loss, expected) in zip(rounded, exact) { #expect(abs(loss - expected) < 0.05 * expected) }
      #expect(rounded[7] < 0.9 * rounded[0])
    }

    @Test("float16 keeps the weights of linear layers in 11 bits, whatever their size") func halves() throws {
      let model = Networks.residual()
      let images = Networks.images(4, size: 24)
      let exact = try model(images).value()
      let rounded = try Engine.autocast(to: .float16) { try model(images).value() }
      #expect(difference(rounded, exact, relative: 1e-3, scale: .largestMagnitude) == nil)
      #expect(difference(rounded, exact, relative: 1e-6, scale: .largestMagnitude) != nil)
    }

    @Test("the reference engine says that it has float32 alone") func reference() throws {
      try EngineCase.referencePlain.run {
        let error = #expect(throws: StrataError.self) { try Engine.autocast(to: .bfloat16) {} }
        #expect(error?.message == "the engine reference computes in float32 alone, not in bfloat16")
        let one = try Engine.autocast(to: .float32) { 1 }
        #expect(one == 1)
      }
    }

    @Test("a processor without the instructions says so", .enabled(if: !hasBfloat16)) func refusal() {
      #expect(throws: StrataError.self) { try Engine.autocast(to: .bfloat16) {} }
    }

    @Test("names are read as PyTorch's users write them") func names() {
      #expect(
        ["bf16", "bfloat16", "fp32", "f32", "float32", "f16", "fp16", "int8"].map(Precision.Name.init(_:))
          == [
            .bfloat16, .bfloat16, .float32, .float32, .float32, .float16, .float16, .int8,
          ])
      #expect(Precision.Name("int4") == nil)
    }
  }
}
