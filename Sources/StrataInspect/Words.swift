/// The sentences of reports in a language. One table, so that a translation can be read beside the original.
struct Words: Sendable {
  let colon: String
  let system: String
  let processor: String
  let cores: String
  let memory: String
  /// `2 cores, 4 hardware threads; 2 threads in use`.
  let coreCounts: @Sendable (_ cores: Int, _ threads: Int, _ used: Int) -> String
  let quota: @Sendable (String) -> String
  let available: @Sendable (String) -> String
  /// In place of the library of a program that was built without MPI.
  let noMPI: String
  let noCUDA: String
  let cudaObstacle: @Sendable (CUDAObstacle) -> String
  let cuda: @Sendable (_ version: String, _ devices: String) -> String
  let selfTest: @Sendable (_ passed: Int, _ count: Int) -> String

  let title: String
  let environment: String
  let input: String
  let output: String
  let parameters: String
  let features: String
  let classifier: String
  let macs: String
  let forward: String
  let forwardTime: @Sendable (_ milliseconds: String, _ count: Int, _ threads: Int) -> String
  let verified: String
  let verifiedCount: @Sendable (_ passed: Int, _ count: Int) -> String

  let comparison: String
  let columns: [String]
  let notes: String
  let conclusions: String
  let conclusion: Conclusions

  /// The sentences in which the lab's conclusions are drawn.
  struct Conclusions: Sendable {
    let sizes: @Sendable (_ largest: String, _ count: String, _ ratio: String, _ smallest: String) -> String
    let classifierHeavy: @Sendable (_ name: String, _ share: String, _ macShare: String) -> String
    let featureHeavy: @Sendable (_ name: String, _ share: String) -> String
    let countsMislead: @Sendable (_ a: String, _ b: String, _ parameters: String, _ macs: String) -> String
    let depth:
      @Sendable (_ deepest: String, _ layers: Int, _ other: String, _ otherLayers: Int, _ ratio: String) ->
        String
    let separable: @Sendable (_ name: String, _ ratio: String) -> String
    let activations: @Sendable (_ name: String, _ ratio: String) -> String
    let times:
      @Sendable (_ fastest: String, _ ms: String, _ slowest: String, _ slowMs: String, _ ratio: String) ->
        String
    let speed: @Sendable (_ best: String, _ high: String, _ worst: String, _ low: String) -> String
  }

  /// The table of a language.
  static func of(_ language: ReportLanguage) -> Words {
    switch language {
    case .english: english
    case .chinese: chinese
    }
  }
}

extension Words {
  static let english = Words(
    colon: ":",
    system: "System",
    processor: "Processor",
    cores: "Cores",
    memory: "Memory",
    coreCounts: { "\($0) with \($1) hardware threads; \($2) threads in use" },
    quota: { ", limited to the time of \($0)" },
    available: { ", \($0) available" },
    noMPI: "not built in: script/bootstrap --mpi, then swift build",
    noCUDA: "not available: ",
    cudaObstacle: { obstacle in
      switch obstacle {
      case .otherSystem: "it does not exist on this system"
      case .noLibrary: "there is no driver library, libcuda.so.1"
      case .brokenLibrary(let message): "the driver library cannot be used: \(message)"
      case .stubLibrary: "the driver library found only serves linking"
      case .oldDriver(let version):
        "the driver is too old" + (version.map { ": it supports CUDA \($0), needed is 12.0 or newer" } ?? "")
      case .mixedVersions: "the driver and its library are of different versions, as after an update: restart"
      case .noDevice: "there is a driver but no device"
      case .refusal(let name): "the driver gives error \(name)"
      }
    },
    cuda: { "\($0): \($1); this version computes on the processor" },
    selfTest: { "\($0) of \($1) basic operations give their known answers." },
    title: "Four convolutional networks: built, printed, run, verified, compared",
    environment: "Environment",
    input: "Input",
    output: "Output",
    parameters: "Parameters",
    features: "  features",
    classifier: "  classifier",
    macs: "Multiply-accumulates",
    forward: "Forward pass",
    forwardTime: { "\($0) ms (median of \($1), \($2) threads)" },
    verified: "Verified",
    verifiedCount: { "\($0) of \($1) properties hold" },
    comparison: "Comparison",
    columns: [
      "", "layers", "parameters", "multiply-accumulates", "weights MB", "activations MB", "forward ms",
    ],
    notes: """
      Layers are convolutions and linear layers on the longest way from input to output. Activations are the
      results of all operations, those in place counted once. Numbers take 32 bits; 1 MB is a million bytes.
      """,
    conclusions: "Conclusions",
    conclusion: Conclusions(
      sizes: { "\($0) is the largest with \($1) parameters, \($2) times as many as \($3)." },
      classifierHeavy: {
        "\($0) keeps \($1) of its parameters in the classifier, which does only \($2) of the arithmetic."
      },
      featureHeavy: { "\($0) keeps \($1) of its parameters in the layers that find features." },
      countsMislead: {
        "Parameters do not tell the cost: \($0) has \($2) times the parameters of \($1) and needs \($3) times less arithmetic."
      },
      depth: {
        "\($0) is the deepest with \($1) layers; \($2) has \($3) and yet \($4) times the parameters."
      },
      separable: {
        "Ordinary convolutions in place of \($0)'s depthwise separable ones would need \($1) times the arithmetic."
      },
      activations: { "\($0)'s intermediate results take \($1) times the memory of its weights." },
      times: { "Fastest is \($0) with \($1) ms, slowest \($2) with \($3) ms: \($4) times as long." },
      speed: {
        "Arithmetic alone does not tell the time: \($0) runs at \($1) GFLOP/s, \($2) at \($3)."
      }))
}
