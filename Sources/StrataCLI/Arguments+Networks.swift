import Strata

extension Option {
  /// What networks can be asked to be.
  static let network: [Option] = [
    .classes,
    Option(name: "channels", value: "N", summary: "Channels of the images (3)."),
    Option(
      name: "width", value: "W",
      summary: "What all widths are multiplied with, in the MobileNets and MNASNet."),
    Option(name: "dropout", value: "P", summary: "The probability of dropout, in networks that have it."),
  ]
}

extension Arguments {
  /// The number of classes, where one was given.
  func classes() throws(StrataError) -> Int? { try number("classes", in: ModelOptions.classRange) }

  /// What the network is asked to be.
  func modelOptions() throws(StrataError) -> ModelOptions {
    ModelOptions(
      classes: try classes(), inputChannels: try number("channels", in: ModelOptions.channelRange),
      widthMultiplier: try decimal("width", in: ModelOptions.widthRange),
      dropout: try decimal("dropout", in: 0...1))
  }

  /// The number given to an option, or nil where none was.
  func decimal(_ name: String, in range: ClosedRange<Double>) throws(StrataError) -> Double? {
    guard let text = value(name) else { return nil }
    guard let number = Double(text), range.contains(number) else {
      let (low, high) = (DecimalText.general(range.lowerBound), DecimalText.general(range.upperBound))
      throw StrataError(.argument, "--\(name) expects a number between \(low) and \(high), got \(text)")
    }
    return number
  }

  /// The networks of the registry that a word stands for: one, or those that fit a pattern.
  func entries(_ word: String) throws(StrataError) -> [ModelEntry] {
    word == "all" ? ModelRegistry.entries : try ModelRegistry.resolve(word)
  }

  /// The network of the registry that a word stands for; a pattern must fit one alone.
  func entry(_ word: String) throws(StrataError) -> ModelEntry {
    let found = try ModelRegistry.resolve(word)
    guard found.count > 1 else { return found[0] }
    let names = found.prefix(4).map(\.name).joined(separator: ", ") + (found.count > 4 ? ", …" : "")
    throw StrataError(.argument, "`\(word)` fits \(found.count) networks, and one is needed: \(names)")
  }

  /// The network of a name, or of a pattern that fits one alone, as it is asked to be.
  func network(_ name: String) throws(StrataError) -> Module {
    try entry(name).make(try modelOptions())
  }
}
