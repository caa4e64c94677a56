import StrataCore
import StrataGraph
import StrataModels
import StrataNN
import Synchronization

/// Several networks side by side: their figures, their ratios to the first, what follows from them.
public struct ModelComparison: Sendable {
  /// A network and its figures.
  public struct Entry: Sendable {
    /// What it is called here: a name of the registry, or a file.
    public let name: String
    /// Its costs.
    public let summary: ModelSummary

    /// Creates an entry.
    public init(name: String, summary: ModelSummary) {
      self.name = name
      self.summary = summary
    }
  }

  /// What networks are ordered by.
  public enum Order: String, Sendable, Hashable, CaseIterable {
    /// The name.
    case name
    /// Parameters, most first.
    case params
    /// Multiply-accumulates, most first.
    case macs
    /// Memory of inference, most first.
    case memory
    /// Memory of a training step, most first.
    case training
    /// Layers on the longest way, most first.
    case depth
    /// The receptive field, largest first.
    case field
    /// Arithmetic for each byte, most first.
    case intensity
  }

  /// The networks.
  public private(set) var entries: [Entry]
  /// The network that ratios are taken to.
  public let reference: Entry?
  /// The optimiser that training is predicted for.
  public var optimizer = TrainingOptimizer.sgdMomentum

  /// Compares networks; ratios are to the first.
  public init(_ entries: [Entry]) {
    self.entries = entries
    reference = entries.first
  }

  /// Compares networks of the registry, each on an image of its own size or on `input`.
  public init(_ models: [ModelEntry], options: ModelOptions = ModelOptions(), input: Shape? = nil)
    throws(StrataError)
  {
    let results = Mutex<[Result<Entry, StrataError>?]>(Array(repeating: nil, count: models.count))
    Parallel.forEachRange(of: models.count, grain: 1) { range in
      for index in range {
        let entry = models[index]
        let result = Result { () throws(StrataError) in
          let shape =
            input ?? Shape([1, options.inputChannels ?? entry.imageShape[0]] + entry.imageShape.dropFirst())
          return Entry(name: entry.name, summary: try entry.make(options).summary(input: shape))
        }
        results.withLock { $0[index] = result }
      }
    }
    var entries: [Entry] = []
    for (model, result) in zip(models, results.withLock({ $0 })) {
      do throws(StrataError) {
        if let entry = try result?.get() { entries.append(entry) }
      } catch {
        throw StrataError(error.kind, "\(model.name): \(error.message)")
      }
    }
    self.init(entries)
  }

  /// The same networks in another order.
  public func sorted(by order: Order) -> ModelComparison {
    var copy = self
    copy.entries = entries.enumerated().sorted { a, b in
      if order == .name { return a.element.name < b.element.name }
      let (x, y) = (value(a.element, order), value(b.element, order))
      return x == y ? a.offset < b.offset : x > y
    }.map(\.element)
    return copy
  }

  private func value(_ entry: Entry, _ order: Order) -> Double {
    let summary = entry.summary
    switch order {
    case .name: return 0
    case .params: return Double(summary.parameters)
    case .macs: return Double(summary.macs)
    case .memory: return Double(summary.inferenceBytes)
    case .training: return Double(summary.trainingBytes(optimizer).total)
    case .depth: return Double(summary.depth)
    case .field: return Double(summary.field?.height ?? 0)
    case .intensity: return summary.arithmeticIntensity
    }
  }
}

// Tables.
extension ModelComparison {
  /// How many times the reference's figure, where there is one to compare with.
  private func ratio(_ entry: Entry, _ figure: (ModelSummary) -> Int) -> String {
    guard let reference, figure(reference.summary) > 0 else { return "" }
    return Text.times(Text.ratio(figure(entry.summary), figure(reference.summary))) + "×"
  }

