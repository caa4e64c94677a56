import Strata
import Testing

@Suite("Networks") struct ModelTests {
  @Test("parameters and state dictionary are PyTorch's", arguments: ModelRegistry.labNames)
  func state(name: String) throws {
    let facts = try NetworkFacts.network(name)
    let model = try ModelRegistry.make(name)
    #expect(model.parameterCount == facts.parameters)
    #expect(model.namedParameters.map(\.name) == facts.parameterNames)
    let entries = model.stateEntries.map {
      NetworkFacts.Entry(key: $0.name, shape: $0.shape.sizes, dtype: $0.dtype.rawValue)
    }
    #expect(entries == facts.stateDict)
  }

  @Test("each operation knows its module, in PyTorch's order and shapes", arguments: ModelRegistry.labNames)
  func paths(name: String) throws {
    let facts = try NetworkFacts.network(name)
    let model = try ModelRegistry.make(name).eval()
    let output = model(.placeholder([1, 3, 224, 224]))
    #expect(output.shape == [1, 1000])
    let leaves: Set = ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "AdaptiveAvgPool2d", "Linear"]
    let calls = operations(of: output).filter { leaves.contains($0.origin.typeName) }.map {
      NetworkFacts.Call(path: $0.origin.path, type: $0.origin.typeName, shape: $0.type.shape.sizes)
    }
    // In evaluation, dropout is no operation.
    #expect(calls == facts.calls.filter { $0.type != "Dropout" })
  }

  @Test("operations outside layers belong to the module that wrote them")
  func ownOperations() throws {
    let nodes = operations(of: ResNet50().eval()(.placeholder([1, 3, 64, 64])))
    let sums = nodes.filter { $0.origin.typeName == "Bottleneck" }
    #expect(sums.count == 16)
    #expect(sums.first?.origin.label == "layer1.0 (Bottleneck)")
    #expect(nodes.filter { $0.origin.path.isEmpty }.map(\.origin.label) == ["ResNet50"])
    let calls = nodes.filter { $0.origin.path == "layer1.0.relu" }.map(\.origin.call)
    #expect(Set(calls).count == 3)
  }

  @Test(
    "nothing is allocated by construction, printing, counting or tracing", arguments: ModelRegistry.labNames)
  func lazy(name: String) throws {
    let model = try ModelRegistry.make(name)
    _ = (model.description, model.parameterCount, model.stateEntries.count)
    _ = model(.placeholder([2, 3, 224, 224]))
    #expect(model.stateEntries.allSatisfy { !$0.variable.isAllocated })
    // In training mode, a placeholder must leave no update behind that nothing can compute.
    #expect(model.isTraining && model.stateEntries.allSatisfy { $0.variable.pending == nil })
  }

  @Test("the last layer has one row for each class")
  func classes() throws {
    for entry in ModelRegistry.lab {
      let wide = try entry.parameterCount(ModelOptions(classes: 1000))
      let narrow = try entry.parameterCount(ModelOptions(classes: 10))
      let features = entry.name == "resnet50" ? 2048 : entry.name == "mobilenet_v1" ? 1024 : 4096
      #expect(wide - narrow == 990 * (features + 1))
      let model = try entry.make(ModelOptions(classes: 7))
      #expect(model(.placeholder([2, 3, 224, 224])).shape == [2, 7])
      #expect(model.typeName == entry.title)
    }
  }

  @Test("the registry explains itself")
  func registry() throws {
    #expect(ModelRegistry.labNames == ["alexnet", "vgg16", "resnet50", "mobilenet_v1"])
    #expect(try ModelRegistry.entry(named: "MobileNetV1").name == "mobilenet_v1")
    #expect(throws: StrataError.self) { try ModelRegistry.make("alexnet", ModelOptions(classes: 0)) }
    #expect(throws: StrataError.self) { try ModelRegistry.make("alexnet", ModelOptions(classes: 10_000_001)) }
    let count = ModelRegistry.entries.count
    let error = #expect(throws: StrataError.self) { try ModelRegistry.entry(named: "resnet5") }
    #expect(
      error?.message
        == "there is no model `resnet5`; did you mean `resnet50`? `strata models` lists all \(count)")
    let other = #expect(throws: StrataError.self) { try ModelRegistry.entry(named: "transformer") }
    #expect(other?.message == "there is no model `transformer`; `strata models` lists all \(count)")
  }

  @Test("a wrong input names the layer, what it expects and what came")
  func wrongInput() {
    let output = AlexNet()(.placeholder([1, 1, 224, 224]))
    #expect(
      output.error?.message == "features.0 (Conv2d): expects 3 input channels, got 1 in [1, 1, 224, 224]")
    let small = VGG16().eval()(.placeholder([1, 3, 64, 64]))
    #expect(small.error?.message == "classifier.0 (Linear): expects 25088 features, got 2048 in [1, 2048]")
  }

  @Test("several threads may call one network")
  func threads() async {
    let model = MobileNetV1().eval()
    let shared = SharedModule(Sequential(Linear(8, 8), ReLU()))
    let shapes = await withTaskGroup(of: (Shape, Shape).self) { group in
      for index in 1...8 {
        group.addTask {
          (model(.placeholder([index, 3, 224, 224])).shape, shared(.placeholder([index, 8])).shape)
        }
      }
      return await group.reduce(into: [Int: Shape]()) { $0[$1.0[0]] = $1.1 }
    }
    #expect(shapes.count == 8 && shapes.allSatisfy { $0.value == [$0.key, 8] })
  }
}
