import Strata
import Testing

@Suite("Modules") struct ModuleTests {
  /// A network as a user writes it, with an optional part, a list and a buffer.
  final class Net: Module {
    let stem = Conv2d(3, 8, kernelSize: 3, padding: 1)
    let blocks: ModuleList
    let extra: Sequential?
    let scale = Parameter(HostTensor([2] as [Float]))
    let calls = StateBuffer([], dtype: .int64)
    let head = Linear(8, 4)
    let note = "no member"

    init(extra: Bool = false) {
      blocks = ModuleList { for _ in 0..<2 { Block(8) } }
      self.extra = extra ? Sequential(ReLU(), Dropout(p: 0.1)) : nil
      super.init()
    }

    override func forward(_ x: Tensor) -> Tensor {
      var x = stem(x)
      for block in blocks { x = block(x) }
      if let extra { x = extra(x) }
      return head((x * scale.tensor).adaptiveAveragePool2d(1).flatten(start: 1))
    }
  }

  class Base: Module {
    let conv: Conv2d
    init(_ channels: Int) {
      conv = Conv2d(channels, channels, kernelSize: 3, padding: 1, bias: false)
      super.init()
    }
  }

  final class Block: Base {
    let norm: BatchNorm2d
    override init(_ channels: Int) {
      norm = BatchNorm2d(channels)
      super.init(channels)
    }
    override func forward(_ x: Tensor) -> Tensor { norm(conv(x)).relu() + x }
  }

  /// Defines the call itself, as a newcomer would.
  final class Plain: Module {
    let first = Linear(4, 4)
    let second = Inner()
    func callAsFunction(_ x: Tensor) -> Tensor { second(first(x)) }
  }

  final class Inner: Module, CallableModule {
    let body = Sequential(Linear(4, 4), ReLU())
    func callAsFunction(_ x: Tensor) -> Tensor { body(x) }
  }

