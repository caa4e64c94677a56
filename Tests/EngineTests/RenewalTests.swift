import Strata
import StrataTestSupport
import Testing

/// A weight that loses its gradient, times a rate, in each step.
private final class Descent: Sendable {
  let weight: Variable
  let speed: Variable
  static let shape: Shape = [64, 256]

  init() {
    weight = Variable(Descent.shape) { Formula.parameter("weight", Descent.shape) }
    speed = Variable(Descent.shape) { .zeros(Descent.shape) }
  }

  /// One step; `index` picks a column, and one beyond the last is a mistake in the data.
  @discardableResult func step(_ index: Int64 = 3) throws -> Float {
    let x = Tensor(Formula.input([4, 256]))
    let chosen = x.matmul(weight.tensor.transpose(0, 1)).indexSelect(dim: 1, Tensor(HostTensor([index])))
    let loss = chosen.square().sum()
    let gradient = gradients(of: loss, wrt: [weight.tensor])[0]
    let next = speed.tensor * 0.5 + gradient
    speed.assign(next)
    weight.assign(weight.tensor - next * 0.01)
    return try loss.value().scalars(as: Float.self)[0]
  }
}

extension EngineSuite {
  @Suite("New values of variables", .serialized) struct RenewalTests {
    @Test("take the place of the old ones, where nobody else holds these") func inPlace() throws {
      let descent = Descent()
      try descent.step()
      let places = [descent.weight, descent.speed].map { $0.stored.pointer }
      for _ in 0..<3 { try descent.step() }
      #expect([descent.weight, descent.speed].map { $0.stored.pointer } == places)
      #expect(descent.weight.version == 4)
    }

    @Test("are those of the reference engine, step by step") func values() throws {
      let (own, expected) = (Descent(), Descent())
      for _ in 0..<5 {
        let loss = try own.step()
        let other = try EngineCase.referencePlain.run { try expected.step() }
        #expect(abs(loss - other) <= 1e-5 * other)
      }
      #expect(difference(own.weight.stored, expected.weight.stored, relative: 1e-5, absolute: 1e-7) == nil)
      #expect(difference(own.speed.stored, expected.speed.stored, relative: 1e-5, absolute: 1e-6) == nil)
    }

    @Test("leave a value alone that somebody holds") func held() throws {
      let descent = Descent()
      try descent.step()
      let held = descent.weight.stored
      let before = held.scalars(as: Float.self)
      try descent.step()
      #expect(held.scalars(as: Float.self) == before)
      #expect(descent.weight.stored.scalars(as: Float.self) != before)
      #expect(descent.weight.stored.pointer != held.pointer)
    }

    @Test("and the old ones may both be results") func oldAndNew() throws {
      let shape: Shape = [100, 100]
      let variable = Variable(shape) { .ones(shape) }
      // A view, for the variable's own tensor always tells the present value.
      let (old, next) = (variable.tensor.reshape([10_000]), variable.tensor + 1)
      variable.assign(next)
      try Tensor.evaluate([old, old * 3, next])
      #expect(old.scalars(as: Float.self).allSatisfy { $0 == 1 })
      #expect(variable.stored.scalars(as: Float.self).allSatisfy { $0 == 2 })
    }

    @Test("are not half written where the data is wrong") func failure() throws {
      let descent = Descent()
      for _ in 0..<2 { try descent.step() }
      let before = [descent.weight, descent.speed].map { $0.stored.scalars(as: Float.self) }
      #expect(throws: StrataError.self) { try descent.step(64) }
      #expect([descent.weight, descent.speed].map { $0.stored.scalars(as: Float.self) } == before)
    }

    @Test("are read whole while several threads train and read") func threads() async throws {
      let shape: Shape = [256, 256]
      let variable = Variable(shape) { .zeros(shape) }
      let torn = await withTaskGroup(of: Int.self) { group in
        for _ in 0..<2 {
          group.addTask {
            (0..<40).count { _ in
              // All elements are equal at any time; a reader that sees two of them saw half a step.
              let next = variable.tensor + 1
              guard let values = try? next.value().scalars(as: Float.self) else { return false }
              return Set(values).count != 1
            }
          }
          group.addTask {
            (0..<40).count { _ in
              let next = variable.tensor * 1 + 1
              variable.assign(next)
              _ = try? next.value()
              return Set(variable.stored.scalars(as: Float.self)).count != 1
            }
          }
        }
        return await group.reduce(0, +)
      }
      #expect(torn == 0)
      #expect(variable.version > 0)
    }
  }
}
