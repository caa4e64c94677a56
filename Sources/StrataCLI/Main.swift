import Strata

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The command-line tool `strata`.
@main
enum Main {
  /// The subcommands, in the order in which the help lists them.
  static let commands: [Command] = [
    .env, .models, .show, .summary, .compare, .diff, .explain, .report, .draw, .bench, .profile, .parallel,
    .verify, .run,
    .lab, .data, .train, .eval, .replay, .initialise, .predict, .inspect, .convert, .export, .parity,
  ]

  static func main() {
    Output.prepare()
    exit(run(Array(CommandLine.arguments.dropFirst())).rawValue)
  }

  private static func run(_ words: [String]) -> ExitStatus {
    var place = "strata"
    do {
      guard let first = words.first else {
        Output.complain(help)
        return .trouble
      }
      switch first {
      case "--help", "-h", "help":
        let topic = words.dropFirst().first { !$0.hasPrefix("-") }
        try Output.print(try topic.map { try command($0).help } ?? help)
      case "--version": try Output.print("strata \(StrataVersion.strata)")
      default:
        let command = try command(first)
        place += " \(command.name)"
        let arguments = try Arguments(Array(words.dropFirst()), of: command)
        guard !arguments.has(.help) else {
          try Output.print(command.help)
          return .done
        }
        return try command.action(arguments)
      }
      return .done
    } catch {
      // Processes that were started together make the same mistake: one of them tells it.
      if Launch.rank ?? 0 == 0 { Output.complain("\(place): \(error)") }
      return .trouble
    }
  }

  private static func command(_ name: String) throws(StrataError) -> Command {
    if let command = commands.first(where: { $0.name == name }) { return command }
    if name.hasPrefix("-") { throw Arguments.unknown("option", name, in: ["--help", "--version"]) }
    throw Arguments.unknown("command", name, in: commands.map(\.name))
  }

  private static var help: String {
    """
    Strata builds, prints, verifies, measures, trains and runs convolutional networks.

    Usage: strata COMMAND [ARGUMENTS]

    Commands:
    \(Command.table(commands.map { ($0.name, $0.summary) }))

    Options:
    \(Command.table([("--help", "Explain the tool; after a command, the command."), ("--version", "Print the version.")]))

    The exit status is 0 when all is done, 1 when the answer is no (a check failed), 2 when something is wrong.
    """
  }
}