  @Test("members are found in order of declaration, those of the superclass first")
  func members() {
    let net = Net()
    #expect(net.namedChildren.map(\.name) == ["stem", "blocks", "head"])
    #expect(Net(extra: true).namedChildren.map(\.name) == ["stem", "blocks", "extra", "head"])
    #expect(
      net.namedModules.map(\.name)
        == [
          "", "stem", "blocks", "blocks.0", "blocks.0.conv", "blocks.0.norm", "blocks.1", "blocks.1.conv",
          "blocks.1.norm", "head",
        ])
    #expect(
      net.stateEntries.map(\.name).prefix(6)
        == ["scale", "calls", "stem.weight", "stem.bias", "blocks.0.conv.weight", "blocks.0.norm.weight"])
    #expect(net.namedBuffers.map(\.name).prefix(2) == ["calls", "blocks.0.norm.running_mean"])
    #expect(net.parameterCount == 1 + 3 * 8 * 9 + 8 + 2 * (8 * 8 * 9 + 16) + 36)
  }

  @Test("a property set after the root initialiser is found too")
  func lateProperty() {
    final class Late: Module {
      var fc: Linear?
      override init() {
        super.init()
        fc = Linear(2, 2)
      }
    }
    #expect(Late().namedParameters.map(\.name) == ["fc.weight", "fc.bias"])
  }

  @Test("operations carry paths from the outermost module called")
  func paths() {
    let net = Net(extra: true).eval()
    let x = Tensor.placeholder([1, 3, 8, 8])
    #expect(
      NetworkTests.paths(of: net(x)) == [
        "stem", "blocks.0.conv", "blocks.0.norm", "blocks.0", "blocks.0", "blocks.1.conv", "blocks.1.norm",
        "blocks.1", "blocks.1", "extra.0", "", "", "", "head",
      ])
    #expect(NetworkTests.paths(of: net.blocks[1](.placeholder([1, 8, 8, 8]))) == ["conv", "norm", "", ""])
    #expect(NetworkTests.paths(of: net.stem(x)) == [""])
    // Called past the wrapper, as PyTorch users sometimes do.
    #expect(NetworkTests.paths(of: net.forward(x)).first == "stem")
  }

  @Test("a module that defines its own call works alone and in containers")
  func ownCall() {
    let x = Tensor.placeholder([1, 4])
    #expect(NetworkTests.paths(of: Plain()(x)) == ["first", "second.body.0", "second.body.1"])
    #expect(
      NetworkTests.paths(of: Sequential(Linear(4, 4), Inner())(x)) == ["0", "1.body.0", "1.body.1"])
    final class Outer: Module {
      let plain = Plain()
      override func forward(_ x: Tensor) -> Tensor { plain(x) }
    }
    #expect(
      NetworkTests.paths(of: Outer()(x)) == ["plain.first", "plain.second.body.0", "plain.second.body.1"])
    let error = Sequential(ModuleList())(x).error
    #expect(error?.message == "0 (ModuleList): cannot be called, for it overrides no forward(_:)")
  }

  @Test("a module under two parents has the path under which it is called, and counts once")
  func shared() {
    let layer = Linear(4, 4)
    let model = Sequential(Sequential(ReLU(), layer), Sequential(layer))
    let x = Tensor.placeholder([1, 4])
    #expect(NetworkTests.paths(of: model(x)) == ["0.0", "0.1", "1.0"])
    #expect(model.parameterCount == 20)
    #expect(model.namedParameters.map(\.name) == ["0.1.weight", "0.1.bias"])
    #expect(model.stateEntries.map(\.name) == ["0.1.weight", "0.1.bias", "1.0.weight", "1.0.bias"])
  }

  @Test("training and evaluation mode reach every module")
  func modes() {
    let net = Net()
    #expect(net.isTraining)
    net.eval()
    #expect(net.modules.allSatisfy { !$0.isTraining })
    net.train()
    #expect(net.modules.allSatisfy { $0.isTraining })
  }

  @Test("freezing takes names, patterns and modules")
  func freeze() {
    let net = Net()
    let count = net.parameters.count
    #expect(net.freeze() == count && net.trainableParameterCount == 0)
    #expect(net.unfreeze("head") == 2)
    #expect(net.trainableParameterCount == 36)
    #expect(net.unfreeze("blocks.*.norm.weight") == 2)
    #expect(net.namedParameters.filter(\.parameter.requiresGrad).map(\.name).count == 4)
    #expect(net.unfreeze("nothing") == 0)
  }

  @Test("a replaced module is printed, counted, saved and called in the old one's place")
  func replace() throws {
    let net = Net()
    let old = try net.replace("head", with: Linear(8, 10))
    #expect(old === net.head)
    #expect(net(.placeholder([2, 3, 8, 8])).shape == [2, 10])
    #expect(try net.parameter("head.weight").shape == [10, 8])
    #expect("\(net)".contains("(head): Linear(in_features=8, out_features=10, bias=True)"))
    try net.replace("blocks.0.norm", with: Identity())
    #expect(!net.stateEntries.map(\.name).contains("blocks.0.norm.weight"))
    let paths = NetworkTests.paths(of: net.eval()(.placeholder([1, 3, 8, 8])))
    #expect(!paths.contains("blocks.0.norm") && paths.last == "head")
    let error = #expect(throws: StrataError.self) { try net.replace("blocks.0.nrm", with: Identity()) }
    #expect(error?.message == "Net has no module `blocks.0.nrm`; did you mean `blocks.0.norm`?")
    #expect(throws: StrataError.self) { try net.replace("", with: Identity()) }
  }

  @Test("apply visits children before parents")
  func apply() {
    var visited: [String] = []
    Sequential(Sequential(ReLU()), Tanh()).apply { visited.append($0.typeName) }
    #expect(visited == ["ReLU", "Sequential", "Tanh", "Sequential"])
  }

  #if compiler(>=6.2)
    @Test("programmer's mistakes stop the program")
    func mistakes() async {
      await #expect(processExitsWith: .failure) { _ = Conv2d(3, 8, kernelSize: 3, groups: 2) }
      await #expect(processExitsWith: .failure) { _ = Linear(0, 8) }
      await #expect(processExitsWith: .failure) { _ = BatchNorm2d(-1) }
      await #expect(processExitsWith: .failure) { _ = Dropout(p: 1.5) }
      await #expect(processExitsWith: .failure) { _ = MaxPool2d(2, padding: 2) }
      await #expect(processExitsWith: .failure) {
        final class Careless: Module {
          let layers = [Linear(2, 2), Linear(2, 2)]
        }
        _ = Careless()
      }
    }
  #endif
}
