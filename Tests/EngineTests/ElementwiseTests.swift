import Strata
import StrataTestSupport
import Testing

/// Every set of instructions that this machine has, with the kernels for single elements.
private let instructionSets = KernelOptions.InstructionSet.allCases.filter { $0 <= .best }

private func engine(_ set: KernelOptions.InstructionSet) -> EngineCase {
  EngineCase(OneDNNBackend(KernelOptions(instructionSet: set)), Set(Pass.allCases), "\(set)")
}

/// How many kernels for single elements a run needs, and how many steps in all.
private func steps(of tensors: [Tensor]) throws -> (elementwise: Int, all: Int) {
  try EngineCase.optimised.run {
    let steps = try Engine.profile(Trace(of: tensors))
    return (steps.count { $0.implementation.hasPrefix("elementwise") }, steps.count)
  }
}

extension EngineSuite {
  @Suite("Operations on single elements", .serialized) struct ElementwiseTests {
    /// Every operation that the kernel knows, in chains with several results.
    private func chains(_ shape: Shape) -> [Tensor] {
      let x = Tensor(Formula.input(shape))
      let y = Tensor(Formula.input(shape, name: "other"))
      let rate = Tensor(HostTensor([Float(0.3)], shape: []))
      let sum = x + y * 0.9
      let safe = y.square() + 0.1
      let scaled = (x - sum * rate) / safe.sqrt()
      let bounded = scaled.abs().minimum(-y).maximum(x).clamp(min: -0.5, max: 0.75)
      return [
        sum, scaled * safe.rsqrt(), bounded, (scaled + bounded).relu(), (bounded * 9).activation(.relu6),
      ]
    }

    @Test(
      "give what the reference gives, with every set of instructions", arguments: instructionSets,
      [[1], [3], [16], [5, 7], [511], [512], [513], [2, 32, 9, 5], [3, 70_001]] as [Shape])
    func agreement(set: KernelOptions.InstructionSet, shape: Shape) throws {
      let trace = Trace(of: chains(shape))
      let expected = try EngineCase.referencePlain.results(of: trace)
      for (result, expected) in zip(try engine(set).results(of: trace), expected) {
        #expect(difference(result, expected, relative: 2e-6, absolute: 1e-7) == nil)
      }
    }

    @Test("keep what is not a number, and infinities, as the reference does") func oddNumbers() throws {
      let x = Tensor(HostTensor([Float.nan, .infinity, -.infinity, 0, -0.0, 1, .nan, 2]))
      let y = Tensor(HostTensor([Float(1), .nan, 3, .infinity, 0, -.infinity, .nan, 2]))
      let outputs = [
        x.minimum(y), x.maximum(y), x.relu(), x.activation(.relu6), x.clamp(min: -1, max: 1), x + y, x * y,
        x / y, x.abs(), -x, x.sqrt(), x.rsqrt(),
      ]
      let trace = Trace(of: outputs)
      let expected = try EngineCase.referencePlain.results(of: trace)
      for set in instructionSets {
        for (index, (result, expected)) in zip(try engine(set).results(of: trace), expected).enumerated() {
          let pairs = zip(result.scalars(as: Float.self), expected.scalars(as: Float.self))
          #expect(pairs.allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN }, "output \(index), \(set)")
        }
      }
    }

    @Test("run together where nothing comes between them") func fusion() throws {
      let shape: Shape = [40, 50]
      let (weight, speed) = (Variable(shape) { .ones(shape) }, Variable(shape) { .zeros(shape) })
      let next = speed.tensor * 0.9 + Tensor(Formula.input(shape))
      #expect(try steps(of: [next, weight.tensor - next * 0.1]) == (1, 1))
      // A softmax between them, which the second half needs.
      let x = Tensor(Formula.input(shape)) * 2
      let whole = [x.softmax(dim: 1) + x]
      #expect(try steps(of: whole).elementwise == 2)
      try expectReference(whole + [next])
    }

    @Test("take the weight gradients of linear layers in, whatever the shape", arguments: [1, 2, 5, 16, 17])
    func products(batch: Int) throws {
      let (x, upstream) = (
        Tensor(Formula.input([batch, 130])), Tensor(Formula.input([batch, 70], name: "g"))
      )
      let weight = Variable([70, 130]) { Formula.parameter("weight", [70, 130]) }
      let gradient = upstream.transpose(0, 1).matmul(x)
      let outputs = [weight.tensor - gradient * 0.1 + gradient.square()]
      #expect(try steps(of: outputs).all == (batch <= 16 ? 1 : 2))
      try expectReference(outputs)
      // One that is read elsewhere too is computed as it is.
      try expectReference([weight.tensor - gradient * 0.1, gradient.sum(dim: 0)])
    }

    @Test("do not overwrite what is read later") func overwriting() throws {
      let x = Tensor(Formula.input([2, 16, 8, 8]))
      let kernel = Variable([16, 16, 3, 3]) { Formula.parameter("kernel", [16, 16, 3, 3]) }
      let y = x.conv2d(kernel.tensor, padding: 1)
      let twice = y + y
      let sum = twice.relu() + y
      try expectReference([sum.conv2d(kernel.tensor, padding: 1) + sum, twice.mean(), sum * y])
    }

    private func expectReference(_ outputs: [Tensor]) throws {
      let trace = Trace(of: outputs)
      let expected = try EngineCase.referencePlain.results(of: trace)
      for engine in instructionSets.map(engine) + [.plain] {
        for (index, (result, expected)) in zip(try engine.results(of: trace), expected).enumerated() {
          #expect(
            difference(result, expected, relative: 1e-5, absolute: 1e-6, scale: .largestMagnitude) == nil,
            "output \(index), \(engine)")
        }
      }
    }
  }
}
