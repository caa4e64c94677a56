import StrataCore
import StrataGraph
import StrataNN
import StrataRuntime

/// What a network's scores lose when convolutions and linear layers multiply in another precision than float32.
public struct PrecisionLoss: Sendable, Hashable {
  /// The largest difference of a score, as a part of the largest score.
  public let largestDifference: Double
  /// Images that were run.
  public let images: Int
  /// Images whose likeliest class stays the same.
  public let sameFirstClass: Int

  /// Runs a network on images `[N, C, H, W]` in both.
  public init(of model: Module, on images: HostTensor, in precision: Precision) throws {
    let exact = try model(Tensor(images)).value()
    let other = try Engine.autocast(to: precision) { try model(Tensor(images)).value() }
    let pairs = zip(exact.scalars(as: Double.self), other.scalars(as: Double.self))
    let (difference, largest) = pairs.reduce((0.0, 0.0)) {
      (max($0.0, abs($1.0 - $1.1)), max($0.1, abs($1.0)))
    }
    largestDifference = largest > 0 ? difference / largest : 0
    let winners = try [exact, other].map { scores in
      try Tensor(scores).argmax(dim: -1).value().scalars(as: Int64.self)
    }
    self.images = winners[0].count
    sameFirstClass = zip(winners[0], winners[1]).count { $0 == $1 }
  }
}
