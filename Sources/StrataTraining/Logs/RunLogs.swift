import StrataCore
import StrataFormats
import StrataInspect

/// What a run writes besides weights: a table of epochs, events for TensorBoard.
struct RunLogs {
  private let folder: String?
  private let kinds: [LogKind]
  private var events: EventFile?
  /// Steps between two points of the curves within epochs.
  private let spacing: Int

  init(_ trainer: Trainer) throws(StrataError) {
    folder = trainer.group.isLeader ? trainer.folder : nil
    kinds = trainer.options.logs
    spacing = max(1, trainer.loader.batchCount / trainer.options.accumulation / 50)
    guard let folder else { return }
    try SystemFile.createFolder(folder)
    guard kinds.contains(.tensorboard) else { return }
    events = try EventFile(folder: folder, purging: trainer.step > 0 ? trainer.step + 1 : nil)
  }

  func append(_ report: StepReport) throws(StrataError) {
    guard report.step % spacing == 0 else { return }
    try events?.append(
      [("step/loss", report.loss), ("step/lr", report.learningRate)], step: report.step)
  }

  func append(_ record: EpochRecord, _ history: [EpochRecord]) throws(StrataError) {
    guard let folder else { return }
    // The table is written anew from the history: what a run that was killed wrote too much is gone.
    if kinds.contains(.csv) { try FileSystem.write(Array(history.csv.utf8), to: "\(folder)/log.csv") }
    try events?.append(
      [
        ("loss/train", record.trainingLoss), ("loss/val", record.validation.loss),
        ("top1/train", record.trainingTop1), ("top1/val", record.validation.top1),
        ("top5/val", record.validation.top5), ("macro_f1/val", record.validation.macroF1),
        ("lr", record.learningRate), ("images_per_second", record.examplesPerSecond),
      ], step: record.step)
  }
}
