import StrataCore

/// What a run tells while it goes on.
public enum TrainingEvent: Sendable {
  /// A step was made.
  case step(StepReport)
  /// An epoch ended.
  case epoch(EpochRecord, isBest: Bool)
  /// Something worth a line.
  case note(String)
}

/// Where a run is after a step.
public struct StepReport: Sendable {
  /// Which epoch, from 1.
  public let epoch: Int
  /// How many epochs there are at most.
  public let epochs: Int
  /// Examples of this epoch that were learnt from.
  public let position: Int
  /// Examples of an epoch.
  public let count: Int
  /// Steps since the beginning.
  public let step: Int
  /// The mean loss of this epoch so far.
  public let loss: Double
  /// The learning rate.
  public let learningRate: Double
  /// Training examples a second in this epoch, since it began or was gone on with.
  public let examplesPerSecond: Double
  /// The seconds that the epoch still takes, at this speed.
  public var remainingSeconds: Double? {
    examplesPerSecond > 0 ? Double(count - position) / examplesPerSecond : nil
  }
}

extension StepReport {
  /// `epoch 3/10  ████▋     45%  loss 0.4312  1,240 img/s  lr 0.05  0:12 left`, without a line's end.
  public func line(barWidth: Int = 20) -> String {
    let share = count == 0 ? 1 : min(1, Double(position) / Double(count))
    let eighths = Int((share * Double(8 * barWidth)).rounded(.down))
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    var bar = String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
    bar += String(repeating: " ", count: max(0, barWidth - bar.count))
    let percent = "\(Int(share * 100))%"
    let padding = String(repeating: " ", count: max(0, 4 - percent.count))
    var text = "epoch \(epoch)/\(epochs)  \(bar)\(padding)\(percent)  loss \(DecimalText.fixed(loss))"
    text += "  \(DecimalText.general(examplesPerSecond.rounded())) img/s"
    text += "  lr \(DecimalText.general(learningRate, digits: 3))"
    if let remainingSeconds { text += "  \(TrainingProgress.duration(remainingSeconds)) left" }
    return text
  }
}

extension EpochRecord {
  /// `epoch 3/10  loss 0.4312  top1 91.2%  val loss 0.3821  val top1 93.0%  lr 0.05  1,240 img/s  0:12  best`
  public func line(of epochs: Int, isBest: Bool) -> String {
    func percent(_ share: Double) -> String { DecimalText.fixed(share * 100, digits: 2) + "%" }
    return [
      "epoch \(epoch)/\(epochs)", "loss \(DecimalText.fixed(trainingLoss))", "top1 \(percent(trainingTop1))",
      "val loss \(DecimalText.fixed(validation.loss))", "val top1 \(percent(validation.top1))",
      "lr \(DecimalText.general(learningRate, digits: 3))",
      "\(DecimalText.general(examplesPerSecond.rounded())) img/s", TrainingProgress.duration(seconds),
    ].joined(separator: "  ") + (isBest ? "  best" : "")
  }
}

/// Shows how a run goes on: a line that renews itself on a terminal, a line an epoch elsewhere.
public struct TrainingProgress {
  private let epochs: Int
  private let isTerminal: Bool
  private let write: (String) -> Void
  private var lastTime = -Double.infinity
  private var hasOpenLine = false

  /// Creates a display that hands what is to be shown, line ends included, to `write`.
  public init(epochs: Int, isTerminal: Bool, write: @escaping (String) -> Void) {
    (self.epochs, self.isTerminal, self.write) = (epochs, isTerminal, write)
  }

  /// Shows an event.
  public mutating func show(_ event: TrainingEvent) {
    switch event {
    case .step(let report):
      guard isTerminal else { return }
      let now = Stopwatch.now
      guard now - lastTime > 0.1 || report.position >= report.count else { return }
      lastTime = now
      // Return to the line's beginning and clear what is behind the text.
      write("\r\(report.line())\u{1B}[K")
      hasOpenLine = true
    case .epoch(let record, let isBest): line(record.line(of: epochs, isBest: isBest))
    case .note(let text): line(text)
    }
  }

  private mutating func line(_ text: String) {
    write(hasOpenLine ? "\r\(text)\u{1B}[K\n" : text + "\n")
    hasOpenLine = false
  }

  /// `1:02:03`, `4:05`.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "?" }
    let whole = Int(seconds.rounded())
    let pad = { (number: Int) in number < 10 ? "0\(number)" : "\(number)" }
    let (hours, minutes) = (whole / 3600, whole / 60 % 60)
    return hours > 0 ? "\(hours):\(pad(minutes)):\(pad(whole % 60))" : "\(minutes):\(pad(whole % 60))"
  }
}
