import Strata
import StrataTestSupport
import Testing

private let hasInt8 = OneDNNBackend.hasInstructions(for: .int8)

/// The network of `Reference/quantisation_make.py`.
///
/// `@unchecked Sendable` holds because all properties are constant and `Module` locks what can change.
private final class SmallNet: Module, @unchecked Sendable {
  let a = Conv2d(3, 16, kernelSize: 3, padding: 1)
  let b = Conv2d(16, 16, kernelSize: 3, padding: 1)
  let c = Conv2d(16, 16, kernelSize: 1, bias: false)
  let d = Conv2d(16, 16, kernelSize: 3, stride: 2, padding: 1, groups: 16)
  let e = Conv2d(16, 32, kernelSize: 1)
  let f = Linear(288, 20)
  let g = Linear(20, 6)

  override func forward(_ x: Tensor) -> Tensor {
    let x = a(x).relu().maxPool2d(Pooling(kernel: 2))
    let y = (c(b(x).relu()) + x).relu()
    return g(f(e(d(y).activation(.relu6)).flatten(start: 1)).relu())
  }
}

extension EngineSuite {
  @Suite("Quantisation", .serialized) struct QuantisationTests {
    private let tensors = Fixtures.tensors("quantisation.safetensors")

    private func tensor(_ name: String) throws -> HostTensor {
      try #require(tensors[name])
    }

    private func network() throws -> Module {
      let net = SmallNet()
      let report = try net.load(tensors, from: "the fixture", strict: false)
      #expect(report.missing.isEmpty)
      return net.eval()
    }

    @Test("ranges are those that PyTorch's numbers have") func ranges() throws {
      let calibration = try network().calibrate(on: tensor("image"), method: .minMax, batchSize: 3)
      #expect(calibration.layers.count == 7)
      for range in Fixtures.cases("quantisation.json") {
        let parts = range.name.split(separator: ".").map(String.init)
        let layer = try #require(calibration.layers[parts[0]])
        let found = try #require(parts[1] == "input" ? layer.input : layer.residual)
        #expect(found.isSigned == range.bool("signed"))
        #expect(abs(Double(found.limit) - range.number("limit")) < 1e-5 * range.number("limit"))
      }
    }

    /// A number near the middle between two integers may be rounded to the other one, which is 0.4% of a range.
    @Test("a network gives what PyTorch's gives with numbers rounded to 8 bits", .enabled(if: hasInt8))
    func rounding() throws {
      let net = try network()
      let image = try tensor("image")
      let calibration = try net.calibrate(on: image, method: .minMax)
      let result = try Engine.autocast(to: .int8(calibration)) { try net(Tensor(image)).value() }
      let (exact, rounded) = (try tensor("exact"), try tensor("rounded"))
      #expect(deviation(try net(Tensor(image)).value(), exact) < 1e-5)
      #expect(deviation(result, rounded) < 2e-3)
      #expect(deviation(result, exact) > 4e-3)
    }

    @Test("numbers stay integers from layer to layer", .enabled(if: hasInt8)) func storage() throws {
      let net = try network()
      let image = try tensor("image")
      let calibration = try net.calibrate(on: image)
      let steps = try Engine.autocast(to: .int8(calibration)) {
        try Engine.profile(Trace(of: [net(Tensor(image))]))
      }
      // The image, and the rows in the order of channels, then places.
      #expect(steps.count { $0.kind == .reorder } <= 3)
      #expect(!steps.contains { $0.implementation.hasPrefix("ref") || $0.implementation == "reference" })
    }

    @Test(
      "layers with all their settings give nearly the same numbers", .enabled(if: hasInt8),
      arguments: LayerCase.all.filter {
        !$0.isTraining && !$0.isUnbatched && ["Conv2d", "Linear"].contains($0.fixture.string("type"))
      })
    func layers(layer: LayerCase) throws {
      let module = try layer.makeLayer().eval()
      var calibrator = Calibrator()
      for input in layer.inputs { try calibrator.observe(module(input)) }
      let calibration = try calibrator.calibration(by: .minMax)
      let output = try Engine.autocast(to: .int8(calibration)) {
        try #require(try layer.inputs.map { try module($0).value() }.last)
      }
      let expected = try #require(layer.expected("output"))
      #expect(difference(output, expected, relative: 0.02, scale: .largestMagnitude) == nil)
    }

