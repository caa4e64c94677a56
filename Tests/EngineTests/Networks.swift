import Strata
import StrataTestSupport

/// Small networks that have what passes and backends treat specially.
enum Networks {
  /// A residual network in miniature: every kind of convolution, norms, sums, pooling and a classifier.
  static func residual(classes: Int = 5) -> Module {
    let module = ResidualNet(classes: classes)
    Formula.fill(module)
    return module.eval()
  }

  /// A batch of images.
  static func images(_ batch: Int = 2, size: Int = 14, name: String = "input") -> Tensor {
    Tensor(Formula.input([batch, 3, size, size], name: name))
  }
}

/// Two residual blocks, one of which changes the shape, between a stem and a classifier.
///
/// `@unchecked Sendable` holds because all properties are constant and `Module` locks what can change.
final class ResidualNet: Module, @unchecked Sendable {
  let stem = Sequential(
    Conv2d(3, 16, kernelSize: 3, padding: 1, bias: false), BatchNorm2d(16), ReLU(), MaxPool2d(2))
  let conv1 = Conv2d(16, 16, kernelSize: 3, padding: 1)
  let bn1 = BatchNorm2d(16)
  let down = Sequential(Conv2d(16, 24, kernelSize: 1, stride: 2, bias: false), BatchNorm2d(24))
  let conv2 = Conv2d(16, 24, kernelSize: 3, stride: 2, padding: 1, groups: 8)
  let bn2 = BatchNorm2d(24, affine: false)
  let dropout = Dropout(p: 0.25)
  let fc: Linear

  init(classes: Int) {
    fc = Linear(24, classes)
    super.init()
  }

  override func forward(_ x: Tensor) -> Tensor {
    let x = stem(x)
    let y = (bn1(conv1(x)) + x).relu()
    let z = (down(y) + bn2(conv2(y))).activation(.hardswish)
    return fc(dropout(z.mean(dims: [2, 3])))
  }
}
