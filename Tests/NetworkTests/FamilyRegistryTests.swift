import Strata
import Testing

@Suite("Registry") struct FamilyRegistryTests {
  @Test("patterns mean families, and variants where they say so")
  func patterns() throws {
    func names(_ pattern: String) throws -> [String] { try ModelRegistry.resolve(pattern).map(\.name) }
    #expect(
      try names("vgg*")
        == ["vgg16", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16_bn", "vgg19", "vgg19_bn"])
    #expect(try names("vgg*_bn") == ["vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"])
    #expect(try names("resnet50@*") == ["resnet50@torchvision", "resnet50@v1"])
    #expect(
      try names("*@torchvision") == ["alexnet@torchvision", "vgg16@torchvision", "resnet50@torchvision"])
    #expect(try names("ResNet-18") == ["resnet18"])
    #expect(try names("resnet50@v1") == ["resnet50@v1"])
    #expect(try names("regnet_y_*").count == 8)
    #expect(try names("*").count == ModelRegistry.entries.count { $0.variant == nil })
    #expect(Set(ModelRegistry.names).count == ModelRegistry.names.count)
  }

  @Test("names may be written with other letters where only one fits")
  func spelling() throws {
    #expect(try ModelRegistry.entry(named: "MobileNetV3-Large").name == "mobilenet_v3_large")
    #expect(try ModelRegistry.entry(named: "regnet-y-16gf").name == "regnet_y_16gf")
    #expect(try ModelRegistry.entry(named: "regnet_y_1_6gf").name == "regnet_y_1_6gf")
    // Without separators, this could be 1.6 or 16.
    #expect(throws: StrataError.self) { try ModelRegistry.entry(named: "regnety16gf") }
  }

  @Test("mistakes are explained")
  func mistakes() {
    func message(_ body: () throws -> Void) -> String? {
      do { try body() } catch { return (error as? StrataError)?.message }
      return nil
    }
    let count = ModelRegistry.entries.count
    #expect(
      message { _ = try ModelRegistry.resolve("resnet51") }
        == "there is no model `resnet51`; did you mean `resnet50`? `strata models` lists all \(count)")
    #expect(
      message { _ = try ModelRegistry.resolve("resnet50@v2") }
        == "there is no variant of `resnet50` called `resnet50@v2`; known: torchvision, v1")
    #expect(
      message { _ = try ModelRegistry.resolve("resnet18@v1") }
        == "there is no variant of `resnet18` called `resnet18@v1`; it has none")
    #expect(message { _ = try ModelRegistry.resolve("vgf1*") }?.hasPrefix("no model fits `vgf1*`") == true)
    #expect(
      message { _ = try ModelRegistry.make("resnet18", ModelOptions(dropout: 0.5)) }
        == "resnet18 has no dropout")
    #expect(
      message { _ = try ModelRegistry.make("vgg11", ModelOptions(widthMultiplier: 0.5)) }
        == "vgg11 has no width multiplier")
    for options in [
      ModelOptions(classes: 0), ModelOptions(inputChannels: 0), ModelOptions(widthMultiplier: 0),
      ModelOptions(widthMultiplier: .nan), ModelOptions(dropout: 1.5), ModelOptions(dropout: .nan),
    ] {
      #expect(message { _ = try ModelRegistry.make("mobilenet_v2", options) } != nil, "\(options)")
    }
  }

  @Test("every network takes other numbers of classes and input channels", arguments: ModelRegistry.names)
  func options(name: String) throws {
    let entry = try ModelRegistry.entry(named: name)
    let model = try entry.make(ModelOptions(classes: 7, inputChannels: 2)).eval()
    #expect(model(.placeholder([1, 2, entry.imageShape[1], entry.imageShape[2]])).shape == [1, 7])
    #expect(model.typeName == entry.title)
    #expect(!entry.paper.isEmpty && !entry.authors.isEmpty && entry.link.hasPrefix("http"))
    #expect((1998...2022).contains(entry.year))
  }

  @Test("names tell base and variant apart")
  func parts() throws {
    let entry = try ModelRegistry.entry(named: "mobilenet_v1@0.5")
    #expect(entry.baseName == "mobilenet_v1" && entry.variant == "0.5")
    #expect(try ModelRegistry.entry(named: "vgg11").variant == nil)
    let half = try ModelRegistry.make("mobilenet_v1", ModelOptions(widthMultiplier: 0.5))
    #expect(half.parameterCount == (try entry.parameterCount()))
  }
}
