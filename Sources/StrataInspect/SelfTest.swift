import StrataCore
import StrataGraph
import StrataNN
import StrataRuntime

/// Small computations with known answers, one for each basic operation.
public enum SelfTest {
  package struct Case: Sendable {
    let name: String
    let expected: [Double]
    /// The largest difference from an expected number of magnitude 1 that rounding explains.
    var tolerance = 0.0
    let make: @Sendable () -> Tensor

    package init(
      name: String, expected: [Double], tolerance: Double = 0, make: @escaping @Sendable () -> Tensor
    ) {
      self.name = name
      self.expected = expected
      self.tolerance = tolerance
      self.make = make
    }
  }

  /// Runs every computation and compares the numbers.
  public static func run() -> [CheckResult] { cases.map(check) }

  package static func check(_ test: Case) -> CheckResult {
    let expected = list(test.expected)
    do throws(StrataError) {
      let found = try test.make().value().scalars(as: Double.self)
      let isRight =
        found.count == test.expected.count
        && zip(found, test.expected).allSatisfy { abs($0 - $1) <= test.tolerance * max(1, abs($1)) }
      return CheckResult(test.name, ok: isRight, expected: expected, found: isRight ? expected : list(found))
    } catch {
      return CheckResult(test.name, ok: false, expected: expected, found: error.message)
    }
  }

  private static func list(_ numbers: [Double]) -> String {
    "[" + numbers.map { DecimalText.general($0, digits: 7) }.joined(separator: ", ") + "]"
  }

  private static let x = Tensor([[1.0, 2], [3, 4]])
  private static let y = Tensor([[5.0, 6], [7, 8]])
  /// An image of one channel: 0…15 in four rows.
  private static let image = Tensor.arange(16, dtype: .float32).reshape(1, 1, 4, 4)

  private static func vector(_ numbers: Double...) -> Tensor { Tensor(numbers) }

  static let cases: [Case] = [
    Case(name: "create", expected: [0, 1, 2, 3]) { Tensor.arange(4) },
    Case(name: "add", expected: [6, 8, 10, 12]) { x + y },
    Case(name: "subtract", expected: [-4, -4, -4, -4]) { x - y },
    Case(name: "multiply", expected: [5, 12, 21, 32]) { x * y },
    Case(name: "divide", expected: [5, 3, 7.0 / 3, 2], tolerance: 1e-6) { y / x },
    Case(name: "broadcast", expected: [11, 22, 13, 24]) { x + vector(10, 20) },
    Case(name: "compare", expected: [0, 0, 1, 1]) { x .> 2 },
    Case(name: "cast", expected: [-1, 0, 2]) { vector(-1.7, 0.2, 2.9).to(.int64) },
    Case(name: "exp", expected: [1, 2.718281828459045, 0.36787944117144233], tolerance: 1e-6) {
      vector(0, 1, -1).exp()
    },
    Case(name: "matmul", expected: [19, 22, 43, 50]) { x.matmul(y) },
    Case(name: "sum", expected: [4, 6]) { x.sum(dim: 0) },
    Case(name: "mean", expected: [2.5]) { x.mean() },
    Case(name: "maximum", expected: [2, 4]) { x.max(dim: 1) },
    Case(name: "argmax", expected: [1, 2]) { vector(1, 9, 2, 3, 4, 8).reshape(2, 3).argmax(dim: 1) },
    Case(name: "topk", expected: [9, 8]) { vector(1, 9, 2, 3, 4, 8).topK(2).values },
    Case(
      name: "softmax", expected: [0.09003057317038046, 0.24472847105479767, 0.6652409557748219],
      tolerance: 1e-6
    ) {
      vector(1, 2, 3).softmax(dim: 0)
    },
    Case(name: "transpose", expected: [1, 3, 2, 4]) { x.transpose(0, 1) },
    Case(name: "concatenate", expected: [1, 2, 5, 6, 3, 4, 7, 8]) { Tensor.cat([x, y], dim: 1) },
    Case(name: "relu", expected: [0, 0, 2]) { vector(-1, 0, 2).relu() },
    Case(name: "linear", expected: [27, 39, 49, 69]) { x.linear(y, bias: vector(10, 16)) },
    Case(
      name: "conv2d", expected: [10, 18, 24, 18, 27, 45, 54, 39, 51, 81, 90, 63, 42, 66, 72, 50],
      tolerance: 1e-6
    ) {
      image.conv2d(Tensor.ones([1, 1, 3, 3]), padding: 1)
    },
    Case(name: "conv2d depthwise", expected: [30, -46], tolerance: 1e-6) {
      let two = Tensor.cat([image, -image], dim: 1)
      let kernel = Tensor.ones([2, 1, 2, 2])
      return two.conv2d(kernel, stride: 3, padding: 0, groups: 2).reshape([2]) * vector(3, 4.6)
    },
    Case(name: "batch norm", expected: [-1, 0, 1, 2], tolerance: 1e-5) {
      vector(1, 3, 5, 7).reshape([1, 1, 2, 2])
        .batchNorm(mean: vector(3), variance: vector(4), weight: vector(1), bias: vector(0), epsilon: 0)
    },
    Case(name: "max pool", expected: [5, 7, 13, 15]) { image.maxPool2d(Pooling(kernel: 2)) },
    Case(name: "average pool", expected: [2.5, 4.5, 10.5, 12.5]) { image.averagePool2d(Pooling(kernel: 2)) },
    Case(name: "global average pool", expected: [7.5]) { image.adaptiveAveragePool2d(1) },
    Case(name: "random", expected: [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]) {
      // The first words under the zero key, as the generator's authors publish them.
      let words = RandomKey(seed: 0).words(0)
      return Tensor([words.x, words.y, words.z, words.w].map(Int64.init))
    },
  ]
}
