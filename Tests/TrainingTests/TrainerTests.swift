import Foundation
import Strata
import Testing

// Two cores are shared: one run at a time.
@Suite("Trainer", .serialized) struct TrainerTests {
  @Test("two runs of one seed give the same bits, other seeds others")
  func repeatable() throws {
    try Tiny.undisturbed {
      let first = try Tiny.trainer(Tiny.options)
      let result = try first.run()
      #expect(result.history.count == 2 && first.step == 10 && !first.model.isTraining)
      let second = try Tiny.trainer(Tiny.options)
      let again = try second.run()
      #expect(second.model.digest == first.model.digest)
      #expect(again.history.map(\.trainingLoss) == result.history.map(\.trainingLoss))
      var options = Tiny.options
      options.seed = 8
      let other = try Tiny.trainer(options)
      _ = try other.run()
      #expect(other.model.digest != first.model.digest)
    }
  }

  /// Everything that has a memory: momentum, warm-up, average, accumulation, clipping, mixing, balance.
  static var variants: [TrainingOptions] {
    var plain = Tiny.options
    (plain.schedule, plain.warmupEpochs, plain.keepsAverage) = (.cosine, 1, true)
    var adam = Tiny.options
    (adam.optimizer, adam.schedule, adam.accumulation, adam.mixup) = (.adamw, .onecycle, 2, 0.4)
    (adam.clip, adam.isBalanced, adam.learningRate) = (0.5, true, 0.01)
    var plateau = Tiny.options
    (plateau.optimizer, plateau.schedule, plateau.stepEpochs, plateau.smoothing) = (
      .rmsprop, .plateau, 1, 0.1
    )
    (plateau.workers, plateau.dropout, plateau.cutMix) = (2, nil, 1)
    var restarts = Tiny.options
    (restarts.schedule, restarts.stepEpochs, restarts.cycleFactor) = (.cosineRestarts, 1, 2)
    (restarts.optimizer, restarts.betas, restarts.epsilon) = (.lamb, [0.8, 0.99], 1e-5)
    (restarts.recompute, restarts.epochs) = (["features"], 3)
    return [plain, adam, plateau, restarts]
  }

  @Test("a run that stops anywhere and goes on ends with the same bits", arguments: 0..<variants.count)
  func resume(variant: Int) throws {
    try Tiny.undisturbed {
      let options = TrainerTests.variants[variant]
      let whole = try Tiny.trainer(options)
      let expected = try whole.run()
      for stop in [1, 3, whole.step / 2, whole.step / 2 + 1, whole.step - 1] {
        let folder = try RunFolder()
        let begun = try Tiny.trainer(options, folder: folder.path)
        #expect(try begun.run(shouldStop: { begun.step >= stop }).isInterrupted)
        // A new process: nothing is shared but the folder, and random numbers were drawn meanwhile.
        _ = RandomKey.next()
        let resumed = try Tiny.trainer(options, folder: folder.path, model: Tiny.model())
        try resumed.resume(from: folder.path(Trainer.checkpointName))
        #expect(resumed.step == begun.step && resumed.step >= stop)
        let result = try resumed.run()
        #expect(resumed.model.digest == whole.model.digest, "stopped after step \(stop)")
        #expect(result.history.map(\.validation) == expected.history.map(\.validation))
        #expect(result.history.map(\.trainingLoss) == expected.history.map(\.trainingLoss))
        #expect(result.history.map(\.learningRate) == expected.history.map(\.learningRate))
        #expect(result.bestEpoch == expected.bestEpoch)
      }
    }
  }

