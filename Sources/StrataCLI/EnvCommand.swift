import Strata

extension Command {
  /// Describes the environment and tests the basic operations.
  static let env = Command(
    name: "env", summary: "Show versions, processor, memory and CUDA, and test the basic operations.",
    details: "The exit status is 1 if an operation does not give its known answer.",
    options: [.json]
  ) { arguments in
    let report = EnvironmentReport(engine: .linked)
    if arguments.has(.json) {
      try Output.print(report.json)
    } else {
      try Output.print(report.text() + "\n")
      for check in report.checks { try Output.print(check.line) }
      let passed = report.checks.count { $0.ok }
      try Output.print("\n\(passed) of \(report.checks.count) basic operations give their known answers")
    }
    return report.ok ? .done : .no
  }
}

extension EngineDescription {
  /// The engine that this tool is linked with.
  static var linked: EngineDescription {
    EngineDescription(name: "oneDNN", version: OneDNNBackend.version, isa: OneDNNBackend.instructionSet)
  }
}

extension CheckResult {
  /// The result as a line of its own.
  var line: String {
    let mark = ok ? Output.coloured("ok    ", .green) : Output.coloured("FAILED", .red)
    return "\(mark)  \(sentence)"
  }
}

extension EnvironmentReport {
  fileprivate var json: JSONValue {
    var checks = JSONObject()
    for check in self.checks { checks[check.name] = .bool(check.ok) }
    var values = JSONObject()
    for (name, text) in tensors { values[name] = .string(text) }
    var memory: JSONObject = ["total_bytes": .integer(Int(self.memory.total))]
    memory["available_bytes"] = self.memory.available.map { .integer(Int($0)) } ?? .null
    let devices = cuda.devices.map { device in
      ["name": .string(device.name), "memory_bytes": .integer(device.memory)] as JSONValue
    }
    return [
      "strata": .string(StrataVersion.strata),
      "swift": .string(StrataVersion.swift),
      "system": .string(Self.system),
      "onednn": ["version": .string(engine.version), "isa": .string(engine.isa)],
      "cpu": [
        "model": .string(processor.model),
        "cores": .integer(processor.cores),
        "threads": .integer(processor.threads),
        "usable_threads": .integer(processor.usable),
        "quota": processor.quota.map { .number($0) } ?? .null,
      ],
      "threads": .integer(threads),
      "memory": .object(memory),
      "mpi": mpi.map { .string($0) } ?? .null,
      "cuda": [
        "available": .bool(cuda.isAvailable),
        "driver": cuda.driver.map { .string($0) } ?? .null,
        "devices": .array(devices),
        "reason": cuda.obstacle.map { .string($0.description) } ?? .null,
      ],
      "tensors": .object(values),
      "checks": .object(checks),
    ]
  }
}
