import Strata
import StrataTestSupport
import Testing

@Suite("Differences") struct DiffTests {
  private func diff(_ a: String, _ b: String) throws -> ModelDiff {
    try ModelDiff(
      ModelRegistry.make(a), input: imageShape, ModelRegistry.make(b), input: imageShape)
  }

  @Test("a network does not differ from itself") func same() throws {
    let found = try diff("resnet50", "resnet50")
    #expect(found.isEmpty && found.isWiredAlike == true)
    #expect(
      found.text()
        == """
        no difference in 126 layers; parameters equal (25,557,032); MACs equal (4,089,184,256); \
        receptive field equal (427)
        """)
  }

  @Test("the two readings of ResNet50 differ in strides alone") func strides() throws {
    let found = try diff("resnet50", "resnet50@v1")
    #expect(
      found.text() == """
        ~ layer2.0.conv1  stride (1, 1) -> (2, 2)   MACs 102,760,448 -> 25,690,112
        ~ layer2.0.conv2  stride (2, 2) -> (1, 1)
          ... same in layer3.0, layer4.0
        parameters equal (25,557,032); MACs 4,089,184,256 -> 3,857,973,248; receptive field 427 -> 483
        """)
    #expect(found.changes.count == 6 && found.changes.allSatisfy { $0.kind == .changed })
    #expect(found.text(full: true).contains("~ layer4.0.conv2  stride (2, 2) -> (1, 1)"))
  }

  @Test("inserted layers do not hide that the others are the same") func insertions() throws {
    let found = try diff("vgg16", "vgg16_bn")
    #expect(found.changes.count { $0.kind == .surplus && $0.layer.hasPrefix("BatchNorm2d") } == 13)
    #expect(found.changes.allSatisfy { $0.kind != .missing })
    #expect(found.parameters.after - found.parameters.before == 8448)
    #expect(found.text().contains("MACs equal (15,470,264,320)"))
    #expect(!found.isEmpty)
  }

  @Test("the same layers connected differently are a difference") func wiring() throws {
    final class Adds: Module {
      let a = Conv2d(4, 4, kernelSize: 1)
      let b = Conv2d(4, 4, kernelSize: 1)
      override func forward(_ x: Tensor) -> Tensor { b(a(x)) + x }
    }
    final class Chains: Module {
      let a = Conv2d(4, 4, kernelSize: 1)
      let b = Conv2d(4, 4, kernelSize: 1)
      override func forward(_ x: Tensor) -> Tensor { b(a(x)) }
    }
    let found = try ModelDiff(Adds(), input: [1, 4, 2, 2], Chains(), input: [1, 4, 2, 2])
    #expect(found.changes.isEmpty && found.isWiredAlike == false && !found.isEmpty)
    #expect(found.text().hasPrefix("the layers are the same, but add occurs 1 times -> 0"))
  }

  @Test("missing, surplus, moved and changed layers are told apart") func kinds() throws {
    let a = Sequential(named: [
      ("one", Conv2d(3, 8, kernelSize: 3)), ("act", ReLU()), ("gone", Dropout(p: 0.5)),
      ("two", Conv2d(8, 8, kernelSize: 3)),
    ])
    let b = Sequential(named: [
      ("one", Conv2d(3, 8, kernelSize: 5)), ("act", ReLU()), ("second", Conv2d(8, 8, kernelSize: 3)),
      ("new", BatchNorm2d(8)),
    ])
    let found = try ModelDiff(a, input: [1, 3, 9, 9], b, input: [1, 3, 9, 9])
    #expect(found.changes.map(\.kind) == [.changed, .missing, .moved, .surplus])
    #expect(found.changes[0].details == ["kernel_size (3, 3) -> (5, 5)"])
    #expect(found.changes[0].parameters == (224, 608))
    #expect(found.changes[2].path == "two" && found.changes[2].newPath == "second")
    // Without inputs, layers and parameters alone.
    let structure = try ModelDiff(a, input: nil, b, input: nil)
    #expect(structure.changes.map(\.kind) == found.changes.map(\.kind) && structure.before == nil)
  }

  @Test("weights are compared by name and shape") func weights() throws {
    let model = Sequential(Conv2d(3, 8, kernelSize: 3), BatchNorm2d(8), Linear(8, 10))
    let own = WeightsDiff.entries(of: model)
    #expect(WeightsDiff(own, own).isEmpty && WeightsDiff(own, own).sameCount == 9)
    var other = own.filter { $0.name != "0.bias" && $0.name != "1.num_batches_tracked" }
    other[0] = .init(name: "0.weight", shape: [8, 3, 5, 5])
    other.append(.init(name: "0.biases", shape: [8]))
    let found = WeightsDiff(own, other)
    #expect(found.missing.map(\.name) == ["0.bias"])
    #expect(found.surplus.map(\.name) == ["0.biases"])
    #expect(
      found.misshapen.map { "\($0.name) \($0.expected) \($0.found)" } == [
        "0.weight [8, 3, 3, 3] [8, 3, 5, 5]"
      ])
    #expect(found.suggestions == ["0.biases": "0.bias"])
    #expect(
      found.text == """
        - 0.bias  [8]
        + 0.biases  [8]  perhaps 0.bias
        ~ 0.weight  [8, 3, 3, 3] -> [8, 3, 5, 5]
        6 tensors the same, 1 missing, 1 surplus, 1 misshapen; numbers 347 -> 730
        """)
  }
}
