import StrataCore
import StrataFormats
import StrataInspect

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// How well a network names examples: sums over them, so that a smaller batch at the end counts as what it is.
public struct ClassificationMetrics: Sendable, Hashable {
  /// The number of examples.
  public private(set) var count = 0
  /// What was taken for what.
  public private(set) var confusion: ConfusionMatrix
  private var lossSum = 0.0
  private var amongFive = 0

  /// Begins with no examples.
  public init(classCount: Int) { confusion = ConfusionMatrix(classCount: classCount) }

  /// Adds examples by their scores `[N, classes]`, which are not probabilities, and their labels.
  ///
  /// The loss of an example is its cross-entropy, `-log softmax(scores)[label]`. Among equal scores the class with
  /// the smaller number comes first; a label whose score is not a number is wrong.
  public mutating func add(scores: HostTensor, labels: [Int]) throws(StrataError) {
    let classes = confusion.classCount
    guard scores.shape == [labels.count, classes] else {
      throw StrataError(
        .shape,
        "the network gives \(scores.shape), and \([labels.count, classes]) are needed: one score a class")
    }
    if let wrong = labels.first(where: { !(0..<classes).contains($0) }) {
      throw StrataError(.argument, "label \(wrong) is none of \(classes) classes")
    }
    let values = scores.scalars(as: Double.self)
    for (row, label) in labels.enumerated() {
      let row = values[row * classes..<(row + 1) * classes]
      let own = row[row.startIndex + label]
      var (best, ahead) = (0, 0)
      for (other, score) in row.enumerated() {
        if score > row[row.startIndex + best] || row[row.startIndex + best].isNaN && !score.isNaN {
          best = other
        }
        if score > own || score == own && other < label { ahead += 1 }
      }
      // Where no score is a number, no answer was given, and a class that is not the label stands for that.
      if own.isNaN, best == label { best = (label + 1) % classes }
      confusion.add(truth: label, answer: best)
      amongFive += ahead < 5 && !own.isNaN ? 1 : 0
      let largest = row.max() ?? 0
      lossSum += log(row.reduce(0) { $0 + exp($1 - largest) }) + largest - own
    }
    count += labels.count
  }

  /// Adds what another part of the data gave.
  public static func += (metrics: inout ClassificationMetrics, other: ClassificationMetrics) {
    metrics.confusion += other.confusion
    metrics.count += other.count
    metrics.lossSum += other.lossSum
    metrics.amongFive += other.amongFive
  }

  /// Everything as numbers that add up over parts of the data.
  var numbers: [Double] {
    let classes = 0..<confusion.classCount
    return [Double(count), lossSum, Double(amongFive)]
      + classes.flatMap { row in classes.map { Double(confusion[row, $0]) } }
  }

  /// The metrics that `numbers` stand for.
  init(classCount: Int, _ numbers: [Double]) {
    confusion = ConfusionMatrix(classCount: classCount)
    (count, lossSum, amongFive) = (Int(numbers[0]), numbers[1], Int(numbers[2]))
    for (index, number) in numbers.dropFirst(3).enumerated() {
      confusion.add(truth: index / classCount, answer: index % classCount, times: Int(number))
    }
  }

  /// The mean cross-entropy of an example.
  public var loss: Double { count == 0 ? 0 : lossSum / Double(count) }
  /// The share whose likeliest class is right, from 0 to 1.
  public var top1: Double { confusion.accuracy }
  /// The share whose class is among the five likeliest.
  public var top5: Double { count == 0 ? 0 : Double(amongFive) / Double(count) }
  /// The mean of all classes' F1.
  public var macroF1: Double { confusion.macroF1 }

  /// The numbers and, with names of classes, those of each class and the confusion matrix.
  public func json(classNames: [String]? = nil) -> JSONValue {
    var object: JSONObject = [
      "examples": .integer(count), "loss": .number(loss), "top1": .number(top1), "top5": .number(top5),
      "macro_f1": .number(macroF1),
    ]
    guard let classNames else { return .object(object) }
    func number(_ value: Double?) -> JSONValue { value.map(JSONValue.number) ?? .null }
    object["classes"] = .array(
      classNames.enumerated().map { label, name in
        [
          "name": .string(name), "examples": .integer(confusion.support(of: label)),
          "accuracy": number(confusion.recall(of: label)),
          "precision": number(confusion.precision(of: label)),
          "f1": number(confusion.f1(of: label)),
        ]
      })
    object["confusion"] = confusion.json
    return .object(object)
  }
}

extension ClassificationMetrics {
  /// The numbers as text: all examples, each class, and what was taken for what where classes are few.
  public func text(classNames: [String]) -> String {
    func percent(_ share: Double?) -> String {
      share.map { DecimalText.fixed($0 * 100, digits: 2) + "%" } ?? "–"
    }
    var sections = [
      Text.pairs([
        ("Examples", Text.grouped(count)), ("Loss", DecimalText.fixed(loss)), ("Top-1", percent(top1)),
        ("Top-5", percent(top5)), ("Macro F1", percent(macroF1)),
      ])
    ]
    let rows = classNames.enumerated().map { label, name in
      [
        name, "\(confusion.support(of: label))", percent(confusion.recall(of: label)),
        percent(confusion.precision(of: label)), percent(confusion.f1(of: label)),
      ]
    }
    sections.append(Text.table([["class", "examples", "accuracy", "precision", "F1"]] + rows))
    guard classNames.count <= 20 else { return sections.joined(separator: "\n\n") }
    let matrix = classNames.indices.map { row in
      [classNames[row]] + classNames.indices.map { "\(confusion[row, $0])" }
    }
    sections.append("What each class (rows) was taken for:\n" + Text.table([[""] + classNames] + matrix))
    return sections.joined(separator: "\n\n")
  }
}
