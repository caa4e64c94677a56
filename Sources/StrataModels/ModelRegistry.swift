import StrataCore
import StrataNN

/// What a network can be asked to be.
public struct ModelOptions: Sendable, Hashable {
  /// The number of scores in the output.
  public var classes: Int

  /// Creates options; ImageNet's thousand classes where nothing is said.
  public init(classes: Int = 1000) { self.classes = classes }

  /// Numbers of classes that can be built: more is a slip, and would need gigabytes.
  public static let classRange = 1...10_000_000

  func validate() throws(StrataError) {
    guard ModelOptions.classRange.contains(classes) else {
      throw StrataError(
        .argument,
        "the number of classes must lie between 1 and \(ModelOptions.classRange.upperBound), got \(classes)")
    }
  }
}

/// A network that can be built by its name.
public struct ModelEntry: Sendable {
  /// The name in commands and files, as torchvision spells it: `resnet50`.
  public let name: String
  /// The class, which is also how it is written in texts: `ResNet50`.
  public let title: String
  /// The title of the paper.
  public let paper: String
  /// The authors of the paper.
  public let authors: String
  /// The year of the paper.
  public let year: Int
  /// Where the paper can be read.
  public let link: String
  /// The shape of one image: channels, height, width.
  public let imageShape: Shape
  private let build: @Sendable (ModelOptions) -> sending Module

  init(
    _ name: String, _ title: String, paper: String, authors: String, year: Int, link: String,
    imageShape: Shape = [3, 224, 224], build: @escaping @Sendable (ModelOptions) -> sending Module
  ) {
    self.name = name
    self.title = title
    self.paper = paper
    self.authors = authors
    self.year = year
    self.link = link
    self.imageShape = imageShape
    self.build = build
  }

  /// Builds the network. No weights are allocated before they are needed.
  public func make(_ options: ModelOptions = ModelOptions()) throws(StrataError) -> sending Module {
    try options.validate()
    return build(options)
  }

  /// The number of parameters, counted on the network itself.
  public func parameterCount(_ options: ModelOptions = ModelOptions()) throws(StrataError) -> Int {
    try make(options).parameterCount
  }
}

/// The networks that can be built by name.
public enum ModelRegistry {
  /// All entries, oldest first.
  public static let entries: [ModelEntry] = [
    ModelEntry(
      "alexnet", "AlexNet", paper: "ImageNet Classification with Deep Convolutional Neural Networks",
      authors: "Krizhevsky, Sutskever, Hinton", year: 2012,
      link:
        "https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks"
    ) { AlexNet(classes: $0.classes) },
    ModelEntry(
      "vgg16", "VGG16", paper: "Very Deep Convolutional Networks for Large-Scale Image Recognition",
      authors: "Simonyan, Zisserman", year: 2014, link: "https://arxiv.org/abs/1409.1556"
    ) { VGG16(classes: $0.classes) },
    ModelEntry(
      "resnet50", "ResNet50", paper: "Deep Residual Learning for Image Recognition",
      authors: "He, Zhang, Ren, Sun", year: 2015, link: "https://arxiv.org/abs/1512.03385"
    ) { ResNet50(classes: $0.classes) },
    ModelEntry(
      "mobilenet_v1", "MobileNetV1",
      paper: "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
      authors: "Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto, Adam", year: 2017,
      link: "https://arxiv.org/abs/1704.04861"
    ) { MobileNetV1(classes: $0.classes) },
  ]

  /// The names of all entries.
  public static var names: [String] { entries.map(\.name) }

  /// The entry with a name, of which case, `-` and `_` are of no matter.
  public static func entry(named name: String) throws(StrataError) -> ModelEntry {
    let wanted = plain(name)
    for entry in entries where plain(entry.name) == wanted { return entry }
    let hint = nearestName(to: name, among: names).map { "did you mean `\($0)`? Known: " } ?? "known: "
    throw StrataError(.argument, "there is no model `\(name)`; \(hint)\(names.joined(separator: ", "))")
  }

  /// Builds the network with a name.
  public static func make(
    _ name: String, _ options: ModelOptions = ModelOptions()
  ) throws(StrataError) -> sending Module {
    try entry(named: name).make(options)
  }

  private static func plain(_ name: String) -> String {
    name.lowercased().filter { $0 != "_" && $0 != "-" }
  }
}