  @Test("a checkpoint of other options or of another network is refused")
  func foreign() throws {
    try Tiny.undisturbed {
      let folder = try RunFolder()
      _ = try Tiny.trainer(Tiny.options, folder: folder.path).run()
      var options = Tiny.options
      options.learningRate = 0.5
      let path = folder.path(Trainer.checkpointName)
      let error = #expect(throws: StrataError.self) { try Tiny.trainer(options).resume(from: path) }
      #expect(error?.message == "\(path): the run began with lr null, and cannot go on with 0.5")
      let wide = SmallCNN(classes: 3, inputChannels: 3, widthMultiplier: 0.25)
      #expect(throws: StrataError.self) { try Tiny.trainer(Tiny.options, model: wide).resume(from: path) }
      let weights = #expect(throws: StrataError.self) {
        try Tiny.trainer(Tiny.options).resume(from: folder.path("best.safetensors"))
      }
      #expect(weights?.message.contains("no checkpoint of a run") == true)
    }
  }

  @Test("frozen parameters and the statistics of their norms keep every bit")
  func freezing() throws {
    try Tiny.undisturbed {
      var options = Tiny.options
      (options.freeze, options.keepsAverage) = (["features"], true)
      let trainer = try Tiny.trainer(options)
      let before = trainer.model.stateDict()
      _ = try trainer.run()
      let changes = try WeightChanges(from: before, to: trainer.model)
      #expect(changes.rows.filter(\.isChanged).map(\.name) == ["classifier.weight", "classifier.bias"])
      #expect(changes.changedFrozen.isEmpty && changes.rows.count { $0.isFrozen } == 12)

      options.updatesFrozenNorms = true
      let following = try Tiny.trainer(options)
      _ = try following.run()
      let moved = try WeightChanges(from: before, to: following.model).rows.filter(\.isChanged)
      #expect(moved.filter(\.isParameter).map(\.name) == ["classifier.weight", "classifier.bias"])
      #expect(moved.count { !$0.isParameter } == 12)
    }
  }

  @Test("from a later epoch on all parameters change again")
  func thawing() throws {
    try Tiny.undisturbed {
      var options = Tiny.options
      (options.freeze, options.unfreezeAt) = (["features"], 2)
      let trainer = try Tiny.trainer(options)
      let before = trainer.model.stateDict()
      var changed: [Int] = []
      _ = try trainer.run { event in
        guard case .epoch = event, let now = try? WeightChanges(from: before, to: trainer.model) else {
          return
        }
        changed.append(now.rows.count { $0.isParameter && $0.isChanged })
      }
      #expect(changed == [2, 14])
      #expect(trainer.frozenNames.isEmpty)
    }
  }

  @Test("factors on the learning rate hold for the parameters that they name")
  func rates() throws {
    try Tiny.undisturbed {
      var options = Tiny.options
      (options.rateScales, options.epochs, options.weightDecay) = (
        ["features=0", "classifier.bias=0.5"], 1, 0
      )
      let trainer = try Tiny.trainer(options)
      let before = trainer.model.stateDict()
      _ = try trainer.run()
      let changed = try WeightChanges(from: before, to: trainer.model).rows.filter {
        $0.isChanged && $0.isParameter
      }
      #expect(changed.map(\.name) == ["classifier.weight", "classifier.bias"])
    }
  }

  @Test("a learning rate that restarts falls in cycles that become longer")
  func restarts() throws {
    try Tiny.undisturbed {
      var options = Tiny.options
      (options.schedule, options.stepEpochs, options.cycleFactor) = (.cosineRestarts, 1, 2)
      (options.epochs, options.learningRate, options.minimumLearningRate) = (4, 0.1, 0.02)
      let trainer = try Tiny.trainer(options)
      var rates: [Double] = []
      _ = try trainer.run { if case .step(let report) = $0 { rates.append(report.learningRate) } }
      // Five steps an epoch: a fall of one epoch, one of two, and the beginning of one of four.
      let places = [(0, 5), (1, 5), (4, 5), (0, 10), (9, 10), (0, 20), (4, 20)]
      let expected = places.map { step, length -> Double in
        let height = (1 + cos(Double.pi * Double(step) / Double(length))) / 2
        return 0.02 + 0.08 * height
      }
      let found = [0, 1, 4, 5, 14, 15, 19].map { rates[$0] }
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-12 }, "\(found)")
    }
  }

  @Test("of modules that patterns name, the outermost compute their values again")
  func recomputation() throws {
    try Tiny.undisturbed {
      var options = Tiny.options
      options.recompute = ["feat*"]
      let trainer = try Tiny.trainer(options)
      let again = trainer.model.namedModules.filter(\.module.recomputesActivations)
      #expect(again.map(\.name) == ["features"])
      options.recompute = ["feature"]
      let error = #expect(throws: StrataError.self) { try Tiny.trainer(options) }
      #expect(error?.message == "no module of SmallCNN fits `feature`; did you mean `features`?")
    }
  }

  @Test("training ends when no epoch was better for long")
  func patience() throws {
    try Tiny.undisturbed {
      var options = Tiny.options
      (options.epochs, options.patience, options.learningRate) = (30, 2, 1e-30)
      (options.criterion, options.updatesFrozenNorms, options.freeze) = (.top1, false, ["features"])
      let result = try Tiny.trainer(options).run()
      #expect(result.history.count == 3 && result.bestEpoch == 1)
    }
  }

  @Test("accumulated batches are a step of their mean")
  func accumulation() throws {
    try Tiny.undisturbed {
      // Without norms, which see each part by itself, and without chance the gradients are the same.
      func network() -> Module {
        RandomKey.sequence(from: 3) { Sequential(Flatten(), Linear(3 * 64, 3)) }
      }
      var options = TrainingOptions()
      (options.epochs, options.workers, options.batch, options.accumulation) = (1, 0, 24, 1)
      let whole = try Tiny.trainer(options, model: network())
      _ = try whole.run()
      (options.batch, options.accumulation) = (8, 3)
      let parts = try Tiny.trainer(options, model: network())
      _ = try parts.run()
      #expect(whole.step == 2 && parts.step == 2)
      for (one, other) in zip(whole.model.parameters, parts.model.parameters) {
        for (a, b) in zip(one.value.scalars(as: Float.self), other.value.scalars(as: Float.self)) {
          #expect(abs(a - b) < 1e-6)
        }
      }
    }
  }

  @Test("a learning rate finder leaves the run as it was")
  func finder() throws {
    try Tiny.undisturbed {
      let trainer = try Tiny.trainer(Tiny.options)
      let before = trainer.model.digest
      let finder = try LearningRateFinder(trainer, steps: 30)
      #expect(finder.points.count > 12 && finder.suggestion > 1e-7 && finder.suggestion <= 1)
      #expect(trainer.model.digest == before && trainer.step == 0)
      _ = try trainer.run()
      let plain = try Tiny.trainer(Tiny.options)
      _ = try plain.run()
      #expect(trainer.model.digest == plain.model.digest)
    }
  }
}
