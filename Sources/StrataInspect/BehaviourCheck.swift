import StrataCore
import StrataGraph
import StrataNN
import StrataRuntime

/// Runs a network on random images and checks its outputs.
package enum BehaviourCheck {
  /// Checks that outputs are finite, the same twice, the same alone and in a batch, and others while training.
  package static func run(_ model: Module, dependsOnMode: Bool, input: Shape, seed: UInt64) -> [CheckResult] {
    let images = HostTensor.normal(
      shape: Shape([2 * input[0]] + input.dropFirst()), key: RandomKey(seed: seed))
    do throws(StrataError) {
      model.eval()
      let singles = try halves(of: images).map { half throws(StrataError) in try output(model, half) }
      let again = try output(model, halves(of: images)[0])
      let batch = try output(model, images)
      var results = [
        finite(singles + [batch]), deterministic(singles[0], again),
        batched(batch, singles.flatMap { $0 }),
      ]
      results.append(try mode(model, images, evaluated: batch, dependsOnMode: dependsOnMode))
      return results
    } catch {
      return [CheckResult("run", ok: false, expected: "outputs", found: error.message)]
    }
  }

  /// Whether all numbers are finite.
  package static func finite(_ outputs: [[Float]]) -> CheckResult {
    let count = outputs.reduce(0) { $0 + $1.count }
    let bad = outputs.reduce(0) { $0 + $1.count { !$0.isFinite } }
    return CheckResult(
      "finite outputs", ok: bad == 0, expected: "\(count) of \(count)", found: "\(count - bad) of \(count)")
  }

  /// Whether two evaluations gave the same bits.
  package static func deterministic(_ a: [Float], _ b: [Float]) -> CheckResult {
    let differences = zip(a, b).count { $0.bitPattern != $1.bitPattern }
    return CheckResult("deterministic", expected: "0 outputs differ", found: "\(differences) outputs differ")
  }

  private static func batched(_ batch: [Float], _ singles: [Float]) -> CheckResult {
    let limit = Verification.batchTolerance
    let largest = batch.reduce(0) { max($0, abs($1)) }
    let difference = zip(batch, singles).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
    let relative = largest > 0 ? Double(difference / largest) : Double(difference)
    return CheckResult(
      "batch of two", ok: batch.count == singles.count && relative <= limit,
      expected: "at most \(DecimalText.general(limit)) of the largest output away from two singles",
      found: DecimalText.general(relative, digits: 2))
  }

  /// Whether training computes something else exactly where it should. What it changes is put back.
  private static func mode(
    _ model: Module, _ images: HostTensor, evaluated: [Float], dependsOnMode: Bool
  ) throws(StrataError) -> CheckResult {
    let buffers = model.buffers.map { ($0, $0.value) }
    model.train()
    defer {
      model.eval()
      for (buffer, value) in buffers { buffer.value = value }
    }
    let trained = try output(model, images)
    return CheckResult(
      "train and eval", expected: dependsOnMode ? "different outputs" : "equal outputs",
      found: trained == evaluated ? "equal outputs" : "different outputs")
  }

  private static func output(_ model: Module, _ images: HostTensor) throws(StrataError) -> [Float] {
    try model(Tensor(images)).value().scalars(as: Float.self)
  }

  /// The first and the second half of a batch.
  private static func halves(of images: HostTensor) -> [HostTensor] {
    let size = images.shape[0] / 2
    return [images.rows(0..<size), images.rows(size..<2 * size)]
  }
}
