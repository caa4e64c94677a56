import StrataCore
import StrataGraph
import StrataNN

/// The narrow ResNets for small pictures: 3×3 convolutions from the first layer on, three stages, shortcuts
/// without parameters.
///
/// He, Zhang, Ren and Sun: "Deep Residual Learning for Image Recognition" (2015), section 4.2,
/// https://arxiv.org/abs/1512.03385. Depths are 6n + 2. Where a block halves the picture, its shortcut takes every
/// second pixel and fills the new channels with zeros (option A of the paper).
///
/// Input `[N, 3, 32, 32]` or any other size of 4 and more, output `[N, classes]`: scores, not probabilities.
///
/// `@unchecked Sendable` holds, here and for the block, because all properties are constant and `Module` locks
/// what can change.
public final class CIFARResNet: Module, @unchecked Sendable {
  /// Two 3×3 convolutions, plus the input.
  public final class Block: Module, @unchecked Sendable {
    /// Looks at the neighbourhood.
    public let conv1: Conv2d
    /// Normalises the first convolution.
    public let bn1: BatchNorm2d
    /// Follows the first convolution, and the sum.
    public let relu = ReLU(inplace: true)
    /// Looks at the neighbourhood again.
    public let conv2: Conv2d
    /// Normalises the second convolution.
    public let bn2: BatchNorm2d
    private let stride: Int
    private let newChannels: Int

    /// Creates a block.
    public init(_ inChannels: Int, _ outChannels: Int, stride: Int) {
      (self.stride, newChannels) = (stride, outChannels - inChannels)
      conv1 = Conv2d(
        inChannels, outChannels, kernelSize: 3, stride: IntPair(stride), padding: 1, bias: false)
      bn1 = BatchNorm2d(outChannels)
      conv2 = Conv2d(outChannels, outChannels, kernelSize: 3, padding: 1, bias: false)
      bn2 = BatchNorm2d(outChannels)
      super.init()
    }

    public override func forward(_ x: Tensor) -> Tensor {
      let y = relu(bn1(conv1(x)))
      return relu(bn2(conv2(y)) + shortcut(x))
    }

    private func shortcut(_ x: Tensor) -> Tensor {
      if stride == 1 && newChannels == 0 { return x }
      let every = TensorIndex.range(step: stride)
      let before = newChannels / 2
      return x[.all, .all, every, every].pad([0, 0, 0, 0, before, newChannels - before])
    }
  }

  /// The first convolution: `[N, 16, H, W]`.
  public let conv1: Conv2d
  /// Normalises it.
  public let bn1: BatchNorm2d
  /// Follows it.
  public let relu = ReLU(inplace: true)
  /// The first stage: `[N, 16, H, W]`.
  public let layer1: Sequential
  /// The second stage: `[N, 32, H / 2, W / 2]`.
  public let layer2: Sequential
  /// The third stage: `[N, 64, H / 4, W / 4]`.
  public let layer3: Sequential
  /// The mean of the picture.
  public let avgpool = AdaptiveAvgPool2d((1, 1))
  /// Scores of the classes.
  public let fc: Linear

  /// Creates a network of `6 × blocks + 2` layers; the convolutions begin as the paper's do, for ReLUs behind them.
  public init(blocks: Int, classes: Int = 10, inputChannels: Int = 3, widthMultiplier: Double = 1) {
    precondition(blocks > 0, "CIFARResNet: a stage has 1 block or more, not \(blocks)")
    let widths = [16.0, 32, 64].map { max(1, Int(($0 * widthMultiplier).rounded())) }
    conv1 = Conv2d(inputChannels, widths[0], kernelSize: 3, padding: 1, bias: false)
    bn1 = BatchNorm2d(widths[0])
    let stages = (0..<3).map { stage in
      Sequential(
        (0..<blocks).map { index in
          let isFirst = index == 0 && stage > 0
          return Block(isFirst ? widths[stage - 1] : widths[stage], widths[stage], stride: isFirst ? 2 : 1)
        })
    }
    (layer1, layer2, layer3) = (stages[0], stages[1], stages[2])
    fc = Linear(widths[2], classes)
    super.init()
    forEach(Conv2d.self) { Init.kaimingNormal($0.weight, nonlinearity: .relu) }
  }

  public override func forward(_ x: Tensor) -> Tensor {
    let x = layer3(layer2(layer1(relu(bn1(conv1(x))))))
    return fc(avgpool(x).flatten(start: 1))
  }
}

extension ModelEntry {
  static let cifarResNets: [ModelEntry] = [3, 5, 7, 9, 18].map { blocks in
    ModelEntry(
      "resnet\(6 * blocks + 2)", "CIFARResNet", .resNet, imageShape: [3, 32, 32], classes: 10,
      settings: .width
    ) {
      CIFARResNet(
        blocks: blocks, classes: $0.classes, inputChannels: $0.inputChannels,
        widthMultiplier: $0.widthMultiplier ?? 1)
    }
  }
}
