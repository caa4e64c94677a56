import StrataCore
import StrataFormats
import StrataNN

extension Module {
  /// Loads weights from a file of any format that `Weights` reads; names are PyTorch's.
  ///
  ///     let model = ResNet50()
  ///     try model.load("resnet50.safetensors")
  ///
  /// - Parameters:
  ///   - path: A safetensors file or index, a PyTorch checkpoint, or a NumPy archive.
  ///   - isStrict: Whether every name must find its value and every value its name. If not, values of another
  ///     shape are left out too, as the last layer's are when a network is tuned to other classes.
  /// - Returns: What was loaded, missing, unexpected and of another shape, by full paths.
  /// - Throws: A `StrataError` that names the file and what does not fit; then nothing was changed.
  @discardableResult
  public final func load(_ path: String, strict isStrict: Bool = true) throws(StrataError) -> LoadReport {
    try load(try Weights.read(path), from: path, strict: isStrict)
  }

  /// Loads weights that were read already; `name` is what messages call them.
  @discardableResult
  public final func load(
    _ archive: TensorArchive, from name: String, strict isStrict: Bool = true
  ) throws(StrataError) -> LoadReport {
    let state = StateDict(archive.map { ($0.name, $0.tensor) })
    let report = loadReport(for: state)
    do throws(StrataError) {
      if isStrict { return try loadStateDict(state) }
      guard !report.loaded.isEmpty else {
        throw StrataError(.format, "nothing of it belongs to \(typeName): \(report)")
      }
      let misfits = Set(report.mismatched.map(\.name))
      try loadStateDict(
        StateDict(state.filter { !misfits.contains($0.name) }.map { ($0.name, $0.value) }), strict: false)
      return report
    } catch {
      throw StrataError(error.kind, "\(name): \(error.message)")
    }
  }

  /// Writes all parameters and buffers in the format that the path's extension names: `safetensors`, `pth`, `npz`.
  public final func save(_ path: String) throws(StrataError) {
    try Weights.write(archive, to: path)
  }

  /// All parameters and buffers under their names.
  public final var archive: TensorArchive {
    TensorArchive(stateDict().map { (name: $0.name, tensor: $0.value) })
  }
}
