import Strata

/// What the exit status of a process says.
enum ExitStatus: Int32 {
  /// Done.
  case done = 0
  /// The question was understood and the answer is no: a check failed.
  case no = 1
  /// A wrong argument, an unusable file, too little memory.
  case trouble = 2
}

/// A subcommand: what it is called, what it takes, what it does. Its help is made from this.
struct Command: Sendable {
  /// The word that chooses it.
  let name: String
  /// What it does, in one line.
  let summary: String
  /// What else there is to say, in whole sentences.
  var details = ""
  /// What may stand beside the options.
  var operands = Operands.none
  /// What it may be told.
  var options: [Option] = []
  /// Does it.
  let action: @Sendable (Arguments) throws -> ExitStatus

  /// The words beside the options.
  enum Operands: Sendable, Equatable {
    case none
    case one(String)
    case some(String)
    case any(String)

    var usage: String? {
      switch self {
      case .none: nil
      case .one(let name): name
      case .some(let name): "\(name)…"
      case .any(let name): "[\(name)…]"
      }
    }
  }
}

/// An option of a subcommand.
struct Option: Sendable {
  /// The word after `--`.
  let name: String
  /// What stands for the value in the help; nil for an option that has none.
  var value: String?
  /// What it does, in one line.
  let summary: String
  /// Whether the command makes no sense without it.
  var isRequired = false

  var usage: String { "--\(name)" + (value.map { " \($0)" } ?? "") }

  /// The letter that may stand for the word, as people know it from other tools.
  private var letter: String? {
    switch name {
    case "help": "-h"
    case "output": "-o"
    default: nil
    }
  }

  /// `-o, --output FILE`.
  var fullUsage: String { (letter.map { "\($0), " } ?? "") + usage }
  /// The ways to write it: `--output`, `-o`.
  var spellings: [String] { ["--\(name)"] + (letter.map { [$0] } ?? []) }

  static let help = Option(name: "help", summary: "Explain the command.")
  static let json = Option(name: "json", summary: "Print JSON.")
  static let classes = Option(
    name: "classes", value: "N", summary: "Classes that the network tells apart (1000).")
}

extension Command {
  /// Every option, with the one that all commands have.
  var allOptions: [Option] { options + [.help] }

  /// What `--help` prints.
  var help: String {
    var usage = ["strata", name]
    if let operands = operands.usage { usage.append(operands) }
    usage += options.map { $0.isRequired ? $0.usage : "[\($0.usage)]" }
    var sections = ["\(summary)\n\nUsage: \(usage.joined(separator: " "))"]
    sections.append("Options:\n" + Self.table(allOptions.map { ($0.fullUsage, $0.summary) }))
    if !details.isEmpty { sections.append(details) }
    return sections.joined(separator: "\n\n")
  }

  /// Two aligned columns.
  static func table(_ rows: [(String, String)]) -> String {
    let width = rows.map(\.0.count).max() ?? 0
    return rows.map { name, text in
      "  " + name + String(repeating: " ", count: width - name.count + 2) + text
    }.joined(separator: "\n")
  }
}
