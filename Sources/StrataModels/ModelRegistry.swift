import StrataCore
import StrataNN

/// The networks that can be built by name.
public enum ModelRegistry {
  /// All entries, family by family, the lab's own before other readings of the same name.
  public static let entries: [ModelEntry] = {
    let families: [[ModelEntry]] = [
      [.leNet5, .smallCNN],
      [.alexNet, .torchvisionAlexNet],
      [.vgg16], ModelEntry.vggs,
      [.googLeNet],
      [.resNet50], ModelEntry.resNets, ModelEntry.cifarResNets,
      ModelEntry.squeezeNets,
      ModelEntry.denseNets,
      ModelEntry.mobileNetV1s,
      [.mobileNetV2],
      ModelEntry.shuffleNets,
      ModelEntry.mnasNets,
      ModelEntry.mobileNetV3s,
      ModelEntry.efficientNets,
      ModelEntry.regNets,
      ModelEntry.convNeXts,
    ]
    return Array(families.joined())
  }()

  /// The four networks of the lab.
  public static let lab: [ModelEntry] = [.alexNet, .vgg16, .resNet50, ModelEntry.mobileNetV1s[0]]

  /// The names of all entries.
  public static var names: [String] { entries.map(\.name) }

  /// The names of the lab's four.
  public static var labNames: [String] { lab.map(\.name) }

  /// The entry with a name, of which case, `-` and `_` are of no matter where only one fits.
  public static func entry(named name: String) throws(StrataError) -> ModelEntry {
    let wanted = name.lowercased().replacing("-", with: "_")
    if let entry = entries.first(where: { $0.name == wanted }) { return entry }
    let candidates = entries.filter { plain($0.name) == plain(wanted) }
    if candidates.count == 1 { return candidates[0] }
    throw unknown(name)
  }

  /// The entries that a name or pattern means, in the registry's order.
  ///
  /// In a pattern `*` stands for any text: `vgg*`, `resnext*`. Other readings of a name are meant only by
  /// patterns that say so: `resnet50@*`.
  public static func resolve(_ pattern: String) throws(StrataError) -> [ModelEntry] {
    guard pattern.contains("*") else { return [try entry(named: pattern)] }
    let wanted = pattern.lowercased().replacing("-", with: "_")
    let hasVariant = pattern.contains("@")
    let found = entries.filter { ($0.variant == nil || hasVariant) && $0.name.matches(pattern: wanted) }
    guard found.isEmpty else { return found }
    let stem = pattern.filter { $0 != "*" }
    throw StrataError(.argument, "no model fits `\(pattern)`\(suggestion(for: stem, among: names))")
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

  private static func unknown(_ name: String) -> StrataError {
    let base = name.prefix { $0 != "@" }.lowercased()
    let variants = entries.filter { $0.baseName == base }.compactMap(\.variant)
    if name.contains("@"), entries.contains(where: { $0.baseName == base }) {
      let known = variants.isEmpty ? "it has none" : "known: \(variants.joined(separator: ", "))"
      return StrataError(.argument, "there is no variant of `\(base)` called `\(name)`; \(known)")
    }
    let hint = nearestName(to: name, among: names).map { "did you mean `\($0)`? " } ?? ""
    return StrataError(
      .argument, "there is no model `\(name)`; \(hint)`strata models` lists all \(entries.count)")
  }
}
