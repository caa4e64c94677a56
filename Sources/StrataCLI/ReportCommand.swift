import Strata

extension Command {
  /// Writes a page about networks.
  static let report = Command(
    name: "report", summary: "Write a page that shows how networks are built and what they cost.",
    details: """
      The page is one file, which opens in any browser without a network. Nothing is computed and no weight allocated.
      Patterns such as 'vgg*' stand for all networks that fit.
      """,
    operands: .some("MODEL"),
    options: [
      Option(name: "output", value: "REPORT.html", summary: "Where to write.", isRequired: true),
      .input, .classes, .language,
    ]
  ) { arguments in
    let path = try arguments.required("output")
    var report = ModelReport(language: try arguments.language())
    for word in arguments.operands {
      let names = word.contains("*") ? try ModelRegistry.resolve(word).map(\.name) : [word]
      for name in names {
        let subject = try arguments.subject(name)
        try report.add(subject.model, named: subject.name, input: try arguments.input(of: subject))
      }
    }
    try FileSystem.write(Array(report.html.utf8), to: path)
    return .done
  }
}
