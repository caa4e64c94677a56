import Strata

extension Command {
  /// Writes a page about networks.
  static let report = Command(
    name: "report", summary: "Write a page that shows how networks are built and what they cost.",
    details: """
      The page is one file, which opens in any browser without a network. Nothing is computed and no weight allocated,
      unless --measure asks for times. MODEL may hold `*` for any text, as in 'resnet*', be a file with what PyTorch
      prints of a network, or - for that text on standard input.
      """,
    operands: .some("MODEL"),
    options: [
      Option(name: "output", value: "REPORT.html", summary: "Where to write.", isRequired: true),
      .input,
      Option(
        name: "measure", summary: "Run the networks, and show the time of each layer beside the roofline."),
      Option(name: "runs", value: "R", summary: "Runs to measure (15)."),
      .language,
    ] + Option.network
  ) { arguments in
    let path = try arguments.required("output")
    let runs = try arguments.number("runs", in: 1...10_000) ?? 15
    var report = ModelReport(language: try arguments.language())
    var ceilings: MachineCeilings?
    for subject in try arguments.subjects() {
      let input = try arguments.input(of: subject)
      _ = try subject.summary(input: input)
      var profile: ModelProfile?
      if arguments.has("measure") {
        let bounds = try ceilings ?? .measure()
        ceilings = bounds
        profile = try ModelProfile(subject.model, input: input, runs: runs, ceilings: bounds)
        Engine.clearCache()
      }
      try report.add(subject.model, named: subject.name, input: input, profile: profile)
    }
    try FileSystem.write(Array(report.html.utf8), to: path)
    return .done
  }
}
