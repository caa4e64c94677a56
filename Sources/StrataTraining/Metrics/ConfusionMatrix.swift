import StrataFormats

/// How often examples of each class were taken for each: rows are what was true, columns what was said
/// (`sklearn.metrics.confusion_matrix`).
public struct ConfusionMatrix: Sendable, Hashable {
  /// The number of classes.
  public let classCount: Int
  private var counts: [Int]

  /// Creates a matrix of zeros.
  public init(classCount: Int) {
    precondition(classCount >= 0, "a confusion matrix cannot have \(classCount) classes")
    self.classCount = classCount
    counts = Array(repeating: 0, count: classCount * classCount)
  }

  /// How often examples of a class were taken for another or the same.
  public subscript(truth: Int, answer: Int) -> Int { counts[truth * classCount + answer] }

  /// Counts an answer, or several.
  public mutating func add(truth: Int, answer: Int, times: Int = 1) {
    precondition(
      (0..<classCount).contains(truth) && (0..<classCount).contains(answer),
      "classes \(truth) and \(answer) of \(classCount)")
    counts[truth * classCount + answer] += times
  }

  /// Adds what another part of the data gave.
  public static func += (matrix: inout ConfusionMatrix, other: ConfusionMatrix) {
    precondition(matrix.classCount == other.classCount, "matrices of different classes")
    for index in matrix.counts.indices { matrix.counts[index] += other.counts[index] }
  }

  /// The number of examples.
  public var total: Int { counts.reduce(0, +) }
  /// How many were named rightly.
  public var correct: Int { (0..<classCount).reduce(0) { $0 + self[$1, $1] } }
  /// The share that was named rightly, from 0 to 1; 0 where there are no examples.
  public var accuracy: Double { total == 0 ? 0 : Double(correct) / Double(total) }

  /// How many examples a class has.
  public func support(of truth: Int) -> Int { (0..<classCount).reduce(0) { $0 + self[truth, $1] } }
  /// How often a class was the answer.
  public func answers(of answer: Int) -> Int { (0..<classCount).reduce(0) { $0 + self[$1, answer] } }

  /// The share of a class's examples that was found, its accuracy; nil where it has none.
  public func recall(of label: Int) -> Double? { share(self[label, label], of: support(of: label)) }
  /// The share of answers of a class that was right; nil where it never was the answer.
  public func precision(of label: Int) -> Double? { share(self[label, label], of: answers(of: label)) }

  /// The harmonic mean of precision and recall, 0 where nothing was right; nil where the class neither has
  /// examples nor was the answer.
  public func f1(of label: Int) -> Double? {
    share(2 * self[label, label], of: support(of: label) + answers(of: label))
  }

  /// The mean of all classes' F1, as scikit-learn has it: of those that have examples or were the answer.
  public var macroF1: Double {
    let values = (0..<classCount).compactMap(f1(of:))
    return values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
  }

  /// The rows as arrays.
  public var json: JSONValue {
    .array((0..<classCount).map { row in .array((0..<classCount).map { .integer(self[row, $0]) }) })
  }

  private func share(_ part: Int, of whole: Int) -> Double? {
    whole == 0 ? nil : Double(part) / Double(whole)
  }
}
