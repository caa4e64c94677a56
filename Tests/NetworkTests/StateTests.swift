import Strata
import Testing

@Suite("State dictionaries") struct StateTests {
  private func make() -> Sequential {
    Sequential(["conv": Conv2d(1, 2, kernelSize: 3), "norm": BatchNorm2d(2), "fc": Linear(2, 3)])
  }

  @Test("a state dictionary carries a network over")
  func roundTrip() throws {
    let (source, target) = (make(), make())
    let state = source.stateDict()
    #expect(
      state.names == [
        "conv.weight", "conv.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var",
        "norm.num_batches_tracked", "fc.weight", "fc.bias",
      ])
    let report = try target.loadStateDict(state)
    #expect(report.isComplete && report.loaded == state.names)
    #expect(report.description == "all 9 values loaded")
    for (name, value) in state {
      #expect(target.stateDict()[name]?.scalars(as: Double.self) == value.scalars(as: Double.self))
    }
  }

  @Test("what does not fit is listed with full names and suggestions, and nothing changes")
  func mistakes() throws {
    let model = make()
    var state = make().stateDict()
    let before = try model.parameter("fc.weight").value.scalars(as: Float.self)
    state["conv.wieght"] = state["conv.weight"]
    state["conv.weight"] = nil
    state["fc.bias"] = .zeros([5])
    let report = model.loadReport(for: state)
    #expect(report.missing == ["conv.weight"] && report.unexpected == ["conv.wieght"])
    #expect(report.mismatched.map(\.name) == ["fc.bias"])
    let error = #expect(throws: StrataError.self) { try model.loadStateDict(state, strict: false) }
    #expect(
      error?.message
        == "cannot load into Sequential: missing 1: conv.weight; unexpected 1: conv.wieght "
        + "(did you mean conv.weight?); of another shape 1: fc.bias (expects [3], got [5])")
    #expect(try model.parameter("fc.weight").value.scalars(as: Float.self) == before)
  }

  @Test("without strictness, the values that fit are loaded")
  func lenient() throws {
    let model = make()
    var state: StateDict = ["fc.weight": .ones([3, 2]), "head.weight": .ones([1])]
    #expect(throws: StrataError.self) { try model.loadStateDict(state) }
    let report = try model.loadStateDict(state, strict: false)
    #expect(report.loaded == ["fc.weight"] && report.unexpected == ["head.weight"])
    #expect(try model.parameter("fc.weight").value.scalars(as: Float.self) == [1, 1, 1, 1, 1, 1])
    state["head.weight"] = nil
    #expect(state.names == ["fc.weight"])
  }

  @Test("a prefix, as parallel training leaves it, is recognised")
  func prefix() {
    let model = make()
    let state = StateDict(model.stateDict().map { ("module." + $0.name, $0.value) })
    #expect(model.loadReport(for: state).suggestions["module.conv.bias"] == "conv.bias")
  }

  @Test("other element types are converted; checkpoints that do not count batches load")
  func conversions() throws {
    let model = make()
    var state = make().stateDict()
    state["fc.bias"] = HostTensor([1, 2, 3] as [Double])
    state["norm.num_batches_tracked"] = nil
    #expect(try model.loadStateDict(state).isComplete)
    #expect(try model.parameter("fc.bias").value.dtype == .float32)
    #expect(try model.parameter("fc.bias").value.scalars(as: Float.self) == [1, 2, 3])
    state["norm.num_batches_tracked"] = HostTensor([4] as [Int64])
    try model.loadStateDict(state)
    #expect(model.stateDict()["norm.num_batches_tracked"]?.shape == [])
  }

  @Test("an unknown parameter is answered with the nearest name")
  func unknownParameter() {
    let error = #expect(throws: StrataError.self) { try make().parameter("fc.bais") }
    #expect(error?.message == "Sequential has no parameter `fc.bais`; did you mean `fc.bias`?")
  }
}
