import StrataCore
import StrataGraph
import StrataRuntime

/// Forward and backward with an eye on each module's value and gradient (`torch.autograd.set_detect_anomaly`).
struct WatchedPass {
  let loss: Tensor
  let output: Tensor
  let gradients: [Tensor?]
  private let step: TrainingStep
  private let input: Tensor
  /// The calls in the order in which they ended: parts before the whole.
  private let calls: [ObservedCall]
  /// The gradients of the loss for each call's input and output.
  private let ofInputs: [Tensor?]
  private let ofOutputs: [Tensor?]

  init(_ step: TrainingStep, _ input: Tensor, _ target: Tensor) throws {
    self.step = step
    self.input = input
    let watched = CallLog.watch { () -> (Tensor, Tensor) in
      let output = step.model(input)
      return (output, step.loss(output, target))
    }
    (output, loss) = watched.0
    if let error = loss.error { throw error }
    guard loss.rank == 0 else {
      throw StrataError(.shape, "training needs a loss of one number, got \(loss.shape)")
    }
    calls = watched.1.innermostFirst.filter { !($0.module is Loss) }
    let parameters = step.optimizer.trainableParameters.map(\.parameter.tensor)
    let all = usedGradients(of: loss, wrt: parameters + calls.map(\.input) + calls.map(\.output))
    gradients = Array(all.prefix(parameters.count))
    ofInputs = Array(all.dropFirst(parameters.count).prefix(calls.count))
    ofOutputs = Array(all.suffix(calls.count))
  }

  /// Runs everything and throws an error that names the first value that is not finite.
  func check(_ finalGradients: [Tensor?]) throws {
    let outputs = calls.map { flag($0.output) }
    let before = ofInputs.map { $0.map(flag) }
    let after = ofOutputs.map { $0.map(flag) }
    let ofParameters = gradients.map { $0.map(flag) }
    let inputFlag = flag(input)
    let lossFlag = flag(loss)
    // Parameters are looked at before the run that may change them.
    for (name, parameter) in step.model.namedParameters where try !parameter.variable.value().isFinite {
      throw anomaly("the parameter `\(name)`", try parameter.variable.value())
    }
    let flags = outputs + (before + after + ofParameters).compactMap { $0 } + [inputFlag, lossFlag]
    try Tensor.evaluate([loss, output] + finalGradients.compactMap { $0 } + flags)
    func fails(_ flag: Tensor?) throws -> Bool {
      try flag.map { try !$0.value().scalars(as: Bool.self)[0] } ?? false
    }

    if try fails(inputFlag) { throw anomaly("the input", try input.value()) }
    for (call, flag) in zip(calls, outputs) where try fails(flag) {
      throw anomaly("the value of \(call.label)", nil)
    }
    if try fails(lossFlag) { throw anomaly("the loss", try loss.value()) }
    // A whole passes back what a part of it gave: parts come first.
    let wholes = Set(calls.compactMap(\.caller))
    let order = calls.indices.reversed()
    let parts = order.filter { !wholes.contains(calls[$0].number) }
    for index in parts + order.filter({ wholes.contains(calls[$0].number) })
    where try fails(before[index]) && !fails(after[index]) {
      throw anomaly("the gradient that \(calls[index].label) passes back", nil)
    }
    for (flag, (name, _)) in zip(ofParameters, step.optimizer.trainableParameters) where try fails(flag) {
      throw anomaly("the gradient of the parameter `\(name)`", nil)
    }
  }

  /// Whether all elements of a tensor are finite, as a tensor.
  private func flag(_ tensor: Tensor) -> Tensor {
    tensor.dtype.isFloatingPoint ? tensor.isFinite().all() : .full([], 1, dtype: .bool)
  }

  private func anomaly(_ what: String, _ value: HostTensor?) -> StrataError {
    let count = value.map { value in
      let bad = value.scalars(as: Double.self).count { !$0.isFinite }
      return " (\(bad) of \(value.elementCount) numbers)"
    }
    return StrataError(.argument, "\(what) is not finite\(count ?? ""); no parameter was changed")
  }
}

extension HostTensor {
  /// Whether no element is infinite or NaN.
  package var isFinite: Bool {
    guard dtype == .float32 else {
      return !dtype.isFloatingPoint || scalars(as: Double.self).allSatisfy(\.isFinite)
    }
    return withElements(as: Float.self) { $0.allSatisfy(\.isFinite) }
  }
}

extension ObservedCall {
  /// `features.3 (Conv2d)`.
  fileprivate var label: String { ModuleOrigin(path: path, typeName: module.typeName).label }
}

extension [ObservedCall] {
  /// The calls in the order in which they ended, from the order in which they began.
  fileprivate var innermostFirst: [ObservedCall] {
    var result: [ObservedCall] = []
    var open: [ObservedCall] = []
    for call in self {
      while let last = open.last, last.number != call.caller {
        result.append(last)
        open.removeLast()
      }
      open.append(call)
    }
    return result + open.reversed()
  }
}
