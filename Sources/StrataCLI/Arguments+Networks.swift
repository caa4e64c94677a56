import Strata

extension Arguments {
  /// What the network is asked to be.
  func modelOptions() throws(StrataError) -> ModelOptions {
    ModelOptions(classes: try number("classes", in: ModelOptions.classRange) ?? 1000)
  }

  /// The network of a name with the classes asked for.
  func network(_ name: String) throws(StrataError) -> Module {
    try ModelRegistry.make(name, try modelOptions())
  }
}