  /// The main table, with its titles.
  package var rows: [[String]] {
    let titles = [
      "Model", "Layers", "Parameters", "", "MACs", "", "Weights", "Inference", "Training", "Field",
      "FLOP/byte",
    ]
    return [titles]
      + entries.map { entry in
        let summary = entry.summary
        func bytes(_ count: Int) -> String { Text.bytes(Double(count)) }
        return [
          entry.name, "\(summary.depth)", Text.grouped(summary.parameters), ratio(entry) { $0.parameters },
          Text.grouped(summary.macs), ratio(entry) { $0.macs }, bytes(summary.weightBytes),
          bytes(summary.inferenceBytes), bytes(summary.trainingBytes(optimizer).total),
          summary.field.map { $0.isSquare ? "\($0.height)" : $0.times } ?? "",
          DecimalText.fixed(summary.arithmeticIntensity, digits: 1),
        ]
      }
  }

  /// What each spends a figure on, with titles.
  func spendingRows(_ title: String, _ figure: (Spending) -> [Spending.Kind: Int]) -> [[String]] {
    let kinds = Spending.Kind.allCases.filter { kind in
      entries.contains { (figure($0.summary.spending)[kind] ?? 0) > 0 }
    }
    return [[title] + kinds.map(\.rawValue)]
      + entries.map { entry in
        let spent = figure(entry.summary.spending)
        let all = spent.values.reduce(0, +)
        return [entry.name] + kinds.map { Text.share(spent[$0] ?? 0, of: all) }
      }
  }

  /// The inputs, in a line.
  private var inputs: String {
    let shapes = Set(entries.map(\.summary.input))
    guard let shape = shapes.first, shapes.count == 1 else { return "Each on an image of its own size." }
    return "Input \(shape)."
  }

  private var notes: String {
    """
    \(inputs) Layers are convolutions and linear layers on the longest way. Inference and a training step with \
    \(optimizer.rawValue) are memory at its peak, predicted.
    """
  }

  /// Tables and conclusions for people.
  public var text: String {
    var parts = [Text.table(rows), notes]
    parts.append(Text.table(spendingRows("Parameters in") { $0.parameters }))
    parts.append(Text.table(spendingRows("MACs in") { $0.macs }))
    let sentences = conclusions
    if !sentences.isEmpty { parts.append(sentences.map { "- \($0)" }.joined(separator: "\n")) }
    return parts.joined(separator: "\n\n")
  }

  /// Tables and conclusions in Markdown.
  public var markdown: String {
    var parts = [Text.markdown(rows), notes, Text.markdown(spendingRows("Parameters in") { $0.parameters })]
    parts.append(Text.markdown(spendingRows("MACs in") { $0.macs }))
    let sentences = conclusions
    if !sentences.isEmpty { parts.append(sentences.map { "- \($0)" }.joined(separator: "\n")) }
    return parts.joined(separator: "\n\n")
  }

  /// The figures for programs.
  public var csv: String {
    let kinds = Spending.Kind.allCases
    let names = kinds.map { "\($0)" }
    let titles =
      [
        "model", "layers", "parameters", "macs", "weight_bytes", "inference_bytes", "training_bytes",
        "peak_activation_bytes", "field", "intensity",
      ] + names.map { "parameters_\($0)" } + names.map { "macs_\($0)" }
    let rows = entries.map { entry in
      let summary = entry.summary
      return [
        entry.name, "\(summary.depth)", "\(summary.parameters)", "\(summary.macs)", "\(summary.weightBytes)",
        "\(summary.inferenceBytes)", "\(summary.trainingBytes(optimizer).total)",
        "\(summary.peakActivationBytes)", summary.field.map { "\($0.height)" } ?? "",
        DecimalText.fixed(summary.arithmeticIntensity, digits: 3),
      ] + kinds.map { "\(summary.spending.parameters[$0] ?? 0)" }
        + kinds.map { "\(summary.spending.macs[$0] ?? 0)" }
    }
    return Text.csv([titles] + rows)
  }
}
