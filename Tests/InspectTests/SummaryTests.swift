import Strata
import StrataTestSupport
import Testing

/// A convolution applied twice to the same map, and a layer under two names.
private final class Twice: Module {
  let conv = Conv2d(8, 8, kernelSize: 3, padding: 1)
  let first = Linear(8, 8)
  let again: Linear

  override init() {
    again = first
    super.init()
  }

  override func forward(_ x: Tensor) -> Tensor { again(first(conv(conv(x)).mean(dims: [2, 3]))) }
}

/// Two branches, one of them in two steps, put together, and the input added.
private final class Branches: Module {
  let left = Conv2d(4, 4, kernelSize: 1, bias: false)
  let right = Sequential(
    Conv2d(4, 4, kernelSize: 3, padding: 1, bias: false), Conv2d(4, 4, kernelSize: 5, padding: 2, bias: false)
  )
  let join = Conv2d(8, 4, kernelSize: 1, bias: false)

  override func forward(_ x: Tensor) -> Tensor { join(.cat([left(x), right(x)], dim: 1)) + x }
}

@Suite("Summary") struct SummaryTests {
  @Test("the lines of the printed table add up to the totals", arguments: labNetworks + ["densenet121"])
  func sums(_ name: String) throws {
    let summary = try summary(name)
    let lines = summary.text().split(separator: "\n\n")[0].split(separator: "\n").map(String.init)
    let titles = lines[0].split(separator: " ").map(String.init)
    #expect(titles == ["Layer", "Output", "Kernel", "Parameters", "MACs", "Share", "Results", "Field"])
    /// Where a title ends.
    func end(_ title: String) throws -> Int {
      let places = (0..<lines[0].count).filter { lines[0].dropFirst($0).hasPrefix(title) }
      return try #require(places.first) + title.count
    }
    let parameterColumn = try end("Parameters")
    let macColumn = try end("MACs")
    /// The number that ends at a column.
    func number(_ line: String, _ column: Int) -> Int {
      let word = line.prefix(column).reversed().prefix { $0.isNumber || $0 == "," }.reversed()
      return Int(String(word.filter(\.isNumber))) ?? 0
    }
    func depth(_ line: String) -> Int { line.prefix { "│├└─ ".contains($0) }.count / 3 }
    var (parameters, macs) = (0, 0)
    for (index, line) in lines.enumerated().dropFirst() {
      let isContainer = index + 1 < lines.count && depth(lines[index + 1]) > depth(line)
      if isContainer { continue }
      parameters += number(line, parameterColumn)
      macs += number(line, macColumn)
    }
    #expect(parameters == summary.parameters)
    #expect(macs == summary.macs)
    #expect(number(lines[1], parameterColumn) == parameters)
    #expect(number(lines[1], macColumn) == macs)
    let leaves = summary.leaves
    #expect(leaves.reduce(0) { $0 + $1.activationBytes } == summary.activationBytes)
    #expect(leaves.reduce(0) { $0 + $1.bufferElements } == summary.bufferElements)
    for convention in CountingConvention.allCases {
      #expect(leaves.reduce(0) { $0 + $1.operations[convention] } == summary.operations(convention))
    }
  }

  @Test(
    "receptive fields are the known ones",
    arguments: [
      ("alexnet", 195), ("vgg16", 212), ("resnet50", 427), ("resnet50@v1", 483), ("mobilenet_v1", 315),
    ])
  func fields(_ name: String, _ field: Int) throws {
    let summary = try summary(name)
    #expect(summary.field == IntPair(field))
    #expect(summary.stride == 32)
  }

  @Test("a summary allocates nothing and leaves the network as it was") func purity() throws {
    let model = ResNet50()
    model.fc.eval()
    let summary = try model.summary(input: imageShape)
    #expect(model.parameters.allSatisfy { !$0.variable.isAllocated })
    #expect(model.buffers.allSatisfy { !$0.variable.isAllocated })
    #expect(model.isTraining && model.layer1.isTraining && !model.fc.isTraining)
    #expect(summary.uncounted[.torchvision]?.contains { $0.name == "batchMoments" } == false)
  }

  @Test("a shared module's parameters count once, and each call's arithmetic") func sharing() throws {
    let summary = try Twice().summary(input: [2, 8, 5, 5])
    #expect(summary.parameters == (8 * 8 * 9 + 8) + (8 * 8 + 8))
    #expect(summary.macs == 2 * (2 * 8 * 25 * 8 * 9) + 2 * (2 * 8 * 8))
    let convolutions = summary.rows.filter { $0.path == "conv" }
    #expect(convolutions.map(\.call) == [1, 2])
    #expect(convolutions.map(\.parameters) == [584, 0])
    #expect(convolutions.map(\.sharedParameters) == [0, 584])
    let linears = summary.rows.filter { $0.typeName == "Linear" }
    #expect(linears.map(\.parameters) == [72, 0] && linears.map(\.macs) == [128, 128])
    #expect(summary.text().contains("conv  Conv2d #2"))
  }

