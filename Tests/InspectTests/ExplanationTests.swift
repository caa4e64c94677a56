import Strata
import StrataTestSupport
import Testing

@Suite("Explanations") struct ExplanationTests {
  private func explain(_ name: String, _ layer: String) throws -> LayerExplanation {
    let entry = try ModelRegistry.entry(named: name)
    return try LayerExplanation(entry.make(), layer: layer, input: Shape([1] + entry.imageShape))
  }

  private func figure(_ name: String, _ explanation: LayerExplanation) throws -> LayerExplanation.Figure {
    try #require(explanation.figures.first { $0.name == name }, "\(name)")
  }

  @Test("a convolution's figures unfold into its settings") func convolution() throws {
    let found = try explain("resnet50", "layer2.0.conv2")
    #expect(found.heading.hasPrefix("layer2.0.conv2  Conv2d(128, 128, kernel_size=(3, 3), stride=(2, 2)"))
    #expect(try figure("Parameters", found).value == "147,456 = 128·128/1·3·3")
    #expect(try figure("MACs", found).value == "115,605,504 = 1·128·28·28·(128·3·3)")
    #expect(try figure("Height", found).value == "28 = ⌊(56 + 2·1 − 1·(3 − 1) − 1) / 2⌋ + 1")
    #expect(try figure("Results", found).value == "401,408 bytes = 1·128·28·28·4")
    // The field of its input is 35 pixels, 4 apart.
    #expect(try figure("Receptive field", found).value == "43 = 35 + (3 − 1)·1·4")
    #expect(try figure("Input", found).formula == "from layer2.0.relu (ReLU), relu")
    #expect(try figure("Read by", found).value == "layer2.0.bn2 (batchNorm)")
    #expect(try figure("Source", found).value.hasSuffix("torch.nn.Conv2d.html"))
  }

  @Test("the formulas give the figures", arguments: ["alexnet", "mobilenet_v1", "lenet5"])
  func arithmetic(_ name: String) throws {
    let entry = try ModelRegistry.entry(named: name)
    let model = try entry.make()
    let input = Shape([1] + entry.imageShape)
    let summary = try model.summary(input: input)
    for row in summary.rows where row.kind == .layer && (row.macs > 0 || row.parameters > 0) {
      let found = try LayerExplanation(model, layer: row.path, input: input)
      for (title, expected) in [("Parameters", row.parameters), ("MACs", row.macs)] where expected > 0 {
        let sides = try figure(title, found).value.components(separatedBy: " = ")
        #expect(Int(sides[0].filter(\.isNumber)) == expected)
        guard sides.count == 2, !sides[1].contains("weight") else { continue }
        #expect(value(of: sides[1]) == expected, "\(row.path): \(sides[1])")
      }
    }
  }

  /// The value of sums of products and quotients, without other parentheses than those around a product.
  private func value(of text: String) -> Int {
    text.filter { !"() ".contains($0) }.split(separator: "+").reduce(0) { sum, product in
      sum
        + product.split(separator: "·").reduce(1) { product, factor in
          let parts = factor.split(separator: "/").compactMap { Int($0) }
          return parts.count == 2 ? product * parts[0] / parts[1] : product * (parts.first ?? 0)
        }
    }
  }

  @Test("sizes are rounded as the layer rounds them") func rounding() throws {
    // 217 / 4 is no whole number; nor is 5 / 2, which this pooling rounds up.
    #expect(
      try figure("Height", explain("alexnet", "features.0")).value
        == "55 = ⌊(224 + 2·2 − 1·(11 − 1) − 1) / 4⌋ + 1")
    let pooling = Sequential(MaxPool2d(3, stride: 2, ceilMode: true))
    let up = try LayerExplanation(pooling, layer: "0", input: [1, 1, 8, 8])
    #expect(try figure("Height", up).value == "4 = ⌈(8 + 2·0 − 1·(3 − 1) − 1) / 2⌉ + 1")
    // The third window would begin in the border behind the image.
    let padded = Sequential(MaxPool2d(2, stride: 3, padding: 1, ceilMode: true))
    let cut = try LayerExplanation(padded, layer: "0", input: [1, 1, 5, 5])
    #expect(
      try figure("Height", cut).value
        == "2 = ⌈(5 + 2·1 − 1·(2 − 1) − 1) / 3⌉ + 1 − 1, which would begin outside")
  }

  @Test("a container's figures are the sums of what lies in it") func container() throws {
    let found = try explain("resnet50", "layer1.0")
    let parameters = try figure("Parameters", found).value
    #expect(parameters.hasPrefix("75,008 = "))
    for part in ["4,096 layer1.0.conv1", "128 layer1.0.bn1", "16,896 layer1.0.downsample"] {
      #expect(parameters.contains(part))
    }
    #expect(try figure("Input", found).formula == "from maxpool (MaxPool2d), maxPool2d")
    #expect(try figure("Receptive field", found).value == "19×19")
    let whole = try explain("resnet50", "")
    #expect(try figure("MACs", whole).value.hasPrefix("4,089,184,256 = 118,013,952 conv1 + "))
    #expect(try figure("Other counts", whole).value.contains("fvcore 4,111,512,576"))
  }

  @Test("a module that is called twice, one that is not, and one that is not there") func odd() throws {
    final class Twice: Module {
      let conv = Conv2d(4, 4, kernelSize: 1)
      let spare = Linear(4, 4)
      override func forward(_ x: Tensor) -> Tensor { conv(conv(x)) }
    }
    let twice = try LayerExplanation(Twice(), layer: "conv", input: [1, 4, 2, 2])
    #expect(try figure("Calls", twice).value == "2")
    #expect(try figure("Share", twice).value == "50.0%")
    let spare = try LayerExplanation(Twice(), layer: "spare", input: [1, 4, 2, 2])
    #expect(spare.text.contains("the network does not call it"))
    do {
      _ = try explain("resnet50", "layer1.0.conv9")
      Issue.record("a layer that is not there was explained")
    } catch {
      #expect("\(error)".contains("layer1.0.conv9"))
    }
    let relu = try explain("resnet50", "relu")
    #expect(try figure("MACs", relu).value == "0")
  }
}
