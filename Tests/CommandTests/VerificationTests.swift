import Strata
import Testing

/// AlexNet with changes that leave the number of parameters as it is.
private final class ChangedAlexNet: Module {
  let features: Sequential
  let avgpool = AdaptiveAvgPool2d(6)
  let classifier: Sequential
  let isPooled: Bool

  init(padding: IntPair = 2, stride: IntPair = 4, isPooled: Bool = false) {
    self.isPooled = isPooled
    features = Sequential(
      Conv2d(3, 96, kernelSize: 11, stride: stride, padding: padding), ReLU(inplace: true),
      MaxPool2d(3, stride: 2),
      Conv2d(96, 256, kernelSize: 5, padding: 2), ReLU(inplace: true), MaxPool2d(3, stride: 2),
      Conv2d(256, 384, kernelSize: 3, padding: 1), ReLU(inplace: true),
      Conv2d(384, 384, kernelSize: 3, padding: 1), ReLU(inplace: true),
      Conv2d(384, 256, kernelSize: 3, padding: 1), ReLU(inplace: true), MaxPool2d(3, stride: 2))
    classifier = Sequential(
      Dropout(0.5), Linear(256 * 6 * 6, 4096), ReLU(inplace: true), Dropout(0.5), Linear(4096, 4096),
      ReLU(inplace: true), Linear(4096, 1000))
    super.init()
  }

  override func forward(_ x: Tensor) -> Tensor {
    let maps = features(x)
    return classifier((isPooled ? avgpool(maps) : maps).flatten(start: 1))
  }
}

/// One bottleneck block between a stem and a classifier, right or wrong in ways that parameters do not show.
private final class SmallResNet: Module {
  enum Mistake { case none, strideInFirst, noAddition, noActivation, otherEpsilon, nothingWhileTraining }

  let stem = Conv2d(3, 8, kernelSize: 3, padding: 1, bias: false)
  let conv: Conv2d
  let bn: BatchNorm2d
  let relu = ReLU(inplace: true)
  let drop = Dropout(0.5)
  let fc = Linear(8, 4)
  let mistake: Mistake

  init(_ mistake: Mistake = .none) {
    self.mistake = mistake
    conv = Conv2d(
      8, 8, kernelSize: 3, stride: mistake == .strideInFirst ? 2 : 1, padding: 1, bias: false)
    bn = BatchNorm2d(8, eps: mistake == .otherEpsilon ? 1e-3 : 1e-5)
    super.init()
  }

  override func forward(_ x: Tensor) -> Tensor {
    let trunk = stem(x)
    var branch = bn(conv(trunk))
    if mistake != .noAddition, mistake != .strideInFirst { branch = branch + trunk }
    if mistake != .noActivation { branch = relu(branch) }
    let pooled = branch.mean(dims: [2, 3])
    return fc(mistake == .nothingWhileTraining ? pooled : drop(pooled))
  }

  static var specification: Specification {
    var network = SpecificationBuilder()
    network.convolution("stem", 3, 8, kernel: 3, padding: 1, bias: false)
    network.endBlock()
    network.convolution("conv", 8, 8, kernel: 3, padding: 1, bias: false)
    network.batchNorm("bn", 8)
    network.add("relu", .relu, plus: 0)
    network.endBlock()
    network.add("drop", .dropout(0.5))
    // The mean over a map is no layer: the classifier's input is given by its size alone.
    network.add("fc", .linear(from: 8, to: 4, hasBias: true))
    return network.specification("SmallResNet")
  }
}

@Suite("Verification") struct VerificationTests {
  private func failures(
    _ model: Module, _ specification: Specification = .alexNet(), input: Shape = [1, 3, 224, 224]
  ) throws -> [String] {
    let result = try Verification(model, against: specification, input: input)
    #expect(result.ok == result.checks.allSatisfy { $0.ok })
    return result.checks.filter { !$0.ok }.map(\.sentence)
  }

  @Test("the right network passes, at other classes too") func right() throws {
    manualSeed(1)
    #expect(try failures(AlexNet(classes: 10), .alexNet(classes: 10)) == [])
    #expect(try failures(ResNet50(classes: 7), .resNet50(classes: 7), input: [2, 3, 64, 64]) == [])
  }

  @Test("a wrong padding that the number of parameters hides is found") func padding() throws {
    let model = ChangedAlexNet(padding: 1, isPooled: true)
    #expect(model.parameterCount == 62_378_344)
    let failures = try failures(model)
    #expect(failures.contains("features.0 padding: expected 2, found 1: map 54×54 instead of 55×55"))
    #expect(failures.contains("multiply-accumulates: expected 1,135,256,096, found 1,021,480,064"))
    #expect(failures.contains("features.2 map: expected 96×27×27, found 96×26×26"))
    #expect(failures.contains("features.12 map: expected 256×6×6, found 256×5×5"))
    #expect(failures.contains("avgpool input: expected no such call, found features.12"))
    #expect(!failures.contains { $0.hasPrefix("parameters") || $0.hasPrefix("output shape") })
  }

