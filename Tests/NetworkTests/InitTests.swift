import Strata
import Testing

@Suite("Initial values") struct InitTests {
  private struct Facts: Decodable {
    struct Arguments: Decodable {
      let inChannels: Int?
      let outChannels: Int?
      let kernelSize: [Int]?
      let groups: Int?
      let inFeatures: Int?
      let outFeatures: Int?
      let numFeatures: Int?
    }
    struct Distribution: Decodable {
      let shape: [Int]
      let bound: Double
      let std: Double
    }
    struct Case: Decodable {
      let name: String
      let args: Arguments
      let weight: Distribution?
      let bias: Distribution?
      let values: [String: Double]?
    }
    let cases: [Case]
  }

  @Test("layers begin with PyTorch's distributions")
  func distributions() throws {
    for facts in try Fixture.decode("init_stats.json", as: Facts.self).cases {
      let args = facts.args
      let module: Module
      if let channels = args.inChannels, let width = args.outChannels, let kernel = args.kernelSize {
        module = Conv2d(
          channels, width, kernelSize: IntPair(kernel[0], kernel[1]), groups: args.groups ?? 1)
      } else if let input = args.inFeatures, let output = args.outFeatures {
        module = Linear(input, output)
      } else {
        module = BatchNorm2d(try #require(args.numFeatures))
      }
      for (name, expected) in facts.values ?? [:] {
        let value = try #require(module.stateDict()[name])
        #expect(value.scalars(as: Double.self).allSatisfy { $0 == expected }, "\(facts.name).\(name)")
      }
      if let weight = facts.weight { try check(module.parameter("weight"), weight, facts.name) }
      if let bias = facts.bias { try check(module.parameter("bias"), bias, facts.name) }
    }
  }

  private func check(_ parameter: Parameter, _ expected: Facts.Distribution, _ name: String) throws {
    #expect(parameter.shape.sizes == expected.shape)
    let values = parameter.value.scalars(as: Double.self)
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
    // Six standard errors of the mean and of the deviation of uniform numbers.
    #expect(values.allSatisfy { abs($0) <= expected.bound * (1 + 1e-6) }, "\(name)")
    #expect(abs(mean) < 6 * expected.std / count.squareRoot(), "\(name)")
    #expect(abs(deviation / expected.std - 1) < 2.7 / count.squareRoot(), "\(name)")
  }

  @Test("the functions of torch.nn.init give their deviations")
  func functions() {
    let expectations: [(String, (Parameter) -> Void, Double)] = [
      ("xavier uniform", { Init.xavierUniform($0) }, (2.0 / 1500).squareRoot()),
      ("xavier normal", { Init.xavierNormal($0, gain: 2) }, 2 * (2.0 / 1500).squareRoot()),
      ("kaiming uniform", { Init.kaimingUniform($0, nonlinearity: .relu) }, (2.0 / 500).squareRoot()),
      ("kaiming normal", { Init.kaimingNormal($0, a: 1, mode: .fanOut) }, (1.0 / 1000).squareRoot()),
      ("normal", { Init.normal($0, std: 3) }, 3),
      ("uniform", { Init.uniform($0, -1, 1) }, 1 / 3.0.squareRoot()),
    ]
    for (name, initialise, expected) in expectations {
      let parameter = Parameter([1000, 500])
      initialise(parameter)
      #expect(!parameter.variable.isAllocated)
      let values = parameter.value.scalars(as: Double.self)
      let deviation = (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
      #expect(abs(deviation / expected - 1) < 0.01, "\(name)")
    }
    let parameter = Parameter([3])
    Init.constant(parameter, 0.5)
    #expect(parameter.value.scalars() == [0.5, 0.5, 0.5] as [Float])
    Init.ones(parameter)
    #expect(parameter.value.scalars() == [1, 1, 1] as [Float])
  }

  @Test("the same seed gives the same network, whatever is read first")
  func seed() {
    #expect(
      untilUndisturbed {
        manualSeed(7)
        let first = Sequential(Linear(4, 4), Conv2d(2, 2, kernelSize: 3))
        manualSeed(7)
        let second = Sequential(Linear(4, 4), Conv2d(2, 2, kernelSize: 3))
        let backwards = second.parameters.reversed().map { $0.value.scalars(as: Float.self) }
        return first.parameters.map { $0.value.scalars(as: Float.self) } == backwards.reversed()
      })
    let (a, b) = (Linear(4, 4), Linear(4, 4))
    #expect(a.weight.value.scalars(as: Float.self) != b.weight.value.scalars(as: Float.self))
  }
}
