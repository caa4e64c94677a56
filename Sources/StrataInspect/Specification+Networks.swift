import StrataCore
import StrataGraph

// The four networks of the lab, written down a second time: as tables of numbers that share no code with the
// networks themselves, so that a mistake in one of them shows.
extension Specification {
  /// The names of the lab's networks, in its order; each has a specification.
  public static let labNetworks = ["alexnet", "vgg16", "resnet50", "mobilenet_v1"]

  /// The specification of a network by the name under which it is registered, or nil.
  public static func named(_ name: String, classes: Int = 1000) -> Specification? {
    switch name {
    case "alexnet": alexNet(classes: classes)
    case "vgg16": vgg16(classes: classes)
    case "resnet50": resNet50(classes: classes)
    case "mobilenet_v1": mobileNetV1(classes: classes)
    default: nil
    }
  }

  /// AlexNet as the lab has it: 62,378,344 parameters for 1000 classes.
  public static func alexNet(classes: Int = 1000) -> Specification {
    var network = SpecificationBuilder()
    var index = 0
    let pool = LayerKind.maxPool(Pooling(kernel: 3, stride: 2))
    let stages: [(from: Int, to: Int, kernel: Int, stride: Int, padding: Int, isPooled: Bool)] = [
      (3, 96, 11, 4, 2, true), (96, 256, 5, 1, 2, true), (256, 384, 3, 1, 1, false),
      (384, 384, 3, 1, 1, false), (384, 256, 3, 1, 1, true),
    ]
    for stage in stages {
      network.convolution(
        "features.\(index)", stage.from, stage.to, kernel: stage.kernel, stride: stage.stride,
        padding: stage.padding)
      network.add("features.\(index + 1)", .relu)
      if stage.isPooled { network.add("features.\(index + 2)", pool) }
      index += stage.isPooled ? 3 : 2
      network.endBlock()
    }
    network.add("classifier.0", .dropout(0.5))
    network.add("classifier.1", .linear(from: 256 * 6 * 6, to: 4096, hasBias: true))
    network.add("classifier.2", .relu)
    network.add("classifier.3", .dropout(0.5))
    network.add("classifier.4", .linear(from: 4096, to: 4096, hasBias: true))
    network.add("classifier.5", .relu)
    network.add("classifier.6", .linear(from: 4096, to: classes, hasBias: true))
    return network.specification("AlexNet")
  }

  /// VGG16: 138,357,544 parameters for 1000 classes.
  public static func vgg16(classes: Int = 1000) -> Specification {
    var network = SpecificationBuilder()
    var index = 0
    var channels = 3
    for (count, width) in [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)] {
      for _ in 0..<count {
        network.convolution("features.\(index)", channels, width, kernel: 3, padding: 1)
        network.add("features.\(index + 1)", .relu)
        channels = width
        index += 2
      }
      network.add("features.\(index)", .maxPool(Pooling(kernel: 2)))
      index += 1
      network.endBlock()
    }
    network.add("classifier.0", .linear(from: 512 * 7 * 7, to: 4096, hasBias: true))
    network.add("classifier.1", .relu)
    network.add("classifier.2", .dropout(0.5))
    network.add("classifier.3", .linear(from: 4096, to: 4096, hasBias: true))
    network.add("classifier.4", .relu)
    network.add("classifier.5", .dropout(0.5))
    network.add("classifier.6", .linear(from: 4096, to: classes, hasBias: true))
    return network.specification("VGG16")
  }

  /// ResNet50 with the stride in the 3×3 convolutions: 25,557,032 parameters for 1000 classes.
  public static func resNet50(classes: Int = 1000) -> Specification {
    var network = SpecificationBuilder()
    network.convolution("conv1", 3, 64, kernel: 7, stride: 2, padding: 3, bias: false)
    network.batchNorm("bn1", 64)
    network.add("relu", .relu)
    network.add("maxpool", .maxPool(Pooling(kernel: 3, stride: 2, padding: 1)))
    network.endBlock()
    var channels = 64
    for (stage, (count, width)) in [(3, 64), (4, 128), (6, 256), (3, 512)].enumerated() {
      for block in 0..<count {
        let path = "layer\(stage + 1).\(block)"
        let stride = stage > 0 && block == 0 ? 2 : 1
        network.bottleneck(path, from: channels, width: width, stride: stride, isFirst: block == 0)
        channels = 4 * width
      }
      network.endBlock(named: "layer\(stage + 1).\(count - 1).relu")
    }
    network.add("avgpool", .adaptiveAveragePool(1))
    network.endBlock()
    network.add("fc", .linear(from: 2048, to: classes, hasBias: true))
    return network.specification("ResNet50")
  }

  /// MobileNetV1: 4,231,976 parameters for 1000 classes.
  public static func mobileNetV1(classes: Int = 1000) -> Specification {
    var network = SpecificationBuilder()
    network.convolution("features.0", 3, 32, kernel: 3, stride: 2, padding: 1, bias: false)
    network.batchNorm("features.1", 32)
    network.add("features.2", .relu)
    network.endBlock()
    var channels = 32
    let widths = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
    for (index, width) in widths.enumerated() {
      let path = "features.\(index + 3)"
      // A block halves the map where the width doubles, except for the first, which only widens.
      let stride = index > 0 && width > channels ? 2 : 1
      network.convolution(
        "\(path).depthwise", channels, channels, kernel: 3, stride: stride, padding: 1, groups: channels,
        bias: false)
      network.batchNorm("\(path).bn1", channels)
      network.add("\(path).relu1", .relu)
      network.convolution("\(path).pointwise", channels, width, kernel: 1, bias: false)
      network.batchNorm("\(path).bn2", width)
      network.add("\(path).relu2", .relu)
      network.endBlock()
      channels = width
    }
    network.add("features.16", .adaptiveAveragePool(1))
    network.endBlock()
    network.add("classifier", .linear(from: 1024, to: classes, hasBias: true))
    return network.specification("MobileNetV1")
  }
}

extension SpecificationBuilder {
  /// 1×1, 3×3 and 1×1 convolutions, added to the block's input, which a fourth one adapts in the first block.
  fileprivate mutating func bottleneck(_ path: String, from: Int, width: Int, stride: Int, isFirst: Bool) {
    let input = last
    convolution("\(path).conv1", from, width, kernel: 1, bias: false)
    batchNorm("\(path).bn1", width)
    add("\(path).relu", .relu)
    convolution("\(path).conv2", width, width, kernel: 3, stride: stride, padding: 1, bias: false)
    batchNorm("\(path).bn2", width)
    add("\(path).relu", .relu)
    convolution("\(path).conv3", width, 4 * width, kernel: 1, bias: false)
    batchNorm("\(path).bn3", 4 * width)
    var shortcut = input
    if isFirst {
      let trunk = last
      last = input
      convolution("\(path).downsample.0", from, 4 * width, kernel: 1, stride: stride, bias: false)
      batchNorm("\(path).downsample.1", 4 * width)
      shortcut = last
      last = trunk
    }
    add("\(path).relu", .relu, plus: shortcut)
  }
}
