import StrataCore
import StrataNN

/// A network that can be built by its name.
public struct ModelEntry: Sendable {
  /// The name in commands and files, as torchvision spells it: `resnet50`. Another reading of the same name has
  /// a variant behind it: `resnet50@v1`.
  public let name: String
  /// The class, as it is printed: `ResNet50`, `VGG`.
  public let title: String
  /// What describes the network.
  public let source: ModelPaper
  /// The shape of one image: channels, height, width, those that the network was published for.
  public let imageShape: Shape
  /// The number of classes where nothing else is asked for.
  public let classes: Int
  /// What can be chosen besides classes and input channels.
  public let settings: ModelSettings
  private let build: @Sendable (ResolvedOptions) -> sending Module

  init(
    _ name: String, _ title: String, _ source: ModelPaper, imageShape: Shape = [3, 224, 224],
    classes: Int = 1000, settings: ModelSettings = [],
    build: @escaping @Sendable (ResolvedOptions) -> sending Module
  ) {
    self.name = name
    self.title = title
    self.source = source
    self.imageShape = imageShape
    self.classes = classes
    self.settings = settings
    self.build = build
  }

  /// The title of the paper.
  public var paper: String { source.title }
  /// The authors of the paper.
  public var authors: String { source.authors }
  /// The year of the paper.
  public var year: Int { source.year }
  /// Where the paper can be read.
  public var link: String { source.link }

  /// The name without a variant: `resnet50` of `resnet50@v1`.
  public var baseName: String { String(name.prefix { $0 != "@" }) }
  /// What stands behind `@` in the name.
  public var variant: String? { name.firstIndex(of: "@").map { String(name[name.index(after: $0)...]) } }

  /// Builds the network. No weights are allocated before they are needed.
  public func make(_ options: ModelOptions = ModelOptions()) throws(StrataError) -> sending Module {
    build(try ResolvedOptions(options, for: self))
  }

  /// The number of parameters.
  public func parameterCount(_ options: ModelOptions = ModelOptions()) throws(StrataError) -> Int {
    if options == ModelOptions(), let known = ParameterCounts.published[name] { return known }
    return try make(options).parameterCount
  }
}
