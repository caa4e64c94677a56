/// The sentences of conclusions in one language; each is given names and figures as text.
struct ConclusionWords: Sendable {
  /// What stands behind a number of times.
  let timesSign: String
  /// `a, b and c`.
  let list: @Sendable (_ words: [String]) -> String
  /// A network has the most parameters, so many times as many as another.
  let sizes: @Sendable (_ most: String, _ count: String, _ times: String, _ least: String) -> String
  /// `7.19× fewer than resnet50`; the first of several names the unit.
  let fewer: @Sendable (_ times: String, _ other: String, _ isFirst: Bool) -> String
  let needs: @Sendable (_ name: String, _ comparisons: String) -> String
  let separable: @Sendable (_ name: String, _ times: String, _ macs: String) -> String
  let classifier: @Sendable (_ name: String, _ held: String, _ done: String) -> String
  let pointwise: @Sendable (_ name: String, _ done: String, _ held: String) -> String
  let misleading: @Sendable (_ a: String, _ more: String, _ b: String, _ fewer: String) -> String
  let sameArithmetic:
    @Sendable (_ a: String, _ b: String, _ difference: String, _ more: String, _ times: String) -> String
  let depth:
    @Sendable (_ a: String, _ layers: String, _ b: String, _ others: String, _ times: String) -> String
  let intensity: @Sendable (_ a: String, _ most: String, _ b: String, _ least: String) -> String
  let activations: @Sendable (_ name: String, _ times: String) -> String

  /// The sentences of a language.
  static func of(_ language: ReportLanguage) -> ConclusionWords {
    switch language {
    case .english: english
    case .chinese: chinese
    }
  }

  static let english = ConclusionWords(
    timesSign: "×",
    list: Text.list,
    sizes: { "\($0) has the most parameters, \($1): \($2) as many as \($3)." },
    fewer: { "\($0) fewer \($2 ? "MACs " : "")than \($1)" },
    needs: { "\($0) needs \($1)." },
    separable: {
      "With full convolutions in place of depthwise and 1×1 ones, \($0) would need \($1) more: \($2) MACs."
    },
    classifier: {
      "\($0) keeps \($1) of its parameters in fully connected layers, which do \($2) of its MACs."
    },
    pointwise: { "1×1 convolutions do \($1) of \($0)'s MACs and hold \($2) of its parameters." },
    misleading: {
      "Parameters do not tell the cost: \($0) has \($1) the parameters of \($2) and needs \($3) fewer MACs."
    },
    sameArithmetic: {
      "MACs do not tell the size: those of \($0) and \($1) differ by \($2), and \($3) has \($4) the parameters."
    },
    depth: { "\($0) is the deepest with \($1) layers; \($2) has \($3) and yet \($4) the parameters." },
    intensity: {
      """
      For each byte that moves \($0) does \($1) operations and \($2) \($3): the former is bound by arithmetic \
      sooner, the latter by memory.
      """
    },
    activations: { "\($0)'s intermediate results take \($1) the memory of its weights." })

  // swift-format-ignore: IdentifiersMustBeASCII
  static let chinese = ConclusionWords(
    timesSign: " 倍",
    list: { $0.joined(separator: "、") },
    sizes: { "\($0) 的参数最多，共 \($1) 个，是 \($3) 的 \($2)。" },
    fewer: { times, other, _ in "\(other) 的乘加运算是它的 \(times)" },
    needs: { "\($0) 的运算量最小：\($1)。" },
    separable: { "若把深度卷积与 1×1 卷积换成普通卷积，\($0) 的乘加运算将是现在的 \($1)，即 \($2) 次。" },
    classifier: { "\($0) 有 \($1) 的参数在全连接层，而这些层只做 \($2) 的乘加运算。" },
    pointwise: { "1×1 卷积承担 \($0) 乘加运算的 \($1)，占其参数的 \($2)。" },
    misleading: { "参数量不能说明运算量：\($0) 的参数是 \($2) 的 \($1)，而 \($2) 的乘加运算是 \($0) 的 \($3)。" },
    sameArithmetic: { "运算量不能说明规模：\($0) 与 \($1) 的乘加运算只差 \($2)，而 \($3) 的参数是另一个的 \($4)。" },
    depth: { "\($0) 最深，有 \($1) 层；\($2) 只有 \($3) 层，参数却是它的 \($4)。" },
    intensity: { "每传输一个字节，\($0) 做 \($1) 次运算，\($2) 做 \($3) 次：前者更早受限于运算，后者更早受限于内存。" },
    activations: { "\($0) 的中间结果所占内存是其权重的 \($1)。" })
}
