import Strata
import StrataTestSupport
import Testing

@Suite("The formula of weights and inputs") struct FormulaTests {
  static let cases = Fixtures.cases("formula.json")

  @Test("gives the numbers that it gives in Python", arguments: cases)
  func numbers(fixture: Fixture) {
    let shape = fixture.shape("shape")
    #expect(Int(Formula.fnv1a(fixture.name)) == fixture.integer("fnv1a32"))
    let made =
      fixture.bool("weight_range")
      ? Formula.parameter(fixture.name, shape)
      : Formula.tensor(fixture.name, shape, fixture.number("low"), fixture.number("high"))
    let elements = made.scalars(as: Double.self)
    #expect(Array(elements.prefix(8)) == fixture.numbers("first"))
    #expect(elements.count == fixture.integer("last_index") + 1)
    #expect(elements.last == fixture.number("last"))
  }

  @Test("has a case for each kind of parameter") func coverage() {
    let leaves = Set(FormulaTests.cases.map { $0.name.split(separator: ".").last ?? "" })
    #expect(leaves.isSuperset(of: ["weight", "bias", "running_mean", "running_var", "input"]))
  }

  @Test("counts no batches") func counters() {
    let counter = Formula.parameter("bn.num_batches_tracked", [], .int64)
    #expect(difference(counter, HostTensor([Int64(0)], shape: [])) == nil)
  }

  @Test("rounds integers down and keeps truth values to zero and one") func integers() {
    let real = Formula.tensor("a", [64], -9, 9).scalars(as: Double.self)
    let whole = Formula.tensor("a", [64], -9, 9, dtype: .int32)
    #expect(whole.dtype == .int32)
    #expect(whole.scalars(as: Double.self) == real.map { $0.rounded(.down) })
    #expect(Set(Formula.tensor("a", [64], 0, 2, dtype: .bool).scalars(as: Bool.self)) == [false, true])
  }
}

@Suite("Comparing tensors") struct DifferenceTests {
  private func tensor(_ elements: Float...) -> HostTensor { HostTensor(elements) }

  @Test("tells shapes and types apart") func types() {
    #expect(difference(tensor(1, 2), HostTensor([Float(1)])) == "shape [2], expected [1]")
    #expect(difference(tensor(1), HostTensor([1.0])) == "type torch.float32, expected torch.float64")
  }

  @Test("names the worst element") func worst() {
    let matrix = tensor(1, 2, 3, 4).reshaped([2, 2])
    let other = tensor(1, 2.5, 5, 4).reshaped([2, 2])
    #expect(
      difference(other, matrix, relative: 0.1)
        == "2 of 4 elements differ; the worst at [1, 0] is 5.0, expected 3.0")
    #expect(difference(other, matrix, absolute: 2) == nil)
    #expect(difference(other, matrix, relative: 0.5, scale: .largestMagnitude) == nil)
    #expect(difference(other, matrix, relative: 0.5) != nil)
  }

  @Test("finds NaN equal to NaN and to nothing else") func specials() {
    let special = tensor(.nan, .infinity, -.infinity)
    #expect(difference(special, special) == nil)
    #expect(difference(tensor(1), tensor(.nan), absolute: 9) != nil)
    #expect(difference(tensor(.nan), tensor(1), absolute: 9) != nil)
    #expect(difference(tensor(1), tensor(.infinity), relative: 9, absolute: 9) != nil)
    #expect(difference(tensor(.infinity), tensor(-.infinity), relative: 9) != nil)
    #expect(difference(tensor(.infinity), tensor(1), relative: 9, scale: .largestMagnitude) != nil)
  }

  @Test("wants integers to be exact") func integers() {
    #expect(difference(HostTensor([1, 2]), HostTensor([1, 3]), relative: 9, absolute: 9) != nil)
    #expect(difference(HostTensor([true, false]), HostTensor([true, false])) == nil)
    let large = Int64.max
    #expect(difference(HostTensor([large]), HostTensor([large - 1])) != nil)
  }
}
