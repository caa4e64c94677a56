import StrataCore
import StrataFormats
import StrataModels
import StrataNN

/// What a file of weights holds, tensor by tensor, and which networks it fits.
public struct WeightInspection: Sendable {
  /// One tensor.
  public struct Row: Sendable {
    /// The name.
    public let name: String
    /// The element type.
    public let dtype: DType
    /// The sizes of the axes.
    public let shape: Shape
    /// The least, largest and mean value of those that are finite; nil where there are none.
    public let range: (low: Double, high: Double, mean: Double)?
    /// What looks wrong: `3 NaN`, `1 infinite`, `all zero`.
    public let suspicions: [String]
  }

  /// The tensors in the file's order.
  public let rows: [Row]
  /// Remarks of the file.
  public let metadata: [String: String]
  /// The networks whose names and shapes agree with all of the tensors, but for the number of classes, which is
  /// given.
  public let fits: [(model: String, classes: Int?)]

  /// Looks at every number of an archive.
  public init(_ archive: TensorArchive) {
    rows = archive.map { Row($0.name, $0.tensor) }
    metadata = archive.metadata
    fits = WeightInspection.fits(archive)
  }

  /// The networks that an archive's names and shapes fit; no number is looked at.
  public static func fits(_ archive: TensorArchive) -> [(model: String, classes: Int?)] {
    let shapes = Dictionary(archive.map { ($0.name, $0.tensor.shape) }) { first, _ in first }
    return ModelRegistry.entries.compactMap { entry in
      classes(of: entry, for: shapes).map { (model: entry.name, classes: $0) }
    }
  }

  /// Elements of all tensors.
  public var elementCount: Int { rows.reduce(0) { $0 + $1.shape.elementCount } }
  /// Bytes of all tensors.
  public var byteCount: Int { rows.reduce(0) { $0 + $1.shape.elementCount * $1.dtype.byteCount } }

  /// The number of classes with which the tensors fit a network, or nil where they do not.
  private static func classes(of entry: ModelEntry, for shapes: [String: Shape]) -> Int? {
    func entries(_ classes: Int) -> [(String, Shape)]? {
      (try? entry.make(ModelOptions(classes: classes)))?.stateEntries.filter {
        !$0.name.hasSuffix("num_batches_tracked")
      }.map { ($0.name, $0.shape) }
    }
    guard let usual = entries(entry.classes) else { return nil }
    let known = shapes.keys.filter { !$0.hasSuffix("num_batches_tracked") }
    guard known.count == usual.count, usual.allSatisfy({ shapes[$0.0]?.rank == $0.1.rank }) else {
      return nil
    }
    let different = usual.filter { shapes[$0.0] != $0.1 }
    if different.isEmpty { return entry.classes }
    // Only the classifier's shapes depend on the classes: the number in the file must then explain all.
    guard let other = different.last.flatMap({ shapes[$0.0]?.first }),
      ModelOptions.classRange.contains(other),
      let tuned = entries(other), tuned.allSatisfy({ shapes[$0.0] == $0.1 })
    else { return nil }
    return other
  }
}

extension WeightInspection.Row {
  fileprivate init(_ name: String, _ tensor: HostTensor) {
    self.name = name
    dtype = tensor.dtype
    shape = tensor.shape
    var (low, high, sum, finite, nans, infinities) = (Double.infinity, -Double.infinity, 0.0, 0, 0, 0)
    tensor.converted(to: tensor.dtype == .float64 ? .float64 : .float32).forEachReal { value in
      if value.isNaN {
        nans += 1
      } else if value.isInfinite {
        infinities += 1
      } else {
        low = min(low, value)
        high = max(high, value)
        sum += value
        finite += 1
      }
    }
    range = finite > 0 ? (low, high, sum / Double(finite)) : nil
    var suspicions: [String] = []
    if nans > 0 { suspicions.append("\(nans) NaN") }
    if infinities > 0 { suspicions.append("\(infinities) infinite") }
    if tensor.dtype.isFloatingPoint, finite == tensor.elementCount, finite > 1, low == 0, high == 0,
      name.hasSuffix("weight") || name.hasSuffix("running_var")
    {
      suspicions.append("all zero")
    }
    self.suspicions = suspicions
  }
}

extension HostTensor {
  fileprivate func forEachReal(_ body: (Double) -> Void) {
    if dtype == .float64 {
      withElements(as: Double.self) { for value in $0 { body(value) } }
    } else {
      withElements(as: Float.self) { for value in $0 { body(Double(value)) } }
    }
  }
}
