import Foundation
import Strata
import Testing

@Suite("Trainer in trouble", .serialized) struct TrainerFailureTests {
  @Test("a loss that is no number ends the run, names the first bad layer and leaves the checkpoint whole")
  func notFinite() throws {
    try Tiny.undisturbed {
      var options = Tiny.options
      (options.learningRate, options.schedule, options.checkpointSteps) = (1e30, .constant, 1)
      let folder = try RunFolder()
      let trainer = try Tiny.trainer(options, folder: folder.path)
      let error = #expect(throws: StrataError.self) { try trainer.run() }
      let message = try #require(error?.message)
      #expect(message.hasPrefix("epoch 1, "))
      #expect(message.contains(" is not finite: ") || message.contains(": the loss is "), "\(message)")
      #expect(message.contains("features.") || message.contains("classifier"))
      let checkpoint = try Checkpoint(contentsOf: folder.path(Trainer.checkpointName))
      #expect(checkpoint.state["step"]?.integer != nil)

      // Without a folder the cause is found from memory.
      let other = try Tiny.trainer(options)
      let again = #expect(throws: StrataError.self) { try other.run() }
      #expect(again?.message.contains("is not finite") == true)
    }
  }

  @Test("weights that are infinite replace neither the checkpoint nor the results")
  func infiniteWeights() throws {
    try Tiny.undisturbed {
      var options = Tiny.options
      // Infinite in 32 bits: the first loss is fine, the weights after it are not.
      (options.learningRate, options.checkpointSteps) = (1e39, 1)
      let folder = try RunFolder()
      let error = #expect(throws: StrataError.self) { try Tiny.trainer(options, folder: folder.path).run() }
      let message = try #require(error?.message)
      #expect(message.hasPrefix("epoch 1, after step 1: `features.0.weight` is not finite: "), "\(message)")
      #expect(message.contains("step 1 made `features.0.weight` infinite or NaN"), "\(message)")
      #expect(folder.names == [Trainer.checkpointName])
      let checkpoint = try Checkpoint(contentsOf: folder.path(Trainer.checkpointName))
      #expect(checkpoint.state["step"]?.integer == 0)

      let model = Tiny.model()
      let weight = try #require(model.namedParameters.first)
      weight.parameter.variable.store(.filled(.nan, shape: weight.parameter.shape, dtype: .float32))
      let start = #expect(throws: StrataError.self) { try Tiny.trainer(Tiny.options, model: model).run() }
      #expect(start?.message == "`\(weight.name)` of the network to begin with is not finite")
    }
  }

  @Test(
    "a picture that cannot be read is named, and what was learnt before it is kept",
    arguments: ["train/cross/000001.png", "val/cross/000009.png"], [1, 2])
  func unreadable(picture: String, accumulation: Int) throws {
    try Tiny.undisturbed {
      let pictures = try RunFolder()
      let shapes = try ShapesDataset(count: 30, size: 8, shapes: [.circle, .cross])
      try shapes.write(to: pictures.path("set"))
      let bad = pictures.path("set/\(picture)")
      let good = try FileSystem.read(bad)
      try FileSystem.write(Array(good.dropLast(good.count / 2)), to: bad)
      var options = Tiny.options
      (options.size, options.batch, options.accumulation) = (8, 2, accumulation)
      let data = try TrainingData(pictures.path("set"))
      let folder = try RunFolder()
      func trainer() throws -> Trainer {
        try Trainer(Tiny.model(classes: 2), data, options, folder: folder.path)
      }
      let failed = try trainer()
      let error = #expect(throws: StrataError.self) { try failed.run() }
      let message = try #require(error?.message)
      #expect(message.contains(picture))
      #expect(message.hasPrefix("epoch 1, after step \(failed.step): "), "\(message)")
      let checkpoint = try Checkpoint(contentsOf: folder.path(Trainer.checkpointName))
      #expect(checkpoint.state["step"]?.integer == failed.step)
      // Repaired, the run goes on to the same bits as one that never met the trouble.
      try FileSystem.write(good, to: bad)
      let resumed = try trainer()
      try resumed.resume(from: folder.path(Trainer.checkpointName))
      _ = try resumed.run()
      let whole = try Trainer(Tiny.model(classes: 2), data, options)
      _ = try whole.run()
      #expect(resumed.model.digest == whole.model.digest)
    }
  }

  @Test("networks that do not fit the data are refused at once")
  func misfits() throws {
    try Tiny.undisturbed {
      let classes = #expect(throws: StrataError.self) {
        try Tiny.trainer(Tiny.options, model: SmallCNN(classes: 4, inputChannels: 3))
      }
      #expect(classes?.message == "SmallCNN gives [2, 4] for [2, 3, 8, 8], and the data has 3 classes")
      let channels = #expect(throws: StrataError.self) {
        try Tiny.trainer(Tiny.options, model: SmallCNN(classes: 3))
      }
      #expect(channels?.message.contains("expects 1 input channels, got 3") == true)
    }
  }
}

@Suite("Trainers together", .serialized) struct TrainingGroupTests {
  private struct Outcome: Sendable {
    let digest: String
    let weights: [[Float]]
    let validation: [EpochRecord]
    let count: Int?
    let steps: Int
  }

  private static func outcome(_ options: TrainingOptions, _ group: TrainingGroup) throws -> Outcome {
    let model = RandomKey.sequence(from: 3) { Sequential(Flatten(), Linear(3 * 64, 3)) }
    let trainer = try Tiny.trainer(options, model: model, group: group)
    let result = try trainer.run()
    return Outcome(
      digest: model.digest, weights: model.parameters.map { $0.value.scalars() }, validation: result.history,
      count: result.metrics?.count, steps: trainer.step)
  }

  @Test("end with the same weights, those of one alone", arguments: [2, 3])
  func together(size: Int) throws {
    var options = TrainingOptions()
    (options.epochs, options.workers, options.batch, options.seed) = (2, 0, 16, 4)
    let results = try ThreadGroup(size: size).run { [options] ranks in
      try Self.outcome(options, TrainingGroup(ranks, checkInterval: 1))
    }
    let alone = try Self.outcome(options, .alone)
    for result in results {
      #expect(result.digest == results[0].digest)
      #expect(result.validation.map(\.validation) == results[0].validation.map(\.validation))
      #expect(result.count == alone.count && result.steps == alone.steps)
      for (a, b) in zip(result.validation, alone.validation) {
        #expect(abs(a.trainingLoss - b.trainingLoss) < 1e-5 && a.trainingTop1 == b.trainingTop1)
      }
      for (a, b) in zip(result.weights, alone.weights) {
        #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-5 })
      }
    }
  }
}
