import Strata
import StrataTestSupport
import Testing

@Suite("Printed networks") struct PrintedTests {
  @Test("what PyTorch prints of the lab's networks is read as those networks", arguments: labNetworks)
  func lab(_ name: String) throws {
    let own = try summary(name)
    for dialect in PrintDialect.allCases {
      let text = try ModelRegistry.make(name).description(dialect: dialect)
      let printed = try PrintedNetwork(parsing: "\n" + text + "\n\n")
      #expect(printed.entry?.name == name && printed.canBeCalled)
      #expect("\(printed.model)" == "\(try ModelRegistry.make(name))")
      #expect(try printed.model.summary(input: imageShape).macs == own.macs)
    }
  }

  @Test(
    "other networks of the registry are known by their text, with other classes and channels too",
    arguments: ["densenet121", "googlenet", "convnext_tiny", "efficientnet_b0", "shufflenet_v2_x1_0"])
  func families(_ name: String) throws {
    let model = try ModelRegistry.make(name, ModelOptions(classes: 7, inputChannels: 4))
    let printed = try PrintedNetwork(parsing: "\(model)")
    #expect(printed.entry?.name == name)
    #expect(printed.model.parameterCount == model.parameterCount)
    #expect(try printed.model.summary(input: [1, 4, 224, 224]).output == [1, 7])
  }

  @Test("a sequence of one's own is analysed, and prints as it was") func sequence() throws {
    let text = """
      Sequential(
        (0): Conv2d(3, 16, kernel_size=(3, 3), stride=(1, 1), padding=same, bias=False)
        (1): BatchNorm2d(16, eps=0.001, momentum=None, affine=True, bias=True, track_running_stats=True)
        (block): Sequential(
          (0-2): 3 x Conv2d(16, 16, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), groups=4)
          (act): LeakyReLU(negative_slope=0.2, inplace=True)
        )
        (pool): AdaptiveAvgPool2d(output_size=(4, None))
        (flatten): Flatten(start_dim=1, end_dim=-1)
        (drop): Dropout(p=0.25, inplace=False)
        (fc): Linear(in_features=512, out_features=10, bias=True)
      )
      """
    let printed = try PrintedNetwork(parsing: text)
    #expect(printed.entry == nil && printed.canBeCalled)
    let summary = try printed.model.summary(input: [1, 3, 8, 8])
    #expect(summary.parameters == 432 + 32 + 3 * (16 * 4 * 9 + 16) + 5130)
    #expect(summary.macs == 64 * (432 + 3 * 16 * 4 * 9) + 5120)
    #expect(summary.output == [1, 10])
    let whole = text.replacing(
      "    (0-2): 3 x Conv2d",
      with: (0...1).map {
        "    (\($0)): Conv2d(16, 16, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), groups=4)\n"
      }.joined() + "    (2): Conv2d")
    #expect("\(printed.model)" == whole)
  }

  @Test("residual networks of other depths are analysed by the way of their kind") func residual() throws {
    // As torchvision's ResNet(BasicBlock, [1, 1, 1, 1]) prints, which the registry does not have.
    let model = try ModelRegistry.make("resnet18")
    let text = "\(model)"
    var lines = text.split(separator: "\n").map(String.init)
    // The second block of each stage goes.
    var cut: [String] = []
    var isInside = false
    for line in lines {
      if line == "    (1): BasicBlock(" { isInside = true }
      if !isInside { cut.append(line) }
      if isInside, line == "    )" { isInside = false }
    }
    lines = cut
    let printed = try PrintedNetwork(parsing: lines.joined(separator: "\n"))
    #expect(printed.entry == nil && printed.canBeCalled)
    let summary = try printed.model.summary(input: imageShape)
    let whole = try model.summary(input: imageShape)
    let second = whole.rows.filter { $0.typeName == "BasicBlock" && $0.path.hasSuffix(".1") }
    #expect(second.count == 4)
    #expect(summary.macs == whole.macs - second.reduce(0) { $0 + $1.macs })
    #expect(summary.parameters == whole.parameters - second.reduce(0) { $0 + $1.parameters })
  }

