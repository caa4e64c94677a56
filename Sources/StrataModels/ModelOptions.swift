import StrataCore

/// What a network can be asked to be. What is nil stays as the network has it.
public struct ModelOptions: Sendable, Hashable {
  /// The number of scores in the output: ImageNet's 1000, for LeNet-5 10.
  public var classes: Int?
  /// The channels of the images: 3, for LeNet-5 1.
  public var inputChannels: Int?
  /// What all widths are multiplied with, in families made for that (the MobileNets and MNASNet).
  public var widthMultiplier: Double?
  /// The probability with which dropout zeroes, in families that have dropout.
  public var dropout: Double?

  /// Creates options.
  public init(
    classes: Int? = nil, inputChannels: Int? = nil, widthMultiplier: Double? = nil, dropout: Double? = nil
  ) {
    self.classes = classes
    self.inputChannels = inputChannels
    self.widthMultiplier = widthMultiplier
    self.dropout = dropout
  }

  /// Numbers of classes that can be built: more is a slip, and would need gigabytes.
  public static let classRange = 1...10_000_000
  /// Numbers of input channels that can be built.
  public static let channelRange = 1...65_536
  /// Width multipliers that can be built.
  public static let widthRange = 0.01...16.0
}

/// Options that only some families have.
public struct ModelSettings: OptionSet, Sendable {
  /// One bit an option.
  public let rawValue: Int

  /// Creates a set of options.
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// `ModelOptions.widthMultiplier`.
  public static let width = ModelSettings(rawValue: 1)
  /// `ModelOptions.dropout`.
  public static let dropout = ModelSettings(rawValue: 2)
}

/// Options with an entry's own values where nothing was said.
struct ResolvedOptions {
  let classes: Int
  let inputChannels: Int
  let widthMultiplier: Double?
  let dropout: Double?

  init(_ options: ModelOptions, for entry: ModelEntry) throws(StrataError) {
    classes = options.classes ?? entry.classes
    inputChannels = options.inputChannels ?? entry.imageShape[0]
    widthMultiplier = options.widthMultiplier
    dropout = options.dropout
    func require(_ isGood: Bool, _ message: @autoclosure () -> String) throws(StrataError) {
      guard isGood else { throw StrataError(.argument, message()) }
    }
    let (classRange, channelRange) = (ModelOptions.classRange, ModelOptions.channelRange)
    try require(
      classRange.contains(classes),
      "the number of classes must lie between 1 and \(classRange.upperBound), got \(classes)")
    try require(
      channelRange.contains(inputChannels),
      "the number of input channels must lie between 1 and \(channelRange.upperBound), got \(inputChannels)")
    if let widthMultiplier {
      try require(entry.settings.contains(.width), "\(entry.name) has no width multiplier")
      let (low, high) = (ModelOptions.widthRange.lowerBound, ModelOptions.widthRange.upperBound)
      try require(
        (low...high).contains(widthMultiplier),
        "the width multiplier must lie between \(low) and \(high), got \(widthMultiplier)")
    }
    if let dropout {
      try require(entry.settings.contains(.dropout), "\(entry.name) has no dropout")
      try require(
        (0...1).contains(dropout), "the probability of dropout must lie between 0 and 1, got \(dropout)")
    }
  }
}
