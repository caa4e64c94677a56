import Strata
import StrataTestSupport
import Testing

@Suite("Comparing with another framework", .serialized)
struct ParityTests {
  /// What another framework would have recorded, with one module's output replaced.
  private func reference(_ model: TinyNet, _ changes: [String: Tensor] = [:]) throws -> TensorArchive {
    let x = Tensor(Formula.input([1, 3, 16, 16]))
    let conv = model.conv(x)
    let bn = model.bn(conv)
    let relu = model.relu(bn)
    var archive = TensorArchive()
    archive["input"] = try x.value()
    let outputs = [("conv", conv), ("bn", bn), ("relu", relu), ("output", model(x))]
    for (name, value) in outputs { archive[name] = try (changes[name] ?? value).value() }
    return archive
  }

  @Test("Equal outputs agree")
  func agreement() throws {
    let model = try tinyNet()
    let search = try ParitySearch(of: model, reference: reference(model))
    #expect(search.rows.map(\.path) == ["conv", "bn", "relu", "output"])
    #expect(search.firstDisagreement == nil && search.unknown.isEmpty)
  }

  @Test("Another epsilon is found")
  func epsilon() throws {
    let model = try tinyNet()
    let conv = model.conv(Tensor(Formula.input([1, 3, 16, 16])))
    let other = conv.batchNorm(
      mean: try #require(model.bn.running_mean).tensor, variance: try #require(model.bn.running_var).tensor,
      weight: model.bn.weight?.tensor, bias: model.bn.bias?.tensor, epsilon: 1e-3)
    let search = try ParitySearch(of: model, reference: reference(model, ["bn": other]))
    #expect(search.firstDisagreement?.path == "bn")
    #expect(search.suggestion == "the reference's epsilon is 0.001, here it is 1e-05")
  }

  @Test("Padding on the other side is found")
  func padding() throws {
    let model = try tinyNet()
    let x = Tensor(Formula.input([1, 3, 16, 16])).pad([0, 1, 0, 1])
    let shifted = x.conv2d(model.conv.weight.tensor, stride: 2)
    let search = try ParitySearch(of: model, reference: reference(model, ["conv": shifted]))
    #expect(search.suggestion == "the reference pads the bottom and right more than the top and left")
  }

  @Test("Another nonlinearity and a training mode are found")
  func others() throws {
    let model = try tinyNet()
    let bn = model.bn(model.conv(Tensor(Formula.input([1, 3, 16, 16]))))
    let silu = try ParitySearch(of: model, reference: reference(model, ["relu": bn.activation(.silu)]))
    #expect(silu.suggestion == "the reference has SiLU here")
    let conv = model.conv(Tensor(Formula.input([1, 3, 16, 16])))
    let moments = conv.batchMoments()
    let trained = conv.batchNorm(
      mean: moments.mean, variance: moments.variance, weight: model.bn.weight?.tensor,
      bias: model.bn.bias?.tensor)
    let search = try ParitySearch(of: model, reference: reference(model, ["bn": trained]))
    #expect(search.suggestion == "the reference normalised by the batch: it was in training mode")
  }

  @Test("A missing input and names that are no modules are said")
  func names() throws {
    let model = try tinyNet()
    var archive = try reference(model)
    archive["layer9"] = HostTensor([Float(1)])
    #expect(try ParitySearch(of: model, reference: archive).unknown == ["layer9"])
    archive["input"] = nil
    #expect(throws: StrataError.self) { try ParitySearch(of: model, reference: archive) }
  }
}
