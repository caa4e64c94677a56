import Strata
import StrataTestSupport
import Testing

@Suite("Comparison") struct ComparisonTests {
  private static let lab = Result { try comparison(labNetworks) }

  private static func comparison(_ names: [String]) throws -> ModelComparison {
    try ModelComparison(names.map { try ModelRegistry.entry(named: $0) })
  }

  @Test("ratios are to the first network, also when another order is asked for") func ratios() throws {
    let comparison = try Self.lab.get()
    let rows = comparison.sorted(by: .macs).rows
    #expect(rows.dropFirst().map { $0[0] } == ["vgg16", "resnet50", "alexnet", "mobilenet_v1"])
    let vgg = try #require(rows.first { $0[0] == "vgg16" })
    // 138,357,544 / 62,378,344 and 15,470,264,320 / 1,135,256,096.
    #expect(Array(vgg[1...5]) == ["16", "138,357,544", "2.22×", "15,470,264,320", "13.6×"])
    let own = try #require(rows.first { $0[0] == "alexnet" })
    #expect(own[3] == "1.00×" && own[5] == "1.00×" && own[9] == "195")
  }

  @Test("what each spends adds up to what it has", arguments: labNetworks + ["densenet121", "convnext_tiny"])
  func spending(_ name: String) throws {
    let summary = try summary(name)
    #expect(summary.spending.parameters.values.reduce(0, +) == summary.parameters)
    #expect(summary.spending.macs.values.reduce(0, +) == summary.macs)
  }

  @Test("the lab's figures are spent as they are known to be") func labSpending() throws {
    let mobile = try summary("mobilenet_v1").spending
    // 94.86%, 3.06% and 0.18% of the arithmetic, 24.2% of the parameters.
    #expect(mobile.macs[.convolution1x1] == 539_492_352)
    #expect(mobile.macs[.depthwise] == 17_385_984)
    #expect(mobile.macs[.linear] == 1_024_000 && mobile.parameters[.linear] == 1_025_000)
    let alexnet = try summary("alexnet").spending
    #expect(alexnet.parameters[.linear] == 58_631_144)
    #expect(alexnet.macs[.otherConvolution] == 105_415_200 + 447_897_600)
    #expect(try summary("vgg16").spending.parameters[.linear] == 123_642_856)
  }

  @Test("conclusions are the sentences that the numbers bear out") func conclusions() throws {
    let sentences = try Self.lab.get().conclusions.joined(separator: "\n")
    for part in [
      "mobilenet_v1 needs 2.00× fewer MACs than alexnet, 7.19× fewer than resnet50 and 27.20× fewer than vgg16.",
      "mobilenet_v1 would need 8.56× more: 4,867,293,184 MACs.",
      "vgg16 has the most parameters, 138,357,544: 32.69× as many as mobilenet_v1.",
      "alexnet keeps 94.0% of its parameters in fully connected layers, which do 5.16% of its MACs.",
      "1×1 convolutions do 94.9% of mobilenet_v1's MACs and hold 74.2% of its parameters.",
      "Parameters do not tell the cost: alexnet has 2.44× the parameters of resnet50 and needs 3.60× fewer MACs.",
      "resnet50 is the deepest with 50 layers; vgg16 has 16 and yet 5.41× the parameters.",
    ] {
      #expect(sentences.contains(part), "\(part)")
    }
  }

  @Test("one network, or none, is no reason for ratios") func few() throws {
    #expect(try Self.comparison(["resnet18"]).conclusions.allSatisfy { !$0.contains("fewer") })
    let none = try ModelComparison([ModelEntry]())
    #expect(none.reference == nil && none.conclusions.isEmpty)
    let empty = ModelComparison([
      .init(name: "nothing", summary: try Sequential().summary(input: [1, 3, 8, 8])),
      .init(name: "layer", summary: try Linear(3, 2).summary(input: [1, 3])),
    ])
    #expect(empty.text.contains("nothing") && empty.rows[2][3] == "")
  }

  @Test("networks whose arithmetic is nearly the same are told apart") func nearly() throws {
    // 15,460,270,080 and 15,470,264,320.
    let sentences = try Self.comparison(["resnext101_64x4d", "vgg16"]).conclusions
    #expect(sentences.contains { $0.hasPrefix("MACs do not tell the size") && $0.contains("0.06%") })
  }

  @Test("known networks of the same size are pointed out, with the difference") func twins() throws {
    let twins = try Self.lab.get().twins()
    #expect(twins.count == 3)
    #expect(twins.contains { $0.contains("resnet50@torchvision") && $0.contains("operations are the same") })
    let resnet = try #require(twins.first { $0.contains("resnet50@v1") })
    #expect(resnet.contains("both have 25,557,032 parameters"))
    #expect(resnet.contains("~ layer2.0.conv1  stride (1, 1) -> (2, 2)"))
    #expect(resnet.contains("MACs 4,089,184,256 -> 3,857,973,248"))
    #expect(resnet.contains("receptive field 427 -> 483"))
    #expect(twins.contains { $0.contains("vgg16@torchvision") })
    #expect(try Self.comparison(["lenet5"]).twins() == [])
  }

  @Test("tables for programs hold the same figures") func tables() throws {
    let comparison = try Self.lab.get()
    let csv = comparison.csv.split(separator: "\n")
    #expect(csv.count == 5)
    #expect(csv[0].hasPrefix("model,layers,parameters,macs,weight_bytes,inference_bytes,training_bytes,"))
    #expect(csv[3].hasPrefix("resnet50,50,25557032,4089184256,102228128,"))
    #expect(csv.allSatisfy { $0.count { $0 == "," } == csv[0].count { $0 == "," } })
    let markdown = comparison.markdown
    #expect(markdown.contains("| resnet50 | 50 | 25,557,032 | 0.41× | 4,089,184,256 | 3.60× |"))
    #expect(markdown.contains("| --- | ---: |"))
    #expect(markdown.contains("- mobilenet_v1 needs"))
  }

  @Test("each network takes an image of its own size, or the one asked for") func inputs() throws {
    let comparison = try Self.comparison(["lenet5", "efficientnet_b7"])
    #expect(comparison.entries.map(\.summary.input) == [[1, 1, 28, 28], [1, 3, 600, 600]])
    #expect(comparison.text.contains("Each on an image of its own size."))
    do {
      _ = try ModelComparison([ModelRegistry.entry(named: "alexnet")], input: [1, 3, 64, 64])
      Issue.record("a size that does not fit was taken")
    } catch {
      #expect(error.message.hasPrefix("alexnet: features.12 (MaxPool2d)") || error.message.contains("images"))
    }
  }
}