    @Test("what is read several times, and by others too, keeps its numbers", .enabled(if: hasInt8))
    func shared() throws {
      let model = Networks.residual()
      let images = Networks.images(4, size: 24)
      let calibration = try model.calibrate(on: images.value(), method: .minMax)
      let exact = try model(images).value()
      let rounded = try Engine.autocast(to: .int8(calibration)) { try model(images).value() }
      #expect(difference(rounded, exact, relative: 0.05, scale: .largestMagnitude) == nil)
      #expect(difference(rounded, exact, relative: 1e-4, scale: .largestMagnitude) != nil)
      #expect(difference(try model(images).value(), exact, relative: 1e-6) == nil)
    }

    @Test("another batch, and other weights, go with the same calibration", .enabled(if: hasInt8))
    func reuse() throws {
      let model = Networks.residual()
      let calibration = try model.calibrate(on: Networks.images(4, size: 24).value())
      try Engine.autocast(to: .int8(calibration)) {
        let one = try model(Networks.images(1, size: 24)).value()
        let three = try model(Networks.images(3, size: 24)).value()
        #expect(one.shape == [1, 5] && three.shape == [3, 5])
        let other = Networks.residual()
        Formula.fill(other)
        #expect(difference(try other(Networks.images(1, size: 24)).value(), one, relative: 1e-6) == nil)
      }
    }

    @Test("a calibration of another network is refused", .enabled(if: hasInt8)) func refusal() throws {
      let calibration = try network().calibrate(on: tensor("image"))
      let error = #expect(throws: StrataError.self) {
        try Engine.autocast(to: .int8(calibration)) {
          try Networks.residual()(Networks.images(1)).value()
        }
      }
      #expect(error?.message.contains("is not in the calibration, nor is any other layer") == true)
    }

    @Test("nothing to calibrate on is said so") func nothing() throws {
      let net = try network()
      let none = #expect(throws: StrataError.self) {
        try net.calibrate(on: HostTensor.zeros([0, 3, 12, 12]))
      }
      #expect(none?.message == "calibration needs at least one image")
      let broken = HostTensor([Float](repeating: .nan, count: 3 * 144), shape: [1, 3, 12, 12])
      let nan = #expect(throws: StrataError.self) { try net.calibrate(on: broken) }
      #expect(nan?.message == "a reads numbers that are not finite: nothing to calibrate on")
      let layerless = #expect(throws: StrataError.self) { try ReLU().calibrate(on: HostTensor.ones([1, 3])) }
      #expect(layerless?.message.hasPrefix("no convolution or linear layer was seen") == true)
    }

    @Test("a processor without the instructions says so", .enabled(if: !hasInt8)) func instructions() throws {
      let calibration = try network().calibrate(on: tensor("image"))
      #expect(throws: StrataError.self) { try Engine.autocast(to: .int8(calibration)) {} }
    }

    @Test("percentiles and least squares cut off what is rare") func methods() throws {
      // 99,990 numbers up to 1 and ten of 100.
      var numbers = (0..<99_990).map { Float($0 % 1000) / 999 }
      numbers += [Float](repeating: 100, count: 10)
      let rows = HostTensor(numbers, shape: [100, 1000])
      let layer = Linear(1000, 2)
      func limit(_ method: Calibration.Method) throws -> Float {
        try #require(layer.calibrate(on: rows, method: method, batchSize: 16).layers[""]).input.limit
      }
      #expect(try limit(.minMax) == 100)
      #expect(try limit(.percentile(99.9)) < 1.2)
      let squares = try limit(.meanSquaredError)
      #expect(squares > 50 && squares <= 100)
      // The same numbers in one batch and in many.
      #expect(try layer.calibrate(on: rows, batchSize: 100) == layer.calibrate(on: rows, batchSize: 7))
    }
  }
}