  @Test("where the text does not tell how data flows, parameters are counted and the reason is given")
  func unknown() throws {
    let text = """
      Net(
        (conv1): Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1))
        (fc): Linear(in_features=6, out_features=10, bias=True)
      )
      """
    let printed = try PrintedNetwork(parsing: text)
    #expect(!printed.canBeCalled)
    #expect(try #require(printed.limitation).hasPrefix("the text does not tell in which order Net calls"))
    #expect(printed.model.parameterCount == 156 + 70)
    #expect(printed.model.parameterTable.contains("226"))
    #expect(throws: StrataError.self) { try printed.model.summary(input: [1, 1, 28, 28]) }
    // A residual block with attention in it is none of the known blocks.
    let block = """
      Sequential(
        (0): BasicBlock(
          (conv1): Conv2d(8, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
          (bn1): BatchNorm2d(8, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
          (relu): ReLU(inplace=True)
          (conv2): Conv2d(8, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
          (bn2): BatchNorm2d(8, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
          (se): Sequential(
            (0): Conv2d(8, 8, kernel_size=(1, 1), stride=(1, 1))
          )
        )
      )
      """
    #expect(try PrintedNetwork(parsing: block).unknownContainers == ["0 (BasicBlock)"])
    let plain = try PrintedNetwork(
      parsing: block.components(separatedBy: "    (se)")[0] + "  )\n)")
    #expect(plain.canBeCalled && plain.model.parameterCount == 2 * 576 + 2 * 16)
  }

  @Test(
    "what is wrong is said with its line",
    arguments: [
      ("", "the text is empty"),
      ("Sequential(", "line 1: `Sequential(` is not closed"),
      ("Sequential(\n  (0): ReLU()\n", "line 1: `Sequential(` is not closed"),
      ("<class 'Net'>", "line 1: expected a module as in `Linear(…)`"),
      ("Sequential()\nmore", "line 2: expected the end after the network, got `more`"),
      ("Sequential(\n  (0): Relu()\n)", "line 2: the layer Relu is not known; did you mean `ReLU`?"),
      ("Linear(in_features=3, bias=True)", "line 1: Linear: has no positive out_features"),
      ("Linear(in_features=-3, out_features=2, bias=True)", "in_features=-3 is no size"),
      ("Linear(in_features=3, out_features=2, bias=maybe)", "bias=maybe is neither True nor False"),
      ("Linear(in_features=3, out_features=2, bias=True, rank=4)", "the setting rank=4 is not known"),
      ("Conv2d(3, 8, kernel_size=(0, 3), stride=(1, 1))", "kernel_size=(0, 3) is no pair of sizes"),
      ("Conv2d(3, 8, stride=(1, 1))", "has no kernel_size"),
      ("Conv2d(3, 8, kernel_size=(3, 3), groups=2)", "do not divide into 2 groups"),
      ("Conv2d(3, 8, kernel_size=(3, 3), stride=(2, 2), padding=same)", "padding=same needs stride 1"),
      (
        "Conv2d(9999999, 9999999, kernel_size=(999, 999))",
        "are too large"
      ),
      ("MaxPool2d(kernel_size=2, stride=2, padding=2)", "more than half of the window"),
      ("AdaptiveAvgPool2d(output_size=(0, 1))", "output_size=(0, 1) is no size"),
      ("Dropout(p=1.5)", "p=1.5 is no probability"),
      ("BatchNorm2d(8, eps=-1)", "negative"),
      ("Flatten(start_dim=99, end_dim=-1)", "start_dim=99 is no axis"),
      ("Sequential(\n  (0-1): 3 x ReLU()\n)", "line 2: `(0-1): 3 x` does not name 3 modules"),
      ("Sequential(\n  (a): ReLU()\n  (a): ReLU()\n)", "line 3: there are two modules called a"),
    ])
  func mistakes(_ text: String, _ sentence: String) {
    do {
      _ = try PrintedNetwork(parsing: text)
      Issue.record("\(text) was read")
    } catch {
      #expect(error.message.contains(sentence), "\(error.message)")
    }
  }

  @Test("texts that would become enormous are refused at once") func hostile() {
    var text = "ReLU()"
    for _ in 0..<20 { text = "Sequential(\n(0-999): 1000 x \(text)\n)" }
    #expect(throws: StrataError.self) { try PrintedNetwork(parsing: text) }
    let deep =
      String(repeating: "Sequential(\n(0): ", count: 5000) + "ReLU()" + String(repeating: "\n)", count: 5000)
    #expect(throws: StrataError.self) { try PrintedNetwork(parsing: deep) }
  }
}
