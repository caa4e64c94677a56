import Foundation
import StrataCore
import Testing

/// A tensor and the text that PyTorch printed for it.
private struct PrintedTensor: CustomTestStringConvertible {
  let tensor: HostTensor
  let text: String
  let testDescription: String

  init?(_ record: [String: Any]) {
    guard let name = record["name"] as? String, let text = record["text"] as? String,
      let type = (record["dtype"] as? String).flatMap(DType.init), let sizes = record["shape"] as? [Int]
    else { return nil }
    let shape = Shape(sizes)
    self.text = text
    testDescription = name
    if let rule = record["values_rule"] as? [String: Any], let start = rule["start"] as? NSNumber,
      let step = rule["step"] as? NSNumber
    {
      let numbers = (0..<shape.elementCount).map { start.doubleValue + Double($0) * step.doubleValue }
      tensor = HostTensor(numbers, shape: shape).converted(to: type)
    } else if type.isFloatingPoint {
      let numbers = (record["values"] as? [Any] ?? []).map { value in
        (value as? NSNumber)?.doubleValue ?? Double(value as? String ?? "") ?? .nan
      }
      tensor = HostTensor(numbers, shape: shape).converted(to: type)
    } else {
      let numbers = (record["values"] as? [NSNumber] ?? []).map(\.int64Value)
      tensor = HostTensor(numbers, shape: shape).converted(to: type)
    }
  }

  static let all: [PrintedTensor] = {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../Fixtures/print/tensors.json")
    guard let data = try? Data(contentsOf: file),
      let records = try? JSONSerialization.jsonObject(with: data) as? [[String: Any]]
    else { return [] }
    return records.compactMap(PrintedTensor.init)
  }()
}

@Suite("Printing of tensors") struct PrintingTests {
  @Test("the fixtures of PyTorch are found") func fixturesAreFound() {
    #expect(PrintedTensor.all.count > 100)
  }

  @Test("the text is PyTorch's, byte for byte", arguments: PrintedTensor.all)
  fileprivate func matchesTorch(_ printed: PrintedTensor) {
    #expect(printed.tensor.description == printed.text)
  }

  @Test("remarks go to a new line where the last one is full") func remarksWrap() {
    let tensor = HostTensor([Float](repeating: 0.5, count: 6))
    #expect(
      tensor.formatted(suffixes: ["requires_grad=True"])
        == "tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000], requires_grad=True)")
    let longer = HostTensor([Float](repeating: 0.5, count: 8))
    #expect(
      longer.formatted(suffixes: ["requires_grad=True"])
        == "tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000],\n"
        + "       requires_grad=True)")
  }

  @Test("options change digits, threshold and notation") func optionsAreHeeded() {
    var options = PrintOptions()
    options.precision = 2
    #expect(HostTensor([Float(1.2345)]).formatted(options: options) == "tensor([1.23])")
    options.threshold = 5
    #expect(
      HostTensor.arange(end: 10).formatted(options: options) == "tensor([0, 1, 2,  ..., 7, 8, 9])")
    options.scientific = true
    #expect(HostTensor([Float(1.5)]).formatted(options: options) == "tensor([1.50e+00])")
  }

  @Test("decimal text is correctly rounded") func decimalText() {
    #expect(DecimalText.fixed(0.125, digits: 2) == "0.12")
    #expect(DecimalText.fixed(-.greatestFiniteMagnitude, digits: 0).utf8.count == 310)
    #expect(DecimalText.scientific(.leastNonzeroMagnitude) == "4.9407e-324")
    #expect(DecimalText.fixed(-.nan) == "nan")
    #expect(DecimalText.general(1e-05) == "1e-05")
  }
}
