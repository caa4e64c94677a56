import Strata
import Testing

/// What torchvision draws first where that is not the layer's own choice; the figures follow from its rules.
@Suite("Initial values of the families") struct FamilyInitTests {
  private func values(_ model: Module, _ name: String) throws -> [Double] {
    try model.parameter(name).value.scalars(as: Double.self)
  }

  /// Compares mean and deviation with those of a distribution, within six standard errors.
  private func expectNormal(_ values: [Double], std: Double, _ name: Comment) {
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
    #expect(abs(mean) < 6 * std / count.squareRoot(), name)
    #expect(abs(deviation / std - 1) < 6 / (2 * count).squareRoot(), name)
    // A normal distribution has tails that an even one of the same deviation has not.
    #expect(values.contains { abs($0) > 2 * std }, name)
  }

  private func expectEven(_ values: [Double], bound: Double, _ name: Comment) {
    let largest = values.reduce(0) { max($0, abs($1)) }
    #expect(largest <= bound * (1 + 1e-6) && largest > 0.97 * bound, name)
  }

  private func expectZeros(_ model: Module, _ name: String) throws {
    #expect(try values(model, name).allSatisfy { $0 == 0 }, "\(name)")
  }

  @Test("ResNet: normal for outputs; the lab's: the layers' own")
  func resNet() throws {
    let model = try ModelRegistry.make("resnet18")
    expectNormal(
      try values(model, "layer1.0.conv1.weight"), std: (2.0 / (64 * 9)).squareRoot(), "convolution")
    expectEven(try values(model, "fc.weight"), bound: 1 / 512.0.squareRoot(), "classifier")
    let lab = try ModelRegistry.make("resnet50")
    expectEven(
      try values(lab, "layer1.0.conv2.weight"), bound: 1 / (64.0 * 9).squareRoot(), "the lab's convolution")
  }

  @Test("VGG: normal for outputs, 0.01 in the classifier, no biases")
  func vgg() throws {
    let model = try ModelRegistry.make("vgg11")
    expectNormal(try values(model, "features.3.weight"), std: (2.0 / (128 * 9)).squareRoot(), "convolution")
    expectNormal(try values(model, "classifier.6.weight"), std: 0.01, "classifier")
    try expectZeros(model, "features.3.bias")
    try expectZeros(model, "classifier.6.bias")
  }

  @Test("SqueezeNet: even for inputs, normal in the last convolution")
  func squeezeNet() throws {
    let model = try ModelRegistry.make("squeezenet1_1")
    expectEven(
      try values(model, "features.3.expand3x3.weight"), bound: (6.0 / (16 * 9)).squareRoot(), "block")
    expectNormal(try values(model, "classifier.1.weight"), std: 0.01, "last")
    try expectZeros(model, "features.3.squeeze.bias")
  }

  @Test("DenseNet: normal for inputs")
  func denseNet() throws {
    let model = try ModelRegistry.make("densenet121")
    let name = "features.denseblock1.denselayer1.conv2.weight"
    expectNormal(try values(model, name), std: (2.0 / (128 * 9)).squareRoot(), "convolution")
    try expectZeros(model, "classifier.bias")
  }

  @Test("MobileNets, EfficientNet and MNASNet: normal for outputs")
  func mobile() throws {
    let second = try ModelRegistry.make("mobilenet_v2")
    expectNormal(
      try values(second, "features.2.conv.0.0.weight"), std: (2.0 / 96).squareRoot(), "MobileNetV2")
    expectNormal(try values(second, "classifier.1.weight"), std: 0.01, "MobileNetV2")
    let third = try ModelRegistry.make("mobilenet_v3_small")
    try expectZeros(third, "features.1.block.1.fc1.bias")
    expectNormal(try values(third, "classifier.3.weight"), std: 0.01, "MobileNetV3")
    let efficient = try ModelRegistry.make("efficientnet_b0")
    expectNormal(
      try values(efficient, "features.8.0.weight"), std: (2.0 / 1280).squareRoot(), "EfficientNet")
    expectEven(try values(efficient, "classifier.1.weight"), bound: 1 / 1000.0.squareRoot(), "EfficientNet")
    let searched = try ModelRegistry.make("mnasnet1_0")
    expectEven(try values(searched, "classifier.1.weight"), bound: (3.0 / 1000).squareRoot(), "MNASNet")
  }

  @Test("ConvNeXt: 0.02, scales of a millionth; RegNet: normal for outputs, biases that weigh channels")
  func recent() throws {
    let convNeXt = try ModelRegistry.make("convnext_tiny")
    expectNormal(try values(convNeXt, "features.1.0.block.3.weight"), std: 0.02, "ConvNeXt")
    try expectZeros(convNeXt, "features.1.0.block.3.bias")
    #expect(try values(convNeXt, "features.1.0.layer_scale").allSatisfy { abs($0 - 1e-6) < 1e-12 })
    let regNet = try ModelRegistry.make("regnet_y_400mf")
    let block = "trunk_output.block4.block4-1.f"
    expectNormal(try values(regNet, "\(block).a.0.weight"), std: (2.0 / 440).squareRoot(), "RegNet")
    expectEven(try values(regNet, "\(block).se.fc2.bias"), bound: 1 / 110.0.squareRoot(), "RegNet")
    expectNormal(try values(regNet, "fc.weight"), std: 0.01, "RegNet")
  }
}
