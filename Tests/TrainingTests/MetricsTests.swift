import Strata
import StrataTestSupport
import Testing

@Suite("Metrics") struct MetricsTests {
  @Test(
    "are scikit-learn's and PyTorch's, over batches of any size", arguments: Fixtures.cases("metrics.json"))
  func reference(facts: Fixture) throws {
    let labels = facts.integers("labels")
    let rows = facts["confusion"]?.array?.map { $0.array?.compactMap(\.integer) ?? [] } ?? []
    let (count, classes) = (labels.count, rows.count)
    let scores = Formula.tensor("scores\(facts.name)", [count, classes], -2, 2)
    for batch in [1, 5, 16, count] {
      var metrics = ClassificationMetrics(classCount: classes)
      for start in stride(from: 0, to: count, by: batch) {
        let end = min(start + batch, count)
        let part = try Tensor(scores)[start..<end].value()
        try metrics.add(scores: part, labels: Array(labels[start..<end]))
      }
      #expect(abs(metrics.loss - facts.number("loss")) < 1e-12)
      #expect(metrics.top1 == facts.number("top1"))
      #expect(abs(metrics.top5 - facts.number("top5")) < 1e-15)
      #expect(abs(metrics.macroF1 - facts.number("macro_f1")) < 1e-12)
      let confusion = metrics.confusion
      for label in 0..<classes {
        #expect((0..<classes).map { confusion[label, $0] } == rows[label])
        #expect(confusion.recall(of: label) == facts["recall"]?.array?[label].number)
        #expect(confusion.precision(of: label) == facts["precision"]?.array?[label].number)
        let f1 = facts["f1"]?.array?[label].number
        #expect(abs((confusion.f1(of: label) ?? -1) - (f1 ?? -1)) < 1e-12)
      }
    }
  }

  @Test("parts add up")
  func sums() throws {
    let scores = Formula.tensor("parts", [10, 4], -1, 1)
    let labels = (0..<10).map { $0 % 4 }
    var whole = ClassificationMetrics(classCount: 4)
    try whole.add(scores: scores, labels: labels)
    var (first, second) = (ClassificationMetrics(classCount: 4), ClassificationMetrics(classCount: 4))
    try first.add(scores: Tensor(scores)[0..<3].value(), labels: Array(labels[..<3]))
    try second.add(scores: Tensor(scores)[3..<10].value(), labels: Array(labels[3...]))
    first += second
    #expect(first.confusion == whole.confusion && first.count == 10 && first.top5 == whole.top5)
    #expect(abs(first.loss - whole.loss) < 1e-12)
  }

  @Test("scores that are not numbers are wrong answers, not right ones")
  func notNumbers() throws {
    var metrics = ClassificationMetrics(classCount: 3)
    try metrics.add(scores: HostTensor([Float.nan, .nan, .nan, 1, .nan, 0], shape: [2, 3]), labels: [0, 1])
    #expect(metrics.confusion.correct == 0 && metrics.top5 == 0)
    #expect(metrics.confusion[1, 0] == 1)
  }

  @Test("equal scores count for the first class")
  func ties() throws {
    var metrics = ClassificationMetrics(classCount: 6)
    try metrics.add(scores: .ones([6, 6]), labels: Array(0..<6))
    #expect(metrics.confusion.correct == 1)
    #expect(metrics.top5 == 5.0 / 6)
  }

  @Test("shapes and labels that do not fit are refused")
  func mistakes() {
    var metrics = ClassificationMetrics(classCount: 3)
    #expect(throws: StrataError.self) { try metrics.add(scores: .ones([2, 4]), labels: [0, 1]) }
    #expect(throws: StrataError.self) { try metrics.add(scores: .ones([2, 3]), labels: [0, 3]) }
    #expect(metrics.count == 0)
  }

  @Test("an event is TensorBoard's, byte by byte")
  func event() throws {
    let bytes = EventFile.record(of: [("loss/train", 0.625), ("lr", 0.1)], step: 300, time: 1.5)
    let text = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    #expect(text == Fixtures.json("metrics.json")["event"]?.string)
  }

  @Test(
    "SHA-256 gives the digests of FIPS 180-4",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
      (
        String(repeating: "a", count: 1_000_000),
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
      ),
    ])
  func hash(text: String, digest: String) {
    var whole = SHA256()
    whole.update(Array(text.utf8))
    #expect(whole.hexadecimal == digest)
    var parts = SHA256()
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: 37) {
      parts.update(Array(bytes[start..<min(start + 37, bytes.count)]))
    }
    #expect(parts.hexadecimal == digest)
  }
}
