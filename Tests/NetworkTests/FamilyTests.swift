import Strata
import StrataTestSupport
import Testing

/// What `Reference/families.py` says about the networks of torchvision.
enum Families {
  static let document = Fixtures.json("families/families.json")
  static let cases = Fixtures.cases("families/families.json")
  static let scores = Fixtures.tensors("families/families.safetensors")

  /// The cases by name; tests take names as arguments, for their texts are short.
  static let byName = Dictionary(uniqueKeysWithValues: cases.map { ($0.name, $0) })
  static let names = cases.map(\.name)
  /// The names of whole networks, without options.
  static let networks = cases.filter { $0["options"] == nil }.map(\.name)

  /// The network of a case, with its options.
  static func make(_ name: String, classes: Int? = nil) throws -> Module {
    let facts = try #require(byName[name])
    var options = ModelOptions(classes: classes)
    if let chosen = facts["options"] {
      options.classes = chosen["classes"]?.integer
      options.widthMultiplier = chosen["width"]?.number
      options.dropout = chosen["dropout"]?.number
    }
    return try ModelRegistry.make(facts["model"]?.string ?? name, options)
  }

  /// FNV-1a of 64 bits, in hexadecimal digits.
  static func digest(_ text: String) -> String {
    let hash = text.utf8.reduce(14_695_981_039_346_656_037 as UInt64) {
      ($0 ^ UInt64($1)) &* 1_099_511_628_211
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

@Suite("Families") struct FamilyTests {
  @Test("all are there")
  func coverage() {
    #expect(Set(ModelRegistry.names).subtracting(Families.networks) == Set(ModelRegistry.lab.map(\.name)))
    #expect(Set(Families.networks).isSubset(of: ModelRegistry.names))
    #expect(Families.networks.count == 75)
  }

  @Test("print as in torchvision", arguments: Families.names)
  func text(name: String) throws {
    let facts = try #require(Families.byName[name])
    let model = try Families.make(name)
    let text = model.description
    #expect(
      text.utf8.count == facts.integer("text_length") && Families.digest(text) == facts.string("text_digest"),
      "compare `strata show \(name)` with `python Reference/families.py \(name)`")
  }

  @Test("the text of each family's first, line by line", arguments: Families.networks)
  func fullText(name: String) throws {
    let path = "\(Fixtures.folder)/families/\(name).txt"
    guard let expected = try? FileSystem.map(path) else { return }
    let bytes = UnsafeRawBufferPointer(start: expected.pointer, count: expected.byteCount)
    let wanted = withExtendedLifetime(expected) { String(decoding: bytes, as: UTF8.self) }
    let lines = wanted.split(separator: "\n")
    let found = try Families.make(name).description.split(separator: "\n")
    let first = zip(found, lines).enumerated().first { $0.element.0 != $0.element.1 }
    #expect(first == nil, "line \((first?.offset ?? 0) + 1)")
    #expect(found.count == lines.count)
  }

  @Test("have torchvision's parameters and state dictionary", arguments: Families.names)
  func state(name: String) throws {
    let facts = try #require(Families.byName[name])
    let model = try Families.make(name)
    #expect(model.parameterCount == facts.integer("parameters"))
    if let published = facts["published_parameters"]?.integer { #expect(model.parameterCount == published) }
    let entries = model.stateEntries
    let text = entries.map { "\($0.name) \($0.shape)" }.joined(separator: "\n")
    #expect(entries.count == facts.integer("state_count"))
    #expect(
      Families.digest(text) == facts.string("state_digest"),
      "names and shapes differ from `python Reference/families.py \(name) state`")
    #expect(entries.allSatisfy { !$0.variable.isAllocated })
  }

  @Test("multiply and add as often as published, at their own size", arguments: Families.networks)
  func cost(name: String) throws {
    let facts = try #require(Families.byName[name])
    let entry = try ModelRegistry.entry(named: name)
    let model = try entry.make().eval()
    let published = facts["published_macs"]?.array ?? []
    for pair in facts["macs"]?.array ?? [] {
      let size = try #require(pair.array?.first?.integer)
      let side = entry.imageShape[0] == 1 ? 28 : size
      let output = model(.placeholder([1, entry.imageShape[0], side, side]))
      #expect(output.error == nil && output.shape == [1, entry.classes])
      let count = macs(output)
      #expect(count == pair.array?.last?.integer, "\(name) at \(size)")
      for other in published where other.array?.first?.integer == size {
        let giga = try #require(other.array?.last?.number)
        #expect(abs(Double(count) / 1e9 - giga) < 0.00051)
      }
    }
    #expect(output(model, entry.imageShape).shape == [2, entry.classes])
  }

  private func output(_ model: Module, _ image: Shape) -> Tensor {
    model(.placeholder(Shape([2] + image.sizes)))
  }

  private func macs(_ output: Tensor) -> Int {
    let graph = Trace(of: [output]).graph
    return graph.nodes.reduce(0) { sum, node in
      sum + node.op.multiplyAccumulates(graph.operandTypes(node), node.type)
    }
  }
}

@Suite("Scores of the families", .serialized) struct FamilyScoreTests {
  private static let networks = Families.networks.filter { Families.byName[$0]?["input"] != nil }

  @Test("are torchvision's", arguments: networks)
  func scores(name: String) throws {
    let facts = try #require(Families.byName[name])
    let classes = try #require(Families.document["classes"]?.integer)
    let model = try Families.make(name, classes: classes).eval()
    Formula.fill(model)
    if let gain = facts["gain"]?.number { damp(model, gain) }
    let expected = try #require(Families.scores[name])
    let found = try EngineCase.optimised.value(model(Tensor(Formula.input(facts.shape("input")))))
    Engine.clearCache()
    #expect(difference(found, expected, relative: 1e-4, scale: .largestMagnitude) == nil, "\(name)")
  }

  /// Some networks amplify rounding with the formula's weights until nothing else is left; these get smaller ones.
  private func damp(_ model: Module, _ gain: Double) {
    for (name, parameter) in model.namedParameters where parameter.shape.rank >= 2 {
      let shape = parameter.shape
      let bound = gain * (6 / Double(shape.dropFirst().reduce(1, *))).squareRoot()
      parameter.variable.reset { Formula.tensor(name, shape, -bound, bound) }
    }
  }

  @Test(
    "are torchvision's without passes and on plain loops",
    arguments: [
      "lenet5", "small_cnn", "resnet20", "mobilenet_v1@0.25", "shufflenet_v2_x0_5", "squeezenet1_1",
    ])
  func plain(name: String) throws {
    let facts = try #require(Families.byName[name])
    let classes = try #require(Families.document["classes"]?.integer)
    let model = try Families.make(name, classes: classes).eval()
    Formula.fill(model)
    let expected = try #require(Families.scores[name])
    let input = Tensor(Formula.input(facts.shape("input")))
    for engine in [EngineCase.plain, .referencePlain] {
      let found = try engine.value(model(input))
      #expect(difference(found, expected, relative: 1e-4, scale: .largestMagnitude) == nil, "\(engine)")
    }
  }
}
