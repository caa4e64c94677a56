import StrataCore
import StrataInspect

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The curves of a run on a page.
struct TrainingPage {
  private let run: TrainingRun
  private let result: Trainer.Result

  init(_ run: TrainingRun, _ result: Trainer.Result) { (self.run, self.result) = (run, result) }

  var html: String {
    let history = result.history
    func percent(_ share: Double) -> String { DecimalText.fixed(share * 100, digits: 2) + "%" }
    var facts = [
      ("Network", run.description.model), ("Data", run.data.title), ("Epochs", "\(history.count)"),
      ("Time", TrainingProgress.duration(history.reduce(0) { $0 + $1.seconds })),
    ]
    if let best = history.first(where: { $0.epoch == result.bestEpoch }) {
      facts += [
        ("Best epoch", "\(best.epoch)"), ("Top-1", percent(best.validation.top1)),
        ("Macro F1", percent(best.validation.macroF1)), ("Loss", DecimalText.fixed(best.validation.loss)),
      ]
    }
    func chart(_ title: String, _ unit: String, _ curves: [(String, (EpochRecord) -> Double)]) -> LineChart {
      LineChart(
        title: title, xTitle: "Epoch", yTitle: unit,
        series: curves.map { name, value in .init(name: name, values: history.map(value)) })
    }
    return ChartPage(
      title: "Training \(run.entry.title)", facts: facts.map { (name: $0.0, value: $0.1) },
      charts: [
        chart("Loss", "cross-entropy", [("training", \.trainingLoss), ("validation", \.validation.loss)]),
        chart(
          "Accuracy", "share that is right",
          [
            ("training", \.trainingTop1), ("validation, top 1", \.validation.top1),
            ("validation, top 5", \.validation.top5),
          ]),
        chart("Learning rate", "after the epoch", [("learning rate", \.learningRate)]),
      ]
    ).html
  }
}

extension LearningRateFinder {
  /// The loss over the learning rate, which goes to the right in powers of ten.
  public var chart: LineChart {
    func series(_ name: String, _ value: KeyPath<Point, Double>) -> LineChart.Series {
      .init(
        name: name,
        points: points.map { .init(x: log10($0.rate), y: $0[keyPath: value]) })
    }
    return LineChart(
      title: "Learning rates from \(DecimalText.general(points[0].rate, digits: 2)); try "
        + DecimalText.general(suggestion, digits: 2),
      xTitle: "learning rate, as a power of ten", yTitle: "loss",
      series: [series("batch", \.loss), series("running average", \.smoothed)])
  }
}
