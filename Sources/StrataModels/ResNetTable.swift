import StrataNN

extension ResNet.Configuration {
  fileprivate init(_ depths: [Int], _ change: (inout Self) -> Void = { _ in }) {
    self.init(depths: depths)
    change(&self)
  }
}

extension ModelPaper {
  static let resNet = ModelPaper(
    "Deep Residual Learning for Image Recognition", "He, Zhang, Ren, Sun", 2015,
    "https://arxiv.org/abs/1512.03385")
  static let wideResNet = ModelPaper(
    "Wide Residual Networks", "Zagoruyko, Komodakis", 2016, "https://arxiv.org/abs/1605.07146")
  static let resNeXt = ModelPaper(
    "Aggregated Residual Transformations for Deep Neural Networks", "Xie, Girshick, Dollár, Tu, He", 2016,
    "https://arxiv.org/abs/1611.05431")
}

extension ModelEntry {
  private typealias Row = (name: String, paper: ModelPaper, configuration: ResNet.Configuration)

  private static let resNetTable: [Row] = [
    ("resnet18", .resNet, .init([2, 2, 2, 2]) { $0.isDeep = false }),
    ("resnet34", .resNet, .init([3, 4, 6, 3]) { $0.isDeep = false }),
    // The name without a variant is the class `ResNet50`.
    ("resnet50@torchvision", .resNet, .init([3, 4, 6, 3])),
    ("resnet50@v1", .resNet, .init([3, 4, 6, 3]) { $0.stridesFirst = true }),
    ("resnet101", .resNet, .init([3, 4, 23, 3])),
    ("resnet152", .resNet, .init([3, 8, 36, 3])),
    ("resnext50_32x4d", .resNeXt, .init([3, 4, 6, 3]) { ($0.groups, $0.groupWidth) = (32, 4) }),
    ("resnext101_32x8d", .resNeXt, .init([3, 4, 23, 3]) { ($0.groups, $0.groupWidth) = (32, 8) }),
    ("resnext101_64x4d", .resNeXt, .init([3, 4, 23, 3]) { ($0.groups, $0.groupWidth) = (64, 4) }),
    ("wide_resnet50_2", .wideResNet, .init([3, 4, 6, 3]) { $0.groupWidth = 128 }),
    ("wide_resnet101_2", .wideResNet, .init([3, 4, 23, 3]) { $0.groupWidth = 128 }),
  ]

  static let resNets: [ModelEntry] = resNetTable.map { name, paper, configuration in
    ModelEntry(name, "ResNet", paper) {
      ResNet(configuration, classes: $0.classes, inputChannels: $0.inputChannels)
    }
  }
}
