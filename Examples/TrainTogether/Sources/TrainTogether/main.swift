import Strata

/// Scores for pictures of 8 × 8 pixels.
///
/// It is smooth: where rounding decides which side of a rectifier a number is on, two runs part for good.
final class DigitNet: Module {
  let conv1 = Conv2d(1, 16, kernelSize: 3, padding: 1, bias: false)
  let bn1 = BatchNorm2d(16)
  let conv2 = Conv2d(16, 32, kernelSize: 3, stride: 2, padding: 1, bias: false)
  let bn2 = BatchNorm2d(32)
  let fc = Linear(32, 10)

  override func forward(_ x: Tensor) -> Tensor {
    let features = bn2(conv2(bn1(conv1(x)).activation(.silu))).activation(.silu)
    return fc(features.mean(dims: [2, 3]))
  }
}

// TrainTogether DATA FOLDER sgd|adamw: fifty steps on the digits by the processes that mpirun started, or by one.
func train(_ arguments: [String], _ ranks: any Communicator) throws {
  guard arguments.count == 4, let optimizer = OptimizerName(rawValue: arguments[3]) else {
    throw StrataError(.argument, "usage: TrainTogether DATA FOLDER sgd|adamw")
  }
  var options = TrainingOptions()
  options.optimizer = optimizer
  options.learningRate = optimizer == .sgd ? 0.2 : 0.01
  options.batch = 144
  options.epochs = 5
  options.synchronisesNorms = true
  options.threads = try Launch.threadShare(of: ranks)
  manualSeed(0)
  let trainer = try Trainer(
    DigitNet(), TrainingData(arguments[1]), options, folder: arguments[2], group: TrainingGroup(ranks))
  _ = try trainer.run { event in
    if ranks.isRoot, case .step(let step) = event { print(step.step, step.loss) }
  }
}

let ranks = try Launch.communicator()
do {
  try train(CommandLine.arguments, ranks)
  try ranks.finish()
} catch {
  ranks.abort("TrainTogether: \(error)", status: 2)
}
