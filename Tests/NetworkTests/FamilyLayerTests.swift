import Strata
import StrataTestSupport
import Testing

@Suite("Layers of the families") struct FamilyLayerTests {
  private static let cases = Fixtures.cases("families/layers.json")
  private static let results = Fixtures.tensors("families/layers.safetensors")

  private static let table: [String: @Sendable () -> Module] = [
    "LayerNorm(8)": { LayerNorm(8) },
    "LayerNorm((3, 8), eps=1e-6)": { LayerNorm([3, 8], eps: 1e-6) },
    "LayerNorm(8, elementwise_affine=False)": { LayerNorm(8, elementwiseAffine: false) },
    "LayerNorm(8, eps=0.5, bias=False)": { LayerNorm(8, eps: 0.5, bias: false) },
    "LayerNorm2d((5,), eps=1e-6)": { LayerNorm2d(5, eps: 1e-6) },
    "Permute([0, 2, 3, 1])": { Permute([0, 2, 3, 1]) },
    "StochasticDepth(0.25, \"row\")": { StochasticDepth(0.25, mode: .row) },
    "StochasticDepth(1, \"batch\")": { StochasticDepth(1, mode: .batch) },
    "SqueezeExcitation(5, 3)": { SqueezeExcitation(5, 3) },
    "SqueezeExcitation(5, 3, SiLU, Hardsigmoid)": {
      SqueezeExcitation(5, 3, activation: SiLU(), scaleActivation: Hardsigmoid())
    },
    "Conv2dNormActivation(5, 6)": { Conv2dNormActivation(5, 6) },
    "Conv2dNormActivation(5, 6, kernel_size=(5, 3), stride=2, dilation=2, activation_layer=None)": {
      Conv2dNormActivation(5, 6, kernelSize: IntPair(5, 3), stride: 2, activation: nil, dilation: 2)
    },
    "Conv2dNormActivation(5, 10, 1, groups=5, norm_layer=None, activation_layer=SiLU)": {
      Conv2dNormActivation(5, 10, kernelSize: 1, groups: 5, norm: nil, activation: SiLU(inplace: true))
    },
    "ModuleDict({\"one\": ReLU(), \"two\": Linear(2, 3)})": {
      ModuleDict(["one": ReLU(), "two": Linear(2, 3)])
    },
  ]

  @Test("print as in PyTorch", arguments: cases.map(\.name))
  func text(name: String) throws {
    let facts = try #require(FamilyLayerTests.cases.first { $0.name == name })
    let make = try #require(FamilyLayerTests.table[name])
    let layer = make()
    #expect(layer.description == facts.string("text"))
    #expect(layer.description(dialect: .torch2_0) == facts.string("text_torch20"))
  }

  @Test("compute as in PyTorch on every engine", arguments: cases.map(\.name))
  func values(name: String) throws {
    guard let expected = FamilyLayerTests.results["\(name)/output"] else { return }
    let make = try #require(FamilyLayerTests.table[name])
    let layer = make().eval()
    Formula.fill(layer)
    let input = Tensor(Formula.input([2, 5, 3, 8]))
    for engine in EngineCase.all {
      let found = try engine.value(layer(input))
      #expect(difference(found, expected, relative: 1e-5, scale: .largestMagnitude) == nil, "\(engine)")
    }
  }

  @Test("layer norm says what does not fit")
  func mistakes() {
    let rows = LayerNorm(8)(.placeholder([2, 7]))
    #expect(rows.error?.message == "LayerNorm: expects [8] as the last sizes, got [2, 7]")
    let image = LayerNorm2d(8)(.placeholder([2, 7, 5, 5]))
    #expect(image.error?.message == "LayerNorm2d: expects [8] as the last sizes, got [2, 5, 5, 7]")
    #expect(LayerNorm2d(8)(.placeholder([2, 8])).error != nil)
  }

  @Test("layer norm keeps other element types and rows of any rank")
  func types() throws {
    let rows = HostTensor([1.0, 2, 3, 6] as [Double])
    let found = try Tensor(rows).layerNorm(epsilon: 0).value()
    #expect(found.dtype == .float64 && found.shape == [4])
    let expected = [-1.0690449676496976, -0.5345224838248488, 0, 1.6035674514745464]
    #expect(zip(found.scalars(as: Double.self), expected).allSatisfy { abs($0 - $1) < 1e-12 })
    #expect(try Tensor(.zeros([0, 4])).layerNorm().value().shape == [0, 4])
  }

  @Test("stochastic depth leaves out samples in training and scales the others up")
  func stochasticDepth() throws {
    let layer = StochasticDepth(0.25, mode: .row)
    let ones = Tensor(.ones([4000, 2, 1, 1]))
    let values = try layer(ones).value().scalars(as: Float.self)
    let samples = stride(from: 0, to: values.count, by: 2).map { (values[$0], values[$0 + 1]) }
    #expect(samples.allSatisfy { $0.0 == $0.1 && ($0.0 == 0 || abs($0.0 - 4 / 3) < 1e-6) })
    // Six standard deviations of a share of 4000.
    #expect(abs(Double(samples.count { $0.0 == 0 }) / 4000 - 0.25) < 0.042)
    let batch = try StochasticDepth(0.5, mode: .batch)(ones).value().scalars(as: Float.self)
    #expect(Set(batch).count == 1)
    #expect(layer.eval()(ones).isSame(as: ones))
    #expect(try StochasticDepth(1, mode: .row)(ones).value().scalars(as: Float.self).allSatisfy { $0 == 0 })
  }

  @Test("a dictionary of modules finds them by name")
  func dictionary() {
    let layers = ModuleDict(["one": ReLU(), "two": Linear(2, 3)])
    #expect(layers.names == ["one", "two"] && layers.count == 2)
    #expect(layers["two"] is Linear && layers["three"] == nil)
    #expect(layers.map(\.typeName) == ["ReLU", "Linear"])
    #expect(layers.stateEntries.map(\.name) == ["two.weight", "two.bias"])
  }
}
