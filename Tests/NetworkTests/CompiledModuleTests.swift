import Strata
import Testing

@Suite("Compiled modules") struct CompiledModuleTests {
  private static func image(_ seed: UInt64, _ shape: Shape = [2, 3, 8, 8]) -> HostTensor {
    .normal(shape: shape, key: RandomKey(seed: seed))
  }

  private static func network() -> Module {
    Sequential(
      Conv2d(3, 16, kernelSize: 3, padding: 1, bias: false), BatchNorm2d(16), ReLU(), AdaptiveAvgPool2d(1),
      Flatten(), Dropout(p: 0.5), Linear(16, 5)
    ).eval()
  }

  @Test("give the same bits as a call, for one input after the other") func sameBits() throws {
    let model = Self.network()
    let compiled = try model.compiled(for: [2, 3, 8, 8])
    #expect(compiled.inputType == TensorType([2, 3, 8, 8], .float32))
    #expect(compiled.outputType == TensorType([2, 5], .float32))
    for seed in 0..<3 as Range<UInt64> {
      let image = Self.image(seed)
      let expected = try model(Tensor(image)).value().scalars(as: Float.self)
      #expect(try compiled(image).scalars(as: Float.self) == expected)
      // A tensor that still has to be computed.
      #expect(try compiled(Tensor(image) * 1).scalars(as: Float.self) == expected)
    }
  }

  @Test("read weights at each call: stored ones, and updates that wait") func weights() throws {
    let layer = Linear(2, 1, bias: false)
    let variable = layer.weight.variable
    variable.store(HostTensor([1, 2] as [Float], shape: [1, 2]))
    let compiled = try layer.eval().compiled(for: [1, 2])
    let input = HostTensor([10, 1] as [Float], shape: [1, 2])
    #expect(try compiled(input).scalars(as: Float.self) == [12])
    variable.store(HostTensor([3, 4] as [Float], shape: [1, 2]))
    #expect(try compiled(input).scalars(as: Float.self) == [34])
    variable.assign(variable.tensor * 2)
    #expect(try compiled(input).scalars(as: Float.self) == [68])
    #expect(try compiled(input).scalars(as: Float.self) == [68])
    // An update that waits while the module is compiled is done once, not at each call.
    variable.assign(variable.tensor * 2)
    let later = try layer.compiled(for: [1, 2])
    #expect(try later(input).scalars(as: Float.self) == [136])
    #expect(try later(input).scalars(as: Float.self) == [136])
  }

  @Test("may be called from several threads at once") func threads() async throws {
    let model = Self.network()
    let compiled = try model.compiled(for: [2, 3, 8, 8])
    let expected = try (0..<8 as Range<UInt64>).map {
      try model(Tensor(Self.image($0))).value().scalars(as: Float.self)
    }
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for seed in 0..<8 as Range<UInt64> {
        group.addTask {
          try (0..<5).allSatisfy { _ in
            try compiled(Self.image(seed)).scalars(as: Float.self) == expected[Int(seed)]
          }
        }
      }
      for try await isSame in group { #expect(isSame) }
    }
  }

  @Test("pass an input on, and give values that depend on none") func trivialGraphs() throws {
    final class Constant: Module {
      let value = Parameter(HostTensor([3, 4] as [Float]))
      override func forward(_ x: Tensor) -> Tensor { value.tensor + 1 }
    }
    let image = Self.image(0)
    let same = try Identity().eval().compiled(for: image.shape)(image)
    #expect(same.scalars(as: Float.self) == image.scalars(as: Float.self))
    #expect(
      try Constant().eval().compiled(for: [1])(HostTensor.zeros([1])).scalars(as: Float.self) == [4, 5])
  }

  @Test("refuse other inputs, training mode and shapes that do not fit") func mistakes() throws {
    let model = Self.network()
    let compiled = try model.compiled(for: [2, 3, 8, 8])
    func message(_ body: () throws -> Void) -> String {
      do { try body() } catch { return (error as? StrataError)?.message ?? "\(error)" }
      return "no error"
    }
    #expect(
      message { _ = try compiled(Self.image(0, [1, 3, 8, 8])) }
        == "compiled for float32[2, 3, 8, 8], got float32[1, 3, 8, 8]; compile for that as well")
    #expect(
      message { _ = try compiled(HostTensor.zeros([2, 3, 8, 8], dtype: .int64)) }.contains(
        "got int64[2, 3, 8, 8]"))
    #expect(message { _ = try model.compiled(for: [2, 4, 8, 8]) }.contains("expects 3 input channels"))
    #expect(
      message { _ = try Sequential(ReLU(), Linear(2, 2).eval()).compiled(for: [1, 2]) }
        == "Sequential is in training mode; only evaluation can be compiled: call eval() first")
    final class Hollow: Module {
      let shape: Shape
      init(_ shape: Shape) {
        self.shape = shape
        super.init()
      }
      override func forward(_ x: Tensor) -> Tensor { x.sum() + Tensor.placeholder(shape) }
    }
    for shape in [[3], [1, 2]] as [Shape] {
      #expect(
        message { _ = try Hollow(shape).eval().compiled(for: [1, 2]) }
          == "Hollow depends on a placeholder that is not its input and has no numbers")
    }
    let mixed = Sequential(ReLU(), Dropout(p: 0.5)).eval()
    mixed[1].train()
    #expect(message { _ = try mixed.compiled(for: [1, 2]) }.hasPrefix("1 (Dropout) is in training mode"))
  }
}
