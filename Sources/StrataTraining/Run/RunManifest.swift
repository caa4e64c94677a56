import StrataCore
import StrataData
import StrataFormats
import StrataInspect
import StrataNN
import StrataRuntime

/// What a run depended on and came to, so that another can be compared with it.
struct RunManifest {
  private(set) var document: JSONObject

  init(_ run: TrainingRun) {
    let processor = Processor.current(usable: Engine.availableCores)
    document = [
      "strata": .string(StrataVersion.strata), "swift": .string(StrataVersion.swift),
      "engine": [
        "name": .string(run.engine.name), "version": .string(run.engine.version),
        "isa": .string(run.engine.isa),
      ],
      "machine": [
        "system": .string(EnvironmentReport.system), "processor": .string(processor.model),
        "cores": .integer(processor.cores), "memory": .number(MachineMemory.current.total),
      ],
      "begun": .string(Stopwatch.date), "run": .object(run.description.json),
    ]
  }

  mutating func note(data: TrainingData, initial: TensorArchive, weights path: String?) throws {
    document["data"] = [
      "fingerprint": .string(try data.fingerprint()), "training": .integer(data.training.count),
      "validation": .integer(data.validation.count), "classes": .array(data.classNames.map(JSONValue.string)),
    ]
    document["initial_weights"] = .string(initial.contentHash)
    if let path { document["weights_file"] = .string(try Weights.read(path).contentHash) }
  }

  mutating func note(_ result: Trainer.Result, of trainer: Trainer, _ changes: WeightChanges) throws {
    document["ended"] = .string(Stopwatch.date)
    document["result"] = [
      "epochs": .array(result.history.map { .object($0.json) }),
      "best_epoch": result.bestEpoch.map(JSONValue.integer) ?? .null,
      "last_weights": .string(try trainer.bestWeights().contentHash),
      "validation": result.metrics?.json(classNames: trainer.data.classNames) ?? .null,
      "changes": changes.json,
    ]
  }
}
