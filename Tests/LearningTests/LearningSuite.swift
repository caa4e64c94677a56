import Strata
import StrataTestSupport
import Testing

/// All tests that train, one after the other: they share two cores and the cache of plans.
@Suite("Learning", .serialized) enum LearningSuite {}

/// A small network with every kind of layer that behaves otherwise in training.
final class SmallNet: Module {
  let conv1 = Conv2d(1, 4, kernelSize: 3, padding: 1, bias: false)
  let bn1 = BatchNorm2d(4)
  let drop = Dropout(p: 0.25)
  let conv2 = Conv2d(4, 6, kernelSize: 3, stride: 2, padding: 1)
  let fc = Linear(6, 3)

  override func forward(_ x: Tensor) -> Tensor {
    fc(conv2(drop(bn1(conv1(x)).relu())).relu().mean(dims: [2, 3]))
  }
}

/// The message of an error that `body` throws, or nil where it throws none.
func message(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return (error as? StrataError)?.message ?? "another error: \(error)"
  }
}

/// A batch of images and classes.
struct Batch {
  let images: Tensor
  let labels: Tensor

  init(_ number: Int, count: Int = 6, shape: Shape = [1, 8, 8], classes: Int = 3) {
    images = Tensor(Formula.input(Shape([count] + shape.sizes), name: "batch\(number)"))
    labels = Tensor((0..<count).map { Int64(($0 * 5 + number) % classes) })
  }
}