  @Test("operations outside of layers stand under the module that does them") func branches() throws {
    let summary = try Branches().summary(input: [1, 4, 9, 9])
    #expect(
      summary.rows.map { "\($0.depth) \($0.kind) \($0.path) \($0.typeName)" } == [
        "0 container  Branches", "1 layer left Conv2d", "1 container right Sequential",
        "2 layer right.0 Conv2d", "2 layer right.1 Conv2d", "1 operation  concatenate", "1 layer join Conv2d",
        "1 operation  add",
      ])
    // The longer branch decides.
    #expect(summary.field == 7)
    #expect(summary.rows[5].output == [1, 8, 9, 9] && summary.rows[5].field == 7)
    #expect(summary.macs == 81 * (16 + 4 * 4 * 9 + 4 * 4 * 25 + 32))
    #expect(summary.parameters == 16 + 144 + 400 + 32)
  }

  @Test("frozen parameters are told apart") func frozen() throws {
    let model = ResNet50()
    model.freeze("layer*")
    let summary = try model.summary(input: imageShape)
    #expect(summary.parameters == 25_557_032)
    #expect(summary.trainableParameters == model.trainableParameterCount)
    #expect(
      summary.text().contains(
        "of which \(Text.grouped(25_557_032 - model.trainableParameterCount)) are frozen"))
    #expect(summary.trainingBytes(.adam).optimizer == 8 * model.trainableParameterCount)
  }

  @Test("an empty network has a line and costs nothing") func empty() throws {
    let summary = try Sequential().summary(input: [1, 3, 8, 8])
    #expect(summary.rows.count == 1)
    #expect(summary.output == [1, 3, 8, 8])
    #expect(summary.parameters == 0 && summary.macs == 0 && summary.peakActivationBytes == 0)
    #expect(summary.text().hasPrefix("Layer"))
    #expect(try Sequential(Sequential()).summary(input: [1]).rows.count == 2)
  }

  @Test("a layer alone, and one without parameters") func single() throws {
    let linear = try Linear(3, 2).summary(input: [5, 3])
    #expect(linear.rows.map(\.typeName) == ["Linear"] && linear.parameters == 8 && linear.macs == 30)
    let relu = try Sequential(ReLU(), Dropout(p: 0.5)).summary(input: [2, 2])
    #expect(relu.rows.map(\.typeName) == ["Sequential", "ReLU", "Dropout"])
    #expect(relu.rows.allSatisfy { $0.output == [2, 2] })
  }

  @Test("parameters of containers and modules that are not called are listed") func leftovers() throws {
    final class Unused: Module {
      let scale = Parameter([4, 1, 1])
      let conv = Conv2d(4, 4, kernelSize: 1)
      let spare = Linear(4, 4)
      override func forward(_ x: Tensor) -> Tensor { conv(x) * scale.tensor }
    }
    let model = Unused()
    let summary = try model.summary(input: [1, 4, 2, 2])
    #expect(summary.parameters == model.parameterCount)
    #expect(summary.leaves.reduce(0) { $0 + $1.parameters } == model.parameterCount)
    #expect(summary.rows.contains { $0.kind == .parameter && $0.path == "scale" && $0.parameters == 4 })
    let spare = try #require(summary.rows.last)
    #expect(spare.path == "spare" && spare.call == 0 && spare.parameters == 20 && spare.output == nil)
    #expect(summary.text().contains("not called"))
  }

  @Test("depth, columns and order choose what is shown") func styles() throws {
    let summary = try summary("resnet50")
    var style = ModelSummary.Style()
    style.depth = 1
    #expect(summary.text(style).split(separator: "\n\n")[0].split(separator: "\n").count == 1 + 1 + 11)
    style.depth = nil
    style.order = .macs
    style.columns = [.layer, .macs]
    let lines = summary.text(style).split(separator: "\n")
    #expect(lines[1].hasPrefix("conv1  Conv2d"))
    let rows = summary.csv(style).split(separator: "\n")
    #expect(rows[0].hasPrefix("kind,depth,layer,type,call,input,output,kernel,params"))
    #expect(rows.count == 1 + summary.leaves.count)
    #expect(rows[1].hasPrefix("layer,1,conv1,Conv2d,1,1x3x224x224,1x64x112x112,7x7,9408,9408,0,0,118013952,"))
  }
}
