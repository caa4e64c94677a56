import StrataCore
import Synchronization

extension ShapesDataset {
  /// Writes the set as PNG files for `ImageFolder`: of every five pictures four to `train/CLASS/` and the last to
  /// `val/CLASS/`, with a note of what was drawn in `shapes.json`. Folders on the way are made.
  ///
  /// The set is written beside its place and then moved there: whoever reads sees all of it or nothing. A folder
  /// that is not empty is refused unless `replacing`, and then replaced only if it holds such a set and no more.
  public func write(to folder: String, replacing: Bool = false) throws(StrataError) {
    let target = try NewFolder.target(folder)
    let old = try NewFolder.names(in: target)
    if !old.isEmpty {
      guard replacing else {
        throw StrataError(
          .file, "\(folder): the folder is not empty, and is replaced only on request (--force)")
      }
      guard old.contains(Self.note), Set(old).isSubset(of: [Self.note, "train", "val"]) else {
        throw StrataError(.file, "\(folder): the folder holds more than a set of shapes and is not replaced")
      }
    }
    try NewFolder.write(target, replacing: !old.isEmpty) { folder throws(StrataError) in
      for part in ["train", "val"] {
        for name in classNames { try NewFolder.make("\(folder)/\(part)/\(name)") }
      }
      let failure = Mutex<StrataError?>(nil)
      Parallel.forEachRange(of: count, grain: 16) { range in
        for index in range where failure.withLock({ $0 == nil }) {
          do throws(StrataError) {
            try write(index, to: folder)
          } catch { failure.withLock { $0 = $0 ?? error } }
        }
      }
      if let error = failure.withLock({ $0 }) { throw error }
      try NewFolder.write(Array(description.utf8), to: "\(folder)/\(Self.note)")
    }
  }

  private static let note = "shapes.json"

  private func write(_ index: Int, to folder: String) throws(StrataError) {
    let name = String(index)
    let padding = String(repeating: "0", count: max(0, 6 - name.count))
    let part = index % 5 == 4 ? "val" : "train"
    let shape = classNames[try label(at: index)]
    try NewFolder.write(
      try image(index).encodedPNG(), to: "\(folder)/\(part)/\(shape)/\(padding)\(name).png")
  }

  private var description: String {
    let classes = classNames.map { "\"\($0)\"" }.joined(separator: ", ")
    return "{\"count\": \(count), \"size\": \(size), \"classes\": [\(classes)], \"seed\": \(seed)}\n"
  }
}
