import Foundation
import Strata
import Testing

/// Fifty steps of `Examples/TrainTogether`, on as many processes as one likes.
struct FiftySteps {
  static let digits = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/digits").path

  let losses: [Double]
  let weights: TensorArchive

  init(_ size: Int, _ optimizer: String, launcher: String? = nil) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("strata-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let job = try Mpirun.Job(
      size, [Self.digits, folder.path, optimizer], program: "TrainTogether",
      launcher: launcher ?? Mpirun.path ?? "mpirun")
    let result = try job.result()
    try #require(result.status == 0, "\(result.message)")
    losses = result.output.split(separator: "\n").compactMap {
      $0.split(separator: " ").last.flatMap { Double($0) }
    }
    weights = try Safetensors.read(folder.appendingPathComponent("last.safetensors").path)
  }

  /// Expects the losses of another run, and its weights relative to the norm of each tensor.
  ///
  /// AdamW divides by the size of a gradient: where that is next to nothing, a single weight shows its rounding.
  func expectClose(to other: FiftySteps, within tolerance: Double = 1e-4) throws {
    #expect(losses.count == 50 && other.losses.count == 50)
    for (step, (own, wanted)) in zip(losses, other.losses).enumerated() {
      #expect(abs(own - wanted) <= tolerance * wanted, "loss after step \(step + 1): \(own), not \(wanted)")
    }
    #expect(weights.count == other.weights.count)
    for (name, tensor) in other.weights {
      let found = try #require(weights[name])
      let (own, wanted) = (found.scalars(as: Double.self), tensor.scalars(as: Double.self))
      let difference = norm(zip(own, wanted).map { $0 - $1 })
      #expect(difference <= tolerance * norm(wanted), "\(name) differs by \(difference) of \(norm(wanted))")
    }
  }

  private func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
}
