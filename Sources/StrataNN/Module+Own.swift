extension Module {
  /// The parameters that the module has itself, not in modules inside it.
  package var ownParameters: [(name: String, parameter: Parameter)] { members.parameters }

  /// The buffers that the module has itself, not in modules inside it.
  package var ownBuffers: [(name: String, buffer: StateBuffer)] { members.buffers }
}
