import StrataCore
import StrataGraph
import StrataNN

/// The square images that a network takes, besides the one it was asked about.
public struct InputSize: Sendable, Hashable {
  /// The smallest height and width that work.
  public let smallest: Int
  /// The largest, where classifiers that expect a number of features set a limit.
  public let largest: Int?

  /// What became of a call on an image of some size.
  private enum Outcome {
    case works
    case tooSmall
    case tooLarge
    case fails
  }

  /// Heights and widths that are looked at.
  private static let limit = 4096

  /// Looks for sizes that work; nil where none does, or the size is not what is wrong. Batch and channels are
  /// those of `input`. Maps never shrink when images grow, so halving intervals finds the bounds.
  package init?(of model: Module, like input: Shape) {
    guard input.rank == 4 else { return nil }
    func outcome(_ size: Int) -> Outcome {
      let shape: Shape = [1, input[1], size, size]
      let (result, calls) = model.inEvaluation { CallLog.watch { model(Tensor.placeholder(shape)) } }
      guard result.error != nil else { return .works }
      // The first call that gave nothing although it was given something is the one that failed.
      guard let failed = calls.last(where: { $0.input.error == nil && $0.output.error != nil }) else {
        return .fails
      }
      if let layer = failed.module as? Linear, let found = failed.input.shape.last {
        return found < layer.inFeatures ? .tooSmall : found > layer.inFeatures ? .tooLarge : .fails
      }
      return failed.input.shape.rank == 4 ? .tooSmall : .fails
    }
    guard let smallest = Self.bisect(1, Self.limit, { outcome($0) != .tooSmall }),
      case .works = outcome(smallest)
    else { return nil }
    self.smallest = smallest
    switch outcome(Self.limit) {
    case .works: largest = nil
    default: largest = Self.bisect(smallest, Self.limit) { outcome($0) != .works }.map { $0 - 1 }
    }
  }

  /// The first number for which a condition holds that holds for all after it.
  private static func bisect(_ low: Int, _ high: Int, _ holds: (Int) -> Bool) -> Int? {
    guard holds(high) else { return nil }
    var (low, high) = (low, high)
    while low < high {
      let middle = (low + high) / 2
      if holds(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// `images of at least 63×63 do`.
  public var sentence: String {
    guard let largest else { return "images of at least \(smallest)×\(smallest) do" }
    return largest == smallest
      ? "images of \(smallest)×\(smallest) do"
      : "images from \(smallest)×\(smallest) to \(largest)×\(largest) do"
  }

  /// An error of a call, with the sizes that would do where the size was wrong.
  static func explain(_ error: StrataError, _ model: Module, _ input: Shape) -> StrataError {
    guard error.kind == .shape, let size = InputSize(of: model, like: input) else { return error }
    return StrataError(error.kind, "\(error.message); \(size.sentence)")
  }
}