  @Test("a network that cannot take the input says in which layer") func forward() throws {
    let failures = try failures(ChangedAlexNet(padding: 1))
    #expect(failures.contains("features.0 padding: expected 2, found 1: map 54×54 instead of 55×55"))
    let forward = try #require(failures.first { $0.hasPrefix("forward") })
    #expect(forward.hasPrefix("forward: expected an output [1, 1000], found classifier.1 (Linear): "))
  }

  @Test("a wrong stride is found") func stride() throws {
    let failures = try failures(ChangedAlexNet(stride: 3, isPooled: true))
    #expect(failures.contains("features.0 stride: expected 4, found 3: map 73×73 instead of 55×55"))
    #expect(failures.contains { $0.hasPrefix("multiply-accumulates") })
  }

  @Test("ResNet50 with the stride in the first convolution of a block is found") func resNetStride() throws {
    let model = ResNet50()
    for stage in 2...4 {
      let width = 64 << (stage - 1)
      try model.replace(
        "layer\(stage).0.conv1", with: Conv2d(2 * width, width, kernelSize: 1, stride: 2, bias: false))
      try model.replace(
        "layer\(stage).0.conv2", with: Conv2d(width, width, kernelSize: 3, padding: 1, bias: false))
    }
    #expect(model.parameterCount == 25_557_032)
    let result = try StructureCheck(model, against: .resNet50(), input: [1, 3, 224, 224]).results
    let failures = result.filter { !$0.ok }.map(\.sentence)
    #expect(failures.contains("layer2.0.conv1 stride: expected 1, found 2: map 28×28 instead of 56×56"))
    #expect(failures.contains("layer2.0.conv2 stride: expected 2, found 1: map 56×56 instead of 28×28"))
    #expect(failures.contains("multiply-accumulates: expected 4,089,184,256, found 3,857,973,248"))
    #expect(failures.contains("layer2.0.conv1 map: expected 128×56×56, found 128×28×28"))
    #expect(!failures.contains { $0.hasPrefix("parameters") })
  }

  @Test("missing, surplus and exchanged layers are named") func layers() throws {
    let model = AlexNet()
    try model.replace("features.4", with: ReLU6())
    try model.replace("classifier.6", with: Sequential(Linear(4096, 500), Linear(500, 1000)))
    let results = try StructureCheck(model, against: .alexNet(), input: [1, 3, 224, 224]).results
    let failures = results.filter { !$0.ok }.map(\.sentence)
    #expect(failures.contains("layers: expected 20, found 21"))
    #expect(failures.contains("features.4: expected ReLU, found ReLU6"))
    #expect(
      failures.contains { $0.hasPrefix("classifier.6: expected Linear(") && $0.hasSuffix("found nothing") })
    #expect(failures.contains { $0.hasPrefix("classifier.6.0: expected nothing, found Linear(") })
    #expect(failures.contains { $0.hasPrefix("parameters: expected 62,378,344, found ") })
  }

  @Test("what is neither counted nor printed is found") func connections() throws {
    func failures(_ mistake: SmallResNet.Mistake) throws -> [String] {
      manualSeed(3)
      return try self.failures(SmallResNet(mistake), SmallResNet.specification, input: [1, 3, 1, 1])
    }
    #expect(try failures(.none) == [])
    #expect(
      try failures(.noAddition) == [
        "layer order: expected 5 calls as specified, found 1 calls of other inputs",
        "relu input: expected bn and stem, found bn",
      ])
    let noActivation = try failures(.noActivation)
    #expect(noActivation.contains("relu input: expected bn and stem, found no such call"))
    #expect(noActivation.contains("fc input: expected relu, found bn and stem"))
    #expect(try failures(.otherEpsilon).contains("bn epsilon: expected 1e-05, found 0.001"))
    #expect(try failures(.strideInFirst).contains("conv stride: expected 1, found 2"))
  }

  @Test("behaviour that differs is found") func behaviour() throws {
    let same = BehaviourCheck.deterministic([1, 2], [1, 3])
    #expect(same.sentence == "deterministic: expected 0 outputs differ, found 1 outputs differ")
    #expect(
      BehaviourCheck.finite([[1, .nan], [.infinity, 0]]).sentence
        == "finite outputs: expected 4 of 4, found 2 of 4")
    manualSeed(4)
    let model = Sequential(Flatten(), Linear(12, 2))
    let results = BehaviourCheck.run(model, dependsOnMode: true, input: [1, 3, 2, 2], seed: 0)
    #expect(results.filter { !$0.ok }.map(\.name) == ["train and eval"])
  }

  @Test("verification leaves a network as it was") func purity() throws {
    manualSeed(5)
    let model = MobileNetV1(classes: 3)
    let before = model.stateDict()
    _ = try Verification(model, against: .mobileNetV1(classes: 3), input: [1, 3, 32, 32])
    for (name, value) in model.stateDict() {
      let old = try #require(before[name])
      #expect(old.scalars(as: Float.self) == value.scalars(as: Float.self), "\(name)")
    }
  }
}
