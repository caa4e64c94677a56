import Foundation
import Strata
import StrataTestSupport
import Testing

/// A network small enough for every test, with what the lab's networks have.
final class TinyNet: Module {
  let conv = Conv2d(3, 8, kernelSize: 3, stride: 2, padding: 1, bias: false)
  let bn = BatchNorm2d(8)
  let relu = ReLU(inplace: true)
  let pool = AdaptiveAvgPool2d(4)
  let fc: Linear

  init(classes: Int = 5) {
    fc = Linear(8 * 16, classes)
    super.init()
  }

  override func forward(_ x: Tensor) -> Tensor {
    fc(pool(relu(bn(conv(x)))).flatten(start: 1))
  }
}

/// A network with the formula's weights, so that running statistics differ from their first values.
func tinyNet(classes: Int = 5) throws -> TinyNet {
  let model = TinyNet(classes: classes).eval()
  try model.loadStateDict(
    StateDict(model.stateEntries.map { ($0.name, Formula.parameter($0.name, $0.shape, $0.dtype)) }))
  return model
}

func temporaryFile(_ name: String) throws -> String {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("strata-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  return folder.appendingPathComponent(name).path
}

@Suite("Weights in and out of networks", .serialized)
struct WeightTests {
  @Test("Saved weights load again and give the same scores", arguments: ["w.safetensors", "w.pth", "w.npz"])
  func roundTrip(name: String) throws {
    let (model, other) = (try tinyNet(), TinyNet().eval())
    let path = try temporaryFile(name)
    try model.save(path)
    #expect(try other.load(path).isComplete)
    let x = Tensor(Formula.input([2, 3, 16, 16]))
    #expect(difference(try other(x).value(), try model(x).value(), relative: 0) == nil)
  }

  @Test("Weights of other classes load all but the last layer when that is allowed")
  func partialLoading() throws {
    let path = try temporaryFile("w.safetensors")
    try tinyNet(classes: 7).save(path)
    let model = TinyNet(classes: 5)
    let before = model.fc.weight.value.scalars(as: Float.self)
    let report = try model.load(path, strict: false)
    #expect(report.mismatched.map(\.name) == ["fc.weight", "fc.bias"])
    #expect(report.loaded.contains("conv.weight"))
    #expect(model.fc.weight.value.scalars(as: Float.self) == before)
    #expect(throws: StrataError.self) { try model.load(path) }
  }

  @Test("A file of another network is refused even when not everything need fit")
  func foreignFile() throws {
    let path = try temporaryFile("w.safetensors")
    try Weights.write(TensorArchive([("unknown", HostTensor([Float(1)]))]), to: path)
    let error = #expect(throws: StrataError.self) { try TinyNet().load(path, strict: false) }
    #expect(error?.message.contains("nothing of it belongs to TinyNet") == true)
  }

  @Test("Folding batch norm into weights keeps the scores and the names")
  func folding() throws {
    let model = try tinyNet()
    let folded = try model.archive.batchNormFolded(in: model, input: [1, 3, 16, 16])
    #expect(folded.names == model.archive.names)
    #expect(folded["bn.weight"]?.scalars(as: Float.self) == [Float](repeating: 1, count: 8))
    let other = TinyNet().eval()
    try other.load(folded, from: "folded")
    let x = Tensor(Formula.input([2, 3, 16, 16]))
    #expect(difference(try other(x).value(), try model(x).value(), relative: 1e-5) == nil)
  }

  @Test("Rules rename, drop and refuse to give one name twice")
  func renaming() throws {
    let archive = TensorArchive([
      ("module.fc.weight", HostTensor([Float(1)])), ("module.fc.bias", HostTensor([Float(2)])),
    ])
    #expect(try archive.renamed([RenameRule("module.*=*")]).names == ["fc.weight", "fc.bias"])
    #expect(try archive.renamed([RenameRule("*.bias="), RenameRule("*.weight=w")]).names == ["w"])
    #expect(throws: StrataError.self) { try archive.renamed([RenameRule("module.fc.*=x")]) }
    #expect(throws: StrataError.self) { try RenameRule("a*b*c=d") }
    #expect(throws: StrataError.self) { try RenameRule("nothing") }
  }

  @Test("Half precision keeps counters as they are")
  func conversion() throws {
    let archive = try tinyNet().archive.converted(to: .bfloat16)
    #expect(archive["conv.weight"]?.dtype == .bfloat16)
    #expect(archive["bn.num_batches_tracked"]?.dtype == .int64)
  }

  @Test("Inspection finds what is odd and whom the weights fit")
  func inspection() throws {
    let model = try ModelRegistry.make("lenet5", ModelOptions(classes: 12))
    var archive = model.archive
    let found = WeightInspection(archive)
    #expect(found.fits.map(\.model) == ["lenet5"])
    #expect(found.fits.first?.classes == 12)
    let name = archive.names[0]
    var values = try #require(archive[name]).scalars(as: Float.self)
    values[0] = .nan
    values[1] = .infinity
    archive[name] = HostTensor(values, shape: try #require(archive[name]).shape)
    let odd = try #require(WeightInspection(archive).rows.first)
    #expect(odd.suspicions == ["1 NaN", "1 infinite"])
    #expect(odd.range != nil)
  }
}
