import Strata

extension Arguments {
  /// The number of classes, where one was given.
  func classes() throws(StrataError) -> Int? { try number("classes", in: ModelOptions.classRange) }

  /// What the network is asked to be.
  func modelOptions() throws(StrataError) -> ModelOptions {
    var options = ModelOptions()
    if let classes = try classes() { options.classes = classes }
    return options
  }

  /// The network of a name with the classes asked for.
  func network(_ name: String) throws(StrataError) -> Module {
    try ModelRegistry.make(name, try modelOptions())
  }
}
