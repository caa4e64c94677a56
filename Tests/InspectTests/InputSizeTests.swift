import Strata
import StrataTestSupport
import Testing

@Suite("Sizes of images") struct InputSizeTests {
  private func message(_ name: String, _ input: Shape) throws -> String {
    let model = try ModelRegistry.make(name)
    do {
      _ = try model.summary(input: input)
      return ""
    } catch {
      return error.message
    }
  }

  @Test("a bad size names the layer at which it fails and the sizes that would do") func sentences() throws {
    #expect(
      try message("alexnet@torchvision", [1, 3, 32, 32])
        == "features.12 (MaxPool2d): window 3×3 does not fit into 1×1; images of at least 63×63 do")
    let classifier = try message("alexnet", [1, 3, 300, 300])
    #expect(classifier.hasPrefix("classifier.1 (Linear): expects 9216 features, got 16384"))
    #expect(classifier.hasSuffix("; images from 223×223 to 254×254 do"))
    #expect(try message("vgg16", [1, 3, 100, 224]).hasSuffix("; images from 224×224 to 255×255 do"))
  }

  @Test("what no other size would mend gets no advice") func channels() throws {
    #expect(
      try message("alexnet", [1, 4, 224, 224])
        == "features.0 (Conv2d): expects 3 input channels, got 4 in [1, 4, 224, 224]")
    #expect(try message("alexnet", [3, 224]).contains("expects an image batch"))
  }

  @Test(
    "the bounds are exact",
    arguments: ["lenet5", "alexnet", "alexnet@torchvision", "vgg16", "vgg16_bn", "resnet18"])
  func bounds(_ name: String) throws {
    let entry = try ModelRegistry.entry(named: name)
    let model = try entry.make()
    let channels = entry.imageShape[0]
    let size = try #require(InputSize(of: model, like: Shape([1] + entry.imageShape)))
    func works(_ size: Int) -> Bool {
      size > 0 && (try? model.summary(input: [1, channels, size, size])) != nil
    }
    #expect(works(size.smallest) && !works(size.smallest - 1))
    if let largest = size.largest { #expect(works(largest) && !works(largest + 1)) }
  }
}
